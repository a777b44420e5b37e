/* SPDX-License-Identifier: MIT */
/*
 * What the test programs share. A program is a list of cases; it prints "ok NAME" for each and
 * ends with 0, or prints "FAIL ..." and ends with 1 at the first thing that is wrong. Output is
 * the same in every run: no times, addresses or process numbers, so that a native run and one
 * in a guest compare.
 */
#ifndef TESTS_PROGRAMS_CHECK_H
#define TESTS_PROGRAMS_CHECK_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define CHECK(cond)                                                                            \
	do {                                                                                   \
		if (!(cond))                                                                   \
			check_failed(__FILE__, __LINE__, #cond);                               \
	} while (0)

/* A call that must fail with just this errno. */
#define CHECK_ERRNO(call, want)                                                                \
	do {                                                                                   \
		errno = 0;                                                                     \
		if ((long)(call) != -1 || errno != (want))                                     \
			check_failed(__FILE__, __LINE__, #call " fails with " #want);          \
	} while (0)

/* pthread calls return their error. */
#define CHECK_ZERO(call)                                                                       \
	do {                                                                                   \
		int check_err = (call);                                                        \
		if (check_err != 0) {                                                          \
			errno = check_err;                                                     \
			check_failed(__FILE__, __LINE__, #call " is 0");                       \
		}                                                                              \
	} while (0)

static inline _Noreturn void check_failed(const char *file, int line, const char *what)
{
	int err = errno;
	const char *slash = strrchr(file, '/');

	printf("FAIL %s:%d: %s (errno %d)\n", slash ? slash + 1 : file, line, what, err);
	fflush(stdout);
	_exit(1);
}

struct check_case {
	const char *name;
	void (*run)(void);
};

/* Runs the cases named on the command line, or all. */
static inline int check_run(const struct check_case *cases, size_t n, char *const *names)
{
	for (size_t i = 0; i < n; i++) {
		char *const *name = names;

		while (*name && strcmp(*name, cases[i].name) != 0)
			name++;
		if (*names && !*name)
			continue;
		cases[i].run();
		printf("ok %s\n", cases[i].name);
		fflush(stdout);
	}
	return 0;
}

static inline uint64_t check_clock_ns(clockid_t clock)
{
	struct timespec ts;

	CHECK(clock_gettime(clock, &ts) == 0);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline uint64_t check_now_ns(void)
{
	return check_clock_ns(CLOCK_MONOTONIC);
}

static inline void check_sleep_ms(long ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&ts, &ts) != 0)
		CHECK(errno == EINTR);
}

/* For a value that another thread or a handler will set; gives up after ten seconds. */
static inline void check_wait_for(const volatile int *word, int value)
{
	uint64_t end = check_now_ns() + 10000000000u;

	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value) {
		CHECK(check_now_ns() < end);
		check_sleep_ms(1);
	}
}

/* A small generator of the same numbers in every run. */
static inline uint64_t check_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
