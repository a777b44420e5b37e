/* SPDX-License-Identifier: MIT */
/* The limits on memory and threads that a program sets itself, and what they end. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "check.h"

#define MIB     ((size_t)1 << 20)
#define NOBODY  64321 /* a user that has no other processes */
#define THREADS 5

static const int resources[] = {RLIMIT_AS, RLIMIT_DATA, RLIMIT_NPROC};

static void limit_soft(int resource, rlim_t soft)
{
	struct rlimit limit;

	CHECK(getrlimit(resource, &limit) == 0);
	limit.rlim_cur = soft;
	CHECK(setrlimit(resource, &limit) == 0);
}

static char *map(size_t len, int prot)
{
	return mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void test_rules(void)
{
	for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
		rlim_t some = resources[i] == RLIMIT_NPROC ? 1000 : 1000 * MIB - 1;
		struct rlimit first, limit, old;

		CHECK(getrlimit(resources[i], &first) == 0 && first.rlim_cur <= first.rlim_max);
		limit = (struct rlimit){some, first.rlim_max};
		CHECK(prlimit(0, resources[i], &limit, &old) == 0);
		CHECK(memcmp(&old, &first, sizeof(old)) == 0);
		CHECK(prlimit(getpid(), resources[i], NULL, &old) == 0);
		CHECK(old.rlim_cur == some && old.rlim_max == first.rlim_max);
		limit = (struct rlimit){some + 1, some};
		CHECK_ERRNO(setrlimit(resources[i], &limit), EINVAL);
		CHECK_ERRNO(syscall(SYS_prlimit64, 0, resources[i], 8, NULL), EFAULT);
		CHECK_ERRNO(syscall(SYS_getrlimit, resources[i], 8), EFAULT);
		CHECK(setrlimit(resources[i], &first) == 0);
		CHECK(getrlimit(resources[i], &old) == 0);
		CHECK(memcmp(&old, &first, sizeof(old)) == 0);
	}
}

