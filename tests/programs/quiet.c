/* SPDX-License-Identifier: MIT */
/*
 * Polls with timeout 0, which a guest may answer from what it knows: whatever makes a
 * descriptor readable must be seen, at once if the program itself did it, in any way of asking.
 *   quiet            all cases
 *   quiet count N    N polls of a pipe and a socket where nothing happens
 *   quiet input      counts the bytes of standard input, polling
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "quiet_ways.h"

#define MARK     0x4c57564d  /* "LWVM" */
#define PATIENCE 5000000000u /* ns: longest wait for what another process or a clock does */

/* ---- what the program does itself is seen by the next poll ---- */

static void each_way(int in, int out)
{
	char byte;

	watch(in, EPOLLIN);
	for (size_t i = 0; i < ARRAY_LEN(ways) * 3; i++) {
		bool (*way)(int fd) = ways[i % ARRAY_LEN(ways)];

		nothing(way, in);
		CHECK(write(out, "x", 1) == 1 && way(in) && way(in));
		CHECK(read(in, &byte, 1) == 1);
		nothing(way, in);
	}
	CHECK(close(epoll_set) == 0);
}

static void test_own_write(void)
{
	int p[2], s[2];

	CHECK(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	each_way(p[0], p[1]);
	each_way(s[0], s[1]);
	for (int i = 0; i < 2; i++)
		CHECK(close(p[i]) == 0 && close(s[i]) == 0);
}

/* What a thread did is seen by another one that knows of it by memory alone. */
static int pipe_ends[2];
static volatile int told;

static void *write_and_tell(void *arg)
{
	for (int i = 1; i <= 300; i++) {
		while (__atomic_load_n(&told, __ATOMIC_ACQUIRE) != -i)
			sched_yield();
		CHECK(write(pipe_ends[1], "x", 1) == 1);
		__atomic_store_n(&told, i, __ATOMIC_RELEASE);
	}
	return arg;
}

static void test_other_thread(void)
{
	pthread_t thread;
	char byte;

	CHECK(pipe(pipe_ends) == 0);
	watch(pipe_ends[0], EPOLLIN);
	CHECK_ZERO(pthread_create(&thread, NULL, write_and_tell, NULL));
	for (int i = 1; i <= 300; i++) {
		bool (*way)(int fd) = ways[(size_t)i % ARRAY_LEN(ways)];

		CHECK(!way(pipe_ends[0]));
		__atomic_store_n(&told, -i, __ATOMIC_RELEASE);
		while (__atomic_load_n(&told, __ATOMIC_ACQUIRE) != i)
			way(pipe_ends[0]);
		CHECK(way(pipe_ends[0]) && read(pipe_ends[0], &byte, 1) == 1);
	}
	CHECK_ZERO(pthread_join(thread, NULL));
	CHECK(close(pipe_ends[0]) == 0 && close(pipe_ends[1]) == 0 && close(epoll_set) == 0);
}

/* ---- what no call of the program says: only its watch tells ---- */

static void see(bool (*way)(int fd), int fd)
{
	uint64_t end = check_now_ns() + PATIENCE;

	while (!way(fd))
		CHECK(check_now_ns() < end);
}

/* The write is not over when its first bytes can be read. */
static void *write_much(void *arg)
{
	static char data[300000];

	CHECK(write(*(int *)arg, data, sizeof(data)) == sizeof(data));
	return NULL;
}

static void test_unfinished_write(void)
{
	static char data[70000];
	int s[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	watch(s[0], EPOLLIN);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		pthread_t thread;

		nothing(ways[i], s[0]);
		CHECK_ZERO(pthread_create(&thread, NULL, write_much, &s[1]));
		for (ssize_t left = 300000; left;) {
			ssize_t n;

			see(ways[i], s[0]);
			n = read(s[0], data, sizeof(data));
			CHECK(n > 0);
			left -= n;
		}
		CHECK_ZERO(pthread_join(thread, NULL));
	}
	CHECK(close(s[0]) == 0 && close(s[1]) == 0 && close(epoll_set) == 0);
}

static void test_timerfd(void)
{
	struct itimerspec soon = {{0, 0}, {0, 2000000}}, never = {{0, 0}, {0, 0}};
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t count;

	CHECK(fd >= 0);
	watch(fd, EPOLLIN);
	for (size_t i = 0; i < ARRAY_LEN(ways) * 2; i++) {
		bool (*way)(int fd) = ways[i % ARRAY_LEN(ways)];

		nothing(way, fd);
		CHECK(timerfd_settime(fd, 0, &soon, NULL) == 0);
		see(way, fd);
		CHECK(read(fd, &count, 8) == 8 && count == 1);
		nothing(way, fd);
		CHECK(timerfd_settime(fd, 0, &soon, NULL) == 0);
		CHECK(timerfd_settime(fd, 0, &never, NULL) == 0 && !way(fd));
	}
	CHECK(close(fd) == 0 && close(epoll_set) == 0);
}

/* A timer goes off at random moments while a thread does nothing but ask: none is lost. */
static void test_random_moments(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	uint64_t state = 88172645463325252u, count, polls = 0;

	CHECK(fd >= 0);
	watch(fd, EPOLLIN);
	for (int i = 0; i < 400; i++) {
		bool (*way)(int fd) = ways[check_random(&state) % ARRAY_LEN(ways)];
		struct itimerspec soon = {
			{0, 0}, {0, 1 + (long)(check_random(&state) % 1500000)}};

		CHECK(timerfd_settime(fd, 0, &soon, NULL) == 0);
		for (uint64_t end = check_now_ns() + PATIENCE; !way(fd); polls++)
			CHECK(check_now_ns() < end);
		CHECK(read(fd, &count, 8) == 8 && count == 1);
	}
	CHECK(polls > 0 && close(fd) == 0 && close(epoll_set) == 0);
}

static void polls_in_vain(struct pollfd both[2], long n)
{
	for (long i = 0; i < n; i++)
		CHECK(poll(both, 2, 0) == 0);
}

/* The marks are errors natively; lwvmm notes its counters then. */
static int count(long n)
{
	int p[2], s[2];

	CHECK(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	struct pollfd both[2] = {{p[0], POLLIN, 0}, {s[0], POLLIN, 0}};

	polls_in_vain(both, 10);
	prctl(MARK, 1);
	polls_in_vain(both, n);
	prctl(MARK, 2);
	CHECK(write(s[1], "x", 1) == 1 && poll(both, 2, 0) == 1 && both[1].revents == POLLIN);
	return 0;
}

/* What another process writes. */
static int input(void)
{
	long bytes = 0, polls = 0;
	char byte;

	printf("polling\n");
	fflush(stdout);
	for (;; polls++) {
		struct pollfd p = {0, POLLIN, 0};
		uint64_t end = check_now_ns() + PATIENCE;

		while (poll(&p, 1, 0) == 0) {
			CHECK(check_now_ns() < end);
			polls++;
		}
		if (!(p.revents & POLLIN))
			break;
		CHECK(read(0, &byte, 1) == 1);
		bytes++;
	}
	CHECK(polls > bytes);
	printf("%ld bytes\n", bytes);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"own_write", test_own_write},
		{"other_thread", test_other_thread},
		{"unfinished_write", test_unfinished_write},
		{"timerfd", test_timerfd},
		{"random_moments", test_random_moments},
	};

	if (argc == 3 && strcmp(argv[1], "count") == 0)
		return count(atol(argv[2]));
	if (argc == 2 && strcmp(argv[1], "input") == 0)
		return input();
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
