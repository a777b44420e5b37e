/* SPDX-License-Identifier: MIT */
/* What small calls cost: nanoseconds each, the median of 15 batches. "NAME NS" a line. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 15

static int null_fd;
static char *megabyte;
static uint32_t word;
static int quiet_pipe[2];

static void do_getpid(void)
{
	syscall(SYS_getpid);
}

static void do_futex_wake(void)
{
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void do_clock_gettime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
}

/* Nobody writes to it: what a progress engine does most. */
static void do_poll_quiet(void)
{
	struct pollfd p = {.fd = quiet_pipe[0], .events = POLLIN};

	if (poll(&p, 1, 0))
		abort();
}

static void do_write_byte(void)
{
	if (write(null_fd, megabyte, 1) != 1)
		abort();
}

static void do_write_megabyte(void)
{
	if (write(null_fd, megabyte, 1 << 20) != 1 << 20)
		abort();
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Batches of at least 4 ms: first find out how many calls that is. */
static double cost(void (*deed)(void))
{
	double ns[BATCHES];
	long calls = 16;
	uint64_t start;

	for (;; calls *= 2) {
		start = now_ns();
		for (long i = 0; i < calls; i++)
			deed();
		if (now_ns() - start >= 4000000)
			break;
	}
	for (int batch = 0; batch < BATCHES; batch++) {
		start = now_ns();
		for (long i = 0; i < calls; i++)
			deed();
		ns[batch] = (double)(now_ns() - start) / (double)calls;
	}
	qsort(ns, BATCHES, sizeof(ns[0]), compare);
	return ns[BATCHES / 2];
}

int main(void)
{
	static const struct {
		const char *name;
		void (*deed)(void);
	} deeds[] = {
		{"getpid", do_getpid},
		{"futex-wake", do_futex_wake},
		{"clock_gettime", do_clock_gettime},
		{"poll-quiet", do_poll_quiet},
		{"write-1", do_write_byte},
		{"write-1M", do_write_megabyte},
	};

	null_fd = open("/dev/null", O_WRONLY);
	megabyte = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (null_fd < 0 || megabyte == MAP_FAILED || pipe(quiet_pipe))
		return 1;
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		printf("%s %.1f\n", deeds[i].name, cost(deeds[i].deed));
	return 0;
}
