/* SPDX-License-Identifier: MIT */
/*
 * Polls with timeout 0 of descriptors that were quiet: events that are not data, numbers that
 * get other files, epoll's own ways, errors.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "quiet_ways.h"

static int ask(int fd, int events)
{
	struct pollfd p = {fd, (short)events, 77};
	int n = poll(&p, 1, 0);

	CHECK(n >= 0 && n == (p.revents != 0));
	return p.revents;
}

static void nothing_of(int fd, int events)
{
	for (int i = 0; i < 4; i++)
		CHECK(ask(fd, events) == 0);
}

static void test_other_events(void)
{
	static char page[65536];
	int p[2], s[2];

	CHECK(pipe(p) == 0);
	nothing_of(p[0], POLLIN);
	nothing_of(p[0], 0);
	CHECK(close(p[1]) == 0 && ask(p[0], 0) == POLLHUP && ask(p[0], POLLIN) == POLLHUP);
	CHECK(close(p[0]) == 0 && ask(p[0], POLLIN) == POLLNVAL && pipe(p) == 0);
	CHECK(fcntl(p[1], F_SETFL, O_NONBLOCK) == 0 && ask(p[1], POLLOUT) == POLLOUT);
	while (write(p[1], page, sizeof(page)) > 0)
		;
	nothing_of(p[1], POLLOUT);
	CHECK(read(p[0], page, sizeof(page)) > 0 && ask(p[1], POLLOUT) == POLLOUT);
	while (write(p[1], page, sizeof(page)) > 0)
		;
	nothing_of(p[1], POLLOUT);
	nothing_of(p[1], 0);
	CHECK(close(p[0]) == 0 && (ask(p[1], 0) & POLLERR) && close(p[1]) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	nothing_of(s[0], POLLIN);
	nothing_of(s[0], POLLIN | POLLRDHUP);
	CHECK(shutdown(s[1], SHUT_WR) == 0);
	CHECK(ask(s[0], POLLIN | POLLRDHUP) == (POLLIN | POLLRDHUP));
	nothing_of(s[0], POLLPRI);
	CHECK(close(s[1]) == 0 && (ask(s[0], POLLPRI) & POLLHUP) && close(s[0]) == 0);
}

static void test_connection(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client, peer;
	socklen_t len = sizeof(sa_family_t); /* the kernel finds a name */

	CHECK(server >= 0 && bind(server, (struct sockaddr *)&name, len) == 0);
	len = sizeof(name);
	CHECK(getsockname(server, (struct sockaddr *)&name, &len) == 0 &&
		listen(server, 4) == 0);
	for (int i = 0; i < 3; i++) {
		nothing_of(server, POLLIN);
		client = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK(connect(client, (struct sockaddr *)&name, len) == 0);
		CHECK(ask(server, POLLIN) == POLLIN &&
			(peer = accept(server, NULL, NULL)) >= 0);
		nothing_of(peer, POLLIN);
		CHECK(close(client) == 0 && (ask(peer, POLLIN) & POLLHUP) && close(peer) == 0);
	}
	CHECK(close(server) == 0);
}

/* ---- numbers that get other files ---- */

static void test_numbers(void)
{
	int quiet[2], full[2], third[2], copy;
	char byte;

	for (int i = 0; i < 20; i++) {
		CHECK(pipe(quiet) == 0 && pipe(full) == 0 && write(full[1], "x", 1) == 1);
		nothing_of(quiet[0], POLLIN);
		/* A number gets another file, and back. */
		copy = dup(quiet[0]);
		nothing_of(copy, POLLIN);
		CHECK(dup2(full[0], quiet[0]) == quiet[0] && ask(quiet[0], POLLIN) == POLLIN);
		nothing_of(copy, POLLIN);
		CHECK(dup2(copy, quiet[0]) == quiet[0]);
		nothing_of(quiet[0], POLLIN);
		nothing_of(copy, POLLIN);
		/* Two numbers of one file: both tell. */
		CHECK(write(quiet[1], "x", 1) == 1 && ask(copy, POLLIN) &&
			ask(quiet[0], POLLIN));
		CHECK(read(copy, &byte, 1) == 1);
		nothing_of(quiet[0], POLLIN);
		nothing_of(copy, POLLIN);
		/* Closed and used again, by a file that is quiet as well. */
		CHECK(close(quiet[0]) == 0 && ask(quiet[0], POLLIN) == POLLNVAL);
		CHECK(pipe(third) == 0 && third[0] == quiet[0]);
		nothing_of(third[0], POLLIN);
		CHECK(write(third[1], "x", 1) == 1 && ask(third[0], POLLIN) == POLLIN);
		nothing_of(copy, POLLIN);
		CHECK(syscall(436 /* close_range */, quiet[0], ~0U, 0) == 0);
		CHECK(ask(copy, POLLIN) == POLLNVAL);
	}
}

static void test_regular_file(void)
{
	char path[] = "quiet-XXXXXX";
	int fd = mkstemp(path), p[2];

	CHECK(fd >= 0 && unlink(path) == 0 && pipe(p) == 0);
	for (int i = 0; i < 5; i++) {
		CHECK(ask(fd, POLLIN) == POLLIN && ask(fd, POLLOUT) == POLLOUT);
		CHECK(ask(fd, POLLPRI) == 0 && ask(p[0], POLLIN) == 0);
	}
	CHECK(close(fd) == 0 && ask(fd, POLLPRI) == POLLNVAL);
	CHECK(close(p[0]) == 0 && close(p[1]) == 0);
}

