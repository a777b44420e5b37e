/* SPDX-License-Identifier: MIT */
/* Cores: how many, which one, and staying where one is put. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#include "check.h"

static int all[CPU_SETSIZE], cores;

static void test_count(void)
{
	cpu_set_t set;

	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &set))
			all[cores++] = i;
	}
	printf("%d cores\n", cores);
	CHECK(cores >= 1 && sysconf(_SC_NPROCESSORS_ONLN) >= cores);
}

/* Also through the system call, which no vDSO or rdpid can answer. */
static void check_on(int core)
{
	unsigned cpu, node;

	CHECK(sched_getcpu() == core);
	CHECK(getcpu(&cpu, &node) == 0 && cpu == (unsigned)core);
	CHECK(syscall(SYS_getcpu, &cpu, &node, NULL) == 0 && cpu == (unsigned)core);
}

static void *move_body(void *arg)
{
	cpu_set_t set, back;

	for (int i = 0; i < 40; i++) {
		int core = all[(i + (int)(size_t)arg) % cores];

		CPU_ZERO(&set);
		CPU_SET(core, &set);
		CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
		check_on(core);
		sched_yield();
		check_on(core);
		CHECK_ZERO(pthread_getaffinity_np(pthread_self(), sizeof(back), &back));
		CHECK(CPU_EQUAL(&set, &back));
	}
	return NULL;
}

static void test_move(void)
{
	pthread_t thread[6];

	for (size_t i = 0; i < 6; i++)
		CHECK_ZERO(pthread_create(&thread[i], NULL, move_body, (void *)i));
	for (size_t i = 0; i < 6; i++)
		CHECK_ZERO(pthread_join(thread[i], NULL));
}

/* One thread moves another one that computes. */
static volatile int stop;

static void *spin_body(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		__atomic_store_n((int *)arg, sched_getcpu() + 1, __ATOMIC_RELEASE);
	return NULL;
}

static void test_push(void)
{
	static int at;
	pthread_t thread;
	cpu_set_t set;

	CHECK_ZERO(pthread_create(&thread, NULL, spin_body, &at));
	for (int i = 0; i < 20; i++) {
		CPU_ZERO(&set);
		CPU_SET(all[i % cores], &set);
		CHECK_ZERO(pthread_setaffinity_np(thread, sizeof(set), &set));
		check_wait_for(&at, all[i % cores] + 1);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	CHECK_ZERO(pthread_join(thread, NULL));
}

/* A thread made by attribute, and the mask that children inherit. */
static void *where_body(void *arg)
{
	check_on(*(int *)arg);
	return NULL;
}

static void test_create(void)
{
	cpu_set_t set;
	pthread_attr_t attr;
	pthread_t thread;
	int *last = &all[cores - 1];

	CPU_ZERO(&set);
	CPU_SET(*last, &set);
	CHECK_ZERO(pthread_attr_init(&attr));
	CHECK_ZERO(pthread_attr_setaffinity_np(&attr, sizeof(set), &set));
	CHECK_ZERO(pthread_create(&thread, &attr, where_body, last));
	CHECK_ZERO(pthread_join(thread, NULL));
	CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
	CHECK_ZERO(pthread_create(&thread, NULL, where_body, last));
	CHECK_ZERO(pthread_join(thread, NULL));
}

static void test_errors(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CHECK_ERRNO(sched_setaffinity(0, sizeof(set), &set), EINVAL);
	CPU_SET(CPU_SETSIZE - 1, &set);
	CHECK_ERRNO(sched_setaffinity(0, sizeof(set), &set), EINVAL);
	CHECK_ERRNO(sched_getaffinity(0, 1, &set), EINVAL);
	CHECK(sched_getscheduler(0) == SCHED_OTHER);
	CHECK(sched_get_priority_max(SCHED_FIFO) == 99);
}

int main(void)
{
	static const struct check_case cases[] = {
		{"count", test_count},
		{"move", test_move},
		{"push", test_push},
		{"create", test_create},
		{"errors", test_errors},
	};
	static char *const none[] = {NULL};

	return check_run(cases, ARRAY_LEN(cases), none);
}