static void test_space(void)
{
	limit_soft(RLIMIT_AS, 100 * MIB);
	char *p = map(64 * MIB, PROT_NONE), *q;

	CHECK(p != MAP_FAILED);
	CHECK_ERRNO(map(64 * MIB, PROT_NONE), ENOMEM);
	CHECK_ERRNO(mmap(NULL, 64 * MIB, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0), ENOMEM);
	/* In place of what is there. */
	q = mmap(p, 64 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(q == p);
	CHECK_ERRNO(mremap(p, 64 * MIB, 128 * MIB, MREMAP_MAYMOVE), ENOMEM);
	q = mremap(p, 64 * MIB, 80 * MIB, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q[80 * MIB - 1] == 0);
	CHECK_ERRNO(map(32 * MIB, PROT_NONE), ENOMEM);
	CHECK(munmap(q, 40 * MIB) == 0);
	p = map(32 * MIB, PROT_NONE);
	CHECK(p != MAP_FAILED);
	/* Below what there is: nothing is taken away, and nothing comes. */
	limit_soft(RLIMIT_AS, MIB);
	CHECK(q[80 * MIB - 1] == 0);
	CHECK_ERRNO(map(4096, PROT_NONE), ENOMEM);
	limit_soft(RLIMIT_AS, RLIM_INFINITY);
	CHECK(munmap(p, 32 * MIB) == 0 && munmap(q + 40 * MIB, 40 * MIB) == 0);
}

static void test_data(void)
{
	limit_soft(RLIMIT_DATA, 64 * MIB);
	char *p = map(128 * MIB, PROT_READ);

	CHECK(p != MAP_FAILED);
	CHECK_ERRNO(map(64 * MIB, PROT_READ | PROT_WRITE), ENOMEM);
	CHECK_ERRNO(mprotect(p, 128 * MIB, PROT_READ | PROT_WRITE), ENOMEM);
	CHECK(mprotect(p, 32 * MIB, PROT_READ | PROT_WRITE) == 0);
	CHECK_ERRNO(map(32 * MIB, PROT_READ | PROT_WRITE), ENOMEM);
	CHECK(mprotect(p, 32 * MIB, PROT_READ) == 0);
	CHECK(munmap(p, 128 * MIB) == 0);
	p = map(32 * MIB, PROT_READ | PROT_WRITE);
	CHECK(p != MAP_FAILED);
	/* Shared memory is no data. */
	char *q =
		mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(q != MAP_FAILED);
	limit_soft(RLIMIT_DATA, RLIM_INFINITY);
	CHECK(munmap(p, 32 * MIB) == 0 && munmap(q, 64 * MIB) == 0);
}

static void test_break(void)
{
	char *top = sbrk(0);

	for (size_t i = 0; i < 2; i++) {
		limit_soft(resources[i], 32 * MIB);
		CHECK_ERRNO((intptr_t)sbrk(32 * MIB), ENOMEM);
		CHECK(sbrk(0) == top);
		CHECK(sbrk(16 * MIB) == top && sbrk(0) == top + 16 * MIB);
		CHECK_ERRNO((intptr_t)sbrk(16 * MIB), ENOMEM);
		CHECK(sbrk(-(intptr_t)(16 * MIB)) == top + 16 * MIB);
		limit_soft(resources[i], RLIM_INFINITY);
	}
}

/* To this depth at least, but for the compiler. */
static __attribute__((noinline)) size_t dig(size_t depth)
{
	volatile char page[4096];

	page[0] = 1;
	return depth > sizeof(page) ? dig(depth - sizeof(page)) + (size_t)page[0] : 0;
}

static void on_segv(int signo)
{
	(void)signo;
	if (write(1, "stack: SIGSEGV\nok stack\n", 24) == 24)
		_exit(0);
	_exit(1);
}

/* The last: there is no stack to go on with. */
static void test_stack(void)
{
	static char other[65536];
	const stack_t stack = {.ss_sp = other, .ss_size = sizeof(other)};
	struct sigaction action = {.sa_handler = on_segv, .sa_flags = SA_ONSTACK};
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur >= 7 * MIB);
	CHECK(sigaltstack(&stack, NULL) == 0 && sigaction(SIGSEGV, &action, NULL) == 0);
	limit_soft(RLIMIT_AS, MIB);
	fflush(stdout);
	dig(6 * MIB);
	CHECK(!"the stack grew past the limit");
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *body(void *arg)
{
	CHECK_ZERO(pthread_mutex_lock(&gate));
	CHECK_ZERO(pthread_mutex_unlock(&gate));
	return arg;
}

/* How many threads there can be besides this one. */
static int threads(int most)
{
	pthread_t thread[2 * THREADS];
	int n = 0, err = 0;

	CHECK_ZERO(pthread_mutex_lock(&gate));
	while (n < most && (err = pthread_create(&thread[n], NULL, body, NULL)) == 0)
		n++;
	CHECK(n == most || err == EAGAIN);
	CHECK_ZERO(pthread_mutex_unlock(&gate));
	for (int i = 0; i < n; i++)
		CHECK_ZERO(pthread_join(thread[i], NULL));
	return n;
}

/* Natively a thread that was joined counts until the kernel has let go of it. */
static int threads_at_last(int want)
{
	int n = threads(2 * THREADS);

	for (int i = 0; i < 100 && n < want; i++) {
		usleep(10000);
		n = threads(2 * THREADS);
	}
	return n;
}

static void test_threads(void)
{
	struct rlimit limit = {THREADS, 2 * THREADS};

	if (getuid() != 0)
		return; /* the user's other processes count, and it cannot become another */
	CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
	CHECK(threads(2 * THREADS) == 2 * THREADS);
	/* Root may raise it, unless it has lost that capability. */
	limit.rlim_max++;
	bool may = setrlimit(RLIMIT_NPROC, &limit) == 0;

	CHECK(may || errno == EPERM);
	printf("root %s raise the hard limit\n", may ? "may" : "may not");
	limit.rlim_max--;
	CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
	CHECK(setresuid(NOBODY, NOBODY, NOBODY) == 0);
	CHECK(threads_at_last(THREADS - 1) == THREADS - 1);
	limit.rlim_cur = THREADS + 2;
	CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
	CHECK(threads_at_last(THREADS + 1) == THREADS + 1);
	limit.rlim_max++;
	CHECK_ERRNO(setrlimit(RLIMIT_NPROC, &limit), EPERM);
	limit.rlim_max = limit.rlim_cur;
	CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
	limit.rlim_max++;
	CHECK_ERRNO(setrlimit(RLIMIT_NPROC, &limit), EPERM);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"rules", test_rules},
		{"space", test_space},
		{"data", test_data},
		{"break", test_break},
		{"threads", test_threads},
		{"stack", test_stack},
	};

	(void)argc;
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
