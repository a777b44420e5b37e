/* SPDX-License-Identifier: MIT */
/* The futex call itself, and robust mutexes. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include "check.h"

static volatile int word, other, woken, waiting;

static long futex(volatile int *at, int op, unsigned val, const void *timeout,
	volatile int *at2, unsigned val3)
{
	return syscall(SYS_futex, at, op, val, timeout, at2, val3);
}

struct waiter {
	unsigned bitset;
	int op;
	pthread_t thread;
};

static void *wait_body(void *arg)
{
	struct waiter *w = arg;

	__atomic_add_fetch(&waiting, 1, __ATOMIC_RELEASE);
	CHECK(futex(&word, w->op, 0, NULL, NULL, w->bitset) == 0);
	__atomic_add_fetch(&woken, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* All have entered, and had time to go to sleep. */
static void start_waiters(struct waiter *w, int n, int op)
{
	waiting = woken = 0;
	for (int i = 0; i < n; i++) {
		w[i].op = op;
		w[i].bitset = 1u << i;
		CHECK_ZERO(pthread_create(&w[i].thread, NULL, wait_body, &w[i]));
	}
	check_wait_for(&waiting, n);
	check_sleep_ms(50);
}

static void join_waiters(struct waiter *w, int n)
{
	for (int i = 0; i < n; i++)
		CHECK_ZERO(pthread_join(w[i].thread, NULL));
}

static void test_basics(void)
{
	word = 1;
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0), EAGAIN);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0), EAGAIN);
	CHECK(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
	CHECK(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 0);
	CHECK_ERRNO(futex((volatile int *)((char *)&word + 1), FUTEX_WAIT, 0, NULL, NULL, 0),
		EINVAL);
	CHECK_ERRNO(futex(NULL, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(&word, 99, 0, NULL, NULL, 0), ENOSYS);
}

static void test_timeouts(void)
{
	struct timespec time = {0, 20000000}, bad = {0, 1000000000};
	uint64_t start = check_now_ns();

	word = 0;
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0), ETIMEDOUT);
	CHECK(check_now_ns() - start >= 20000000);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 0, &bad, NULL, 0), EINVAL);
	CHECK(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
	start = check_now_ns();
	time.tv_nsec += 30000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_sec++;
		time.tv_nsec -= 1000000000;
	}
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &time, NULL, ~0u), ETIMEDOUT);
	CHECK(check_now_ns() - start >= 29000000);
	CHECK(clock_gettime(CLOCK_REALTIME, &time) == 0);
	time.tv_sec -= 1;
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &time,
			    NULL, ~0u),
		ETIMEDOUT);
}

static void test_wake(void)
{
	struct waiter w[6];

	word = 0;
	start_waiters(w, 6, FUTEX_WAIT_PRIVATE);
	CHECK(futex(&word, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0) == 2);
	check_wait_for(&woken, 2);
	check_sleep_ms(20);
	CHECK(woken == 2);
	CHECK(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 4);
	join_waiters(w, 6);
}

static void test_bitset(void)
{
	struct waiter w[4];

	word = 0;
	start_waiters(w, 4, FUTEX_WAIT_BITSET_PRIVATE);
	CHECK(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 1u << 2 | 1u << 9) ==
		1);
	CHECK_ZERO(pthread_join(w[2].thread, NULL));
	CHECK(woken == 1);
	CHECK(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 1u << 3 | 1) == 2);
	CHECK(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 1);
	w[2] = w[3];
	join_waiters(w, 3);
}

static void test_requeue(void)
{
	struct waiter w[5];

	word = other = 0;
	start_waiters(w, 5, FUTEX_WAIT_PRIVATE);
	CHECK_ERRNO(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)9L, &other, 7), EAGAIN);
	CHECK(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)3L, &other, 0) == 4);
	check_wait_for(&woken, 1);
	CHECK(futex(&other, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 3);
	check_wait_for(&woken, 4);
	CHECK(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 1);
	join_waiters(w, 5);
}

static void test_wake_op(void)
{
	struct waiter w[2];

	word = 0;
	other = 5;
	start_waiters(w, 2, FUTEX_WAIT_PRIVATE);
	/* other becomes 7; it was 5, so waiters of other (none) would be woken too */
	CHECK(futex(&word, FUTEX_WAKE_OP_PRIVATE, 2, (void *)1L, &other,
		      FUTEX_OP(FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 5)) == 2);
	CHECK(other == 7);
	join_waiters(w, 2);
}

/* Without the PRIVATE flag it is the same futex here: pthread_join counts on it. */
static void test_shared(void)
{
	struct waiter w[3];

	word = 0;
	start_waiters(w, 3, FUTEX_WAIT);
	CHECK(futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0) == 3);
	join_waiters(w, 3);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void *interrupted_body(void *arg)
{
	(void)arg;
	__atomic_store_n(&waiting, 1, __ATOMIC_RELEASE);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EINTR);
	__atomic_store_n(&woken, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void test_interrupted(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	pthread_t thread;

	word = waiting = woken = 0;
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK_ZERO(pthread_create(&thread, NULL, interrupted_body, NULL));
	check_wait_for(&waiting, 1);
	while (!__atomic_load_n(&woken, __ATOMIC_ACQUIRE)) {
		check_sleep_ms(10);
		CHECK_ZERO(pthread_kill(thread, SIGUSR1));
	}
	CHECK_ZERO(pthread_join(thread, NULL));
}

static pthread_mutex_t robust;

static void *die_holding(void *arg)
{
	CHECK_ZERO(pthread_mutex_lock(&robust));
	return arg;
}

static void test_robust(void)
{
	pthread_mutexattr_t attr;
	pthread_t thread;

	CHECK_ZERO(pthread_mutexattr_init(&attr));
	CHECK_ZERO(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	CHECK_ZERO(pthread_mutex_init(&robust, &attr));
	for (int i = 0; i < 20; i++) {
		CHECK_ZERO(pthread_create(&thread, NULL, die_holding, NULL));
		if (i % 2)
			CHECK_ZERO(pthread_join(thread, NULL));
		else
			check_sleep_ms(i % 4); /* it may die while we wait */
		if (i % 2 == 0) {
			int err = pthread_mutex_lock(&robust);

			if (err == 0) { /* we were faster: let it have the mutex */
				CHECK_ZERO(pthread_mutex_unlock(&robust));
				CHECK_ZERO(pthread_join(thread, NULL));
				err = pthread_mutex_lock(&robust);
			} else {
				CHECK_ZERO(pthread_join(thread, NULL));
			}
			CHECK(err == EOWNERDEAD);
		} else {
			CHECK(pthread_mutex_trylock(&robust) == EOWNERDEAD);
		}
		CHECK_ZERO(pthread_mutex_consistent(&robust));
		CHECK_ZERO(pthread_mutex_unlock(&robust));
	}
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"basics", test_basics},
		{"timeouts", test_timeouts},
		{"wake", test_wake},
		{"bitset", test_bitset},
		{"requeue", test_requeue},
		{"wake_op", test_wake_op},
		{"shared", test_shared},
		{"interrupted", test_interrupted},
		{"robust", test_robust},
	};

	(void)argc;
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
