/* SPDX-License-Identifier: MIT */
/*
 * A program is stopped from outside while it takes away much that is mapped piece by piece: the
 * CPUs that it may use are free for others meanwhile, and when it is continued it ends well.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

#define PAGE   4096UL
#define PIECES 1300UL /* more than a mapping log has records */
#define STEP   7UL    /* has no divisor in common with it: no two neighbours are contiguous */
#define APART  (2UL << 20)
#define ROUNDS 2

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* In the child: on each CPU once. */
static int on_each(const cpu_set_t *cpus)
{
	for (int i = 0; i < CPU_SETSIZE; i++) {
		cpu_set_t one;

		if (!CPU_ISSET(i, cpus))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		if (sched_setaffinity(0, sizeof(one), &one) || sched_getcpu() != i)
			return 1;
	}
	return sched_setaffinity(0, sizeof(*cpus), cpus) != 0;
}

/* Stops its parent at each byte, looks, and lets it go on. */
static int child(int fd)
{
	pid_t parent = getppid();
	cpu_set_t cpus;
	int bad = sched_getaffinity(0, sizeof(cpus), &cpus) != 0;
	char byte;

	while (!bad && read(fd, &byte, 1) == 1) {
		bad |= kill(parent, SIGSTOP) != 0;
		usleep(200000);
		bad |= on_each(&cpus);
		bad |= kill(parent, SIGCONT) != 0;
	}
	return bad;
}

static void map(char *at, int fd)
{
	for (size_t i = 0; i < PIECES; i++)
		CHECK(mmap(at + i * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			      fd, (off_t)(i * STEP % PIECES * PAGE)) != MAP_FAILED);
	for (size_t i = 0; i < PIECES; i++)
		at[i * PAGE]++;
}

int main(void)
{
	int fd = memfd_create("pieces", 0), p[2];
	char *at = mmap(NULL, PIECES * PAGE + 2 * APART, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int status = -1;
	pid_t pid;

	CHECK(fd >= 0 && at != MAP_FAILED && pipe(p) == 0);
	CHECK(ftruncate(fd, (off_t)(PIECES * PAGE)) == 0);
	pid = fork();
	if (!pid) {
		close(p[1]);
		_exit(child(p[0]));
	}
	at = (char *)(((uintptr_t)at + APART - 1) & ~(APART - 1));
	for (int round = 0; round < ROUNDS; round++) {
		double end;

		map(at, fd);
		CHECK(write(p[1], "x", 1) == 1);
		for (end = now() + 0.003; now() < end;)
			;
		CHECK(munmap(at, PIECES * PAGE) == 0);
		CHECK_ERRNO(msync(at, PIECES * PAGE, MS_ASYNC), ENOMEM);
	}
	close(p[1]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	for (size_t i = 0; i < PIECES; i++) {
		char count;

		CHECK(pread(fd, &count, 1, (off_t)(i * PAGE)) == 1 && count == ROUNDS);
	}
	printf("ok\n");
	return 0;
}
