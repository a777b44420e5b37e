/* SPDX-License-Identifier: MIT */
/* Pipes and what waits for them: poll, select, epoll, eventfd, timerfd. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/timerfd.h>

#include "check.h"

static int ends[2];

static void *write_later(void *arg)
{
	check_sleep_ms(20);
	CHECK(write(*(int *)arg, "12345678", 8) == 8);
	return NULL;
}

static void writes_later(int *fd, pthread_t *thread)
{
	CHECK_ZERO(pthread_create(thread, NULL, write_later, fd));
}

static void test_pipe(void)
{
	pthread_t thread;
	char text[16] = "";
	int waiting;

	CHECK(pipe(ends) == 0);
	writes_later(&ends[1], &thread);
	CHECK(read(ends[0], text, 16) == 8 && strcmp(text, "12345678") == 0);
	CHECK_ZERO(pthread_join(thread, NULL));
	CHECK(write(ends[1], "abc", 3) == 3 && ioctl(ends[0], FIONREAD, &waiting) == 0);
	CHECK(waiting == 3 && close(ends[1]) == 0);
	CHECK(read(ends[0], text, 16) == 3 && read(ends[0], text, 16) == 0 &&
		close(ends[0]) == 0);
	CHECK(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
	CHECK_ERRNO(read(ends[0], text, 1), EAGAIN);
	CHECK(fcntl(ends[0], F_SETFL, 0) == 0 && fcntl(ends[1], F_SETFL, 0) == 0);
}

/* 64 MiB from one thread to another. */
static void *pump(void *arg)
{
	static char data[100000];

	(void)arg;
	for (int i = 0; i < 640; i++) {
		memset(data, i, sizeof(data));
		CHECK(write(ends[1], data, sizeof(data)) == sizeof(data));
	}
	return NULL;
}

static void test_stream(void)
{
	static char data[30000];
	size_t total = 0;
	pthread_t thread;

	CHECK_ZERO(pthread_create(&thread, NULL, pump, NULL));
	while (total < 64000000) {
		ssize_t n = read(ends[0], data, sizeof(data));

		CHECK(n > 0);
		for (ssize_t i = 0; i < n; i++, total++)
			CHECK(data[i] == (char)(total / 100000));
	}
	CHECK_ZERO(pthread_join(thread, NULL));
}

static void test_poll(void)
{
	struct pollfd p[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}};
	uint64_t start = check_now_ns();
	pthread_t thread;
	char text[8];

	CHECK(poll(p, 1, 20) == 0 && check_now_ns() - start >= 20000000);
	CHECK(poll(p, 2, -1) == 1 && p[0].revents == 0 && p[1].revents == POLLOUT);
	writes_later(&ends[1], &thread);
	CHECK(poll(p, 1, -1) == 1 && p[0].revents == POLLIN && read(ends[0], text, 8) == 8);
	CHECK_ZERO(pthread_join(thread, NULL));
	for (int i = 0; i < 1000; i++)
		CHECK(poll(p, 1, 0) == 0);
	p[0].fd = 999;
	CHECK(poll(p, 1, 0) == 1 && p[0].revents == POLLNVAL);
}

static void test_select(void)
{
	struct timeval time = {0, 20000};
	pthread_t thread;
	fd_set set;
	char text[8];

	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	CHECK(select(ends[0] + 1, &set, NULL, NULL, &time) == 0 && !FD_ISSET(ends[0], &set));
	FD_SET(ends[0], &set);
	writes_later(&ends[1], &thread);
	CHECK(select(ends[0] + 1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(ends[0], &set));
	CHECK(read(ends[0], text, 8) == 8);
	CHECK_ZERO(pthread_join(thread, NULL));
}

static void test_epoll(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x123456789abc}, got[4];
	pthread_t thread;
	char text[8];

	CHECK(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
	CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), EEXIST);
	CHECK(epoll_wait(epoll, got, 4, 20) == 0);
	writes_later(&ends[1], &thread);
	CHECK(epoll_wait(epoll, got, 4, -1) == 1 && got[0].data.u64 == 0x123456789abc);
	CHECK_ZERO(pthread_join(thread, NULL));
	CHECK(read(ends[0], text, 8) == 8 &&
		epoll_ctl(epoll, EPOLL_CTL_DEL, ends[0], NULL) == 0);
	CHECK(close(epoll) == 0);
}

static void test_eventfd(void)
{
	int fd = eventfd(3, EFD_NONBLOCK), sem = eventfd(2, EFD_SEMAPHORE);
	uint64_t value;

	CHECK(fd >= 0 && sem >= 0);
	CHECK(read(fd, &value, 8) == 8 && value == 3);
	CHECK_ERRNO(read(fd, &value, 8), EAGAIN);
	value = 5;
	CHECK(write(fd, &value, 8) == 8 && write(fd, &value, 8) == 8);
	CHECK(read(fd, &value, 8) == 8 && value == 10);
	CHECK(read(sem, &value, 8) == 8 && value == 1);
	CHECK_ERRNO(read(fd, &value, 4), EINVAL);
	CHECK(close(fd) == 0 && close(sem) == 0);
}

static void test_timerfd(void)
{
	struct itimerspec spec = {{0, 5000000}, {0, 5000000}};
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t count, total = 0, start = check_now_ns();

	CHECK(fd >= 0 && timerfd_settime(fd, 0, &spec, NULL) == 0);
	while (total < 6) {
		CHECK(read(fd, &count, 8) == 8);
		total += count;
	}
	CHECK(check_now_ns() - start >= 30000000 && close(fd) == 0);
}

/* Two pairs of threads, a byte to and fro. */
static int there[2][2], back[2][2];

static void *echo(void *arg)
{
	size_t i = (size_t)arg;
	char byte;

	for (int n = 0; n < 2000; n++) {
		CHECK(read(there[i][0], &byte, 1) == 1 && byte == (char)n);
		CHECK(write(back[i][1], &byte, 1) == 1);
	}
	return NULL;
}

static void *call(void *arg)
{
	size_t i = (size_t)arg;

	for (int n = 0; n < 2000; n++) {
		char byte = (char)n;

		CHECK(write(there[i][1], &byte, 1) == 1);
		CHECK(read(back[i][0], &byte, 1) == 1 && byte == (char)n);
	}
	return NULL;
}

static void test_ping_pong(void)
{
	pthread_t thread[4];

	for (size_t i = 0; i < 2; i++) {
		CHECK(pipe(there[i]) == 0 && pipe(back[i]) == 0);
		CHECK_ZERO(pthread_create(&thread[i], NULL, echo, (void *)i));
		CHECK_ZERO(pthread_create(&thread[i + 2], NULL, call, (void *)i));
	}
	for (size_t i = 0; i < 4; i++)
		CHECK_ZERO(pthread_join(thread[i], NULL));
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"pipe", test_pipe},
		{"stream", test_stream},
		{"poll", test_poll},
		{"select", test_select},
		{"epoll", test_epoll},
		{"eventfd", test_eventfd},
		{"timerfd", test_timerfd},
		{"ping_pong", test_ping_pong},
	};

	(void)argc;
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