/* ---- epoll's own ways ---- */

static void test_edges(void)
{
	static const uint32_t kinds[] = {EPOLLIN | EPOLLET, EPOLLIN | EPOLLONESHOT};
	int p[2];

	CHECK(pipe(p) == 0);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct epoll_event event = {.events = kinds[i], .data.fd = p[0]};

		watch(p[0], kinds[i]);
		nothing(by_epoll, p[0]);
		for (int n = 0; n < 10; n++) {
			CHECK(write(p[1], "x", 1) == 1 && by_poll(epoll_set) && by_epoll(p[0]));
			nothing(by_epoll, p[0]);
			nothing(by_poll_of_epoll, p[0]);
			CHECK(read(p[0], &(char){0}, 1) == 1);
			CHECK(epoll_ctl(epoll_set, EPOLL_CTL_MOD, p[0], &event) == 0);
			nothing(by_epoll, p[0]);
		}
		CHECK(close(epoll_set) == 0);
	}
	CHECK(close(p[0]) == 0 && close(p[1]) == 0);
}

/* Added while the epoll is quiet; ready already. */
static void test_epoll_ctl(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int p[2], full[2];

	CHECK(pipe(p) == 0 && pipe(full) == 0 && write(full[1], "x", 1) == 1);
	watch(p[0], EPOLLIN);
	nothing(by_epoll, p[0]);
	event.data.fd = full[0];
	CHECK(epoll_ctl(epoll_set, EPOLL_CTL_ADD, full[0], &event) == 0 && by_epoll(full[0]));
	CHECK(epoll_ctl(epoll_set, EPOLL_CTL_DEL, full[0], NULL) == 0);
	nothing(by_epoll, p[0]);
	for (int i = 0; i < 2; i++)
		CHECK(close(p[i]) == 0 && close(full[i]) == 0);
	CHECK(close(epoll_set) == 0);
}

/* ---- errors are the host's ---- */

static void test_errors(void)
{
	struct pollfd p = {0, POLLIN, 77};
	struct epoll_event event;
	struct timeval none = {0, 0};
	fd_set set;
	int ends[2];

	CHECK(pipe(ends) == 0);
	watch(ends[0], EPOLLIN);
	nothing(by_poll, ends[0]);
	nothing(by_select, ends[0]);
	nothing(by_epoll, ends[0]);
	CHECK(poll(NULL, 0, 0) == 0);
	CHECK_ERRNO(syscall(SYS_poll, (void *)8, 1, 0), EFAULT);
	CHECK_ERRNO(syscall(SYS_poll, -8L, 1, 0), EFAULT);
	CHECK_ERRNO(syscall(SYS_poll, &p, -1, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(epoll_set, &event, 0, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_epoll_wait, epoll_set, &event, -1, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(ends[0], &event, 1, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(-1, &event, 1, 0), EBADF);
	CHECK_ERRNO(syscall(SYS_epoll_wait, epoll_set, -8L, 1, 0), EFAULT);
	CHECK_ERRNO(syscall(SYS_select, -1, NULL, NULL, NULL, &none), EINVAL);
	CHECK_ERRNO(syscall(SYS_select, ends[0] + 1, (void *)8, NULL, NULL, &none), EFAULT);
	CHECK(select(0, NULL, NULL, NULL, &none) == 0);
	FD_ZERO(&set);
	CHECK(select(FD_SETSIZE, &set, NULL, NULL, &none) == 0);
	CHECK(close(ends[1]) == 0 && close(ends[0]) == 0);
	FD_SET(ends[0], &set);
	CHECK_ERRNO(select(ends[0] + 1, &set, NULL, NULL, &none), EBADF);
	CHECK(close(epoll_set) == 0);
	CHECK_ERRNO(epoll_wait(epoll_set, &event, 1, 0), EBADF);
}

/* A mask that lets a signal in: the guest has to ask. */
static volatile int caught;

static void catch_it(int signo)
{
	caught = signo;
}

static void test_mask(void)
{
	struct timespec none = {0, 0};
	sigset_t block, open;
	struct pollfd p;
	int ends[2];

	CHECK(pipe(ends) == 0 && signal(SIGUSR1, catch_it) != SIG_ERR);
	p = (struct pollfd){ends[0], POLLIN, 0};
	sigemptyset(&open);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	nothing(by_poll, ends[0]);
	CHECK(sigprocmask(SIG_BLOCK, &block, NULL) == 0 && raise(SIGUSR1) == 0 && !caught);
	CHECK_ERRNO(ppoll(&p, 1, &none, &open), EINTR);
	CHECK(caught == SIGUSR1 && ppoll(&p, 1, &none, &open) == 0);
	CHECK(sigprocmask(SIG_UNBLOCK, &block, NULL) == 0);
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"other_events", test_other_events},
		{"connection", test_connection},
		{"numbers", test_numbers},
		{"regular_file", test_regular_file},
		{"edges", test_edges},
		{"epoll_ctl", test_epoll_ctl},
		{"errors", test_errors},
		{"mask", test_mask},
	};

	(void)argc;
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
