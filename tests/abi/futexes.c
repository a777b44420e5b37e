/* SPDX-License-Identifier: MIT */
/* Futexes, and the locks of libc on them. */
#include "abi.h"

#include <linux/futex.h>
#include <pthread.h>

#define PRIVATE FUTEX_PRIVATE_FLAG

static volatile int word, other, result, ready;

static long futex(
	volatile int *at, int op, long value, const void *time, volatile int *to, long value3)
{
	return SYS(futex, at, op, value, time, to, value3);
}

CASE(futex_wait_value, futex)
{
	struct timespec t = {0, 10000000};

	SHOW(futex(&word, FUTEX_WAIT | PRIVATE, 1, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT | PRIVATE, 0, &t, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT, 0, &t, NULL, 0));
	t.tv_nsec = 2000000000;
	SHOW(futex(&word, FUTEX_WAIT, 0, &t, NULL, 0));
	t = (struct timespec){-1, 0};
	SHOW(futex(&word, FUTEX_WAIT, 0, &t, NULL, 0));
	SHOW(futex(BAD, FUTEX_WAIT | PRIVATE, 0, &t, NULL, 0));
	SHOW(futex((int *)((char *)&word + 1), FUTEX_WAIT, 0, NULL, NULL, 0));
	SHOW(futex((int *)16, FUTEX_WAIT | PRIVATE, 0, NULL, NULL, 0));
	SHOW(SYS(futex, &word, FUTEX_WAIT, 0, BAD, NULL, 0));
	SHOW(futex(&word, 99, 0, NULL, NULL, 0));
}

CASE(futex_wake_none, futex)
{
	SHOW(futex(&word, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAKE, 100, NULL, NULL, 0));
	SHOW(futex((int *)((char *)&word + 2), FUTEX_WAKE, 1, NULL, NULL, 0));
	SHOW(futex((int *)16, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
	SHOW(futex((int *)16, FUTEX_WAKE, 1, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
}

static void *waiter(void *arg)
{
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	if (futex(&word, FUTEX_WAIT_BITSET | PRIVATE, 0, NULL, NULL, (long)(intptr_t)arg) == 0)
		__atomic_fetch_add(&result, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Threads that wait; told apart by their bits. */
static void waiters(unsigned long *threads, int n)
{
	for (int i = 0; i < n; i++)
		threads[i] = abi_thread(waiter, (void *)(intptr_t)(1 << i));
	abi_wait_for(&ready, n);
	abi_sleep_ms(40);
}

CASE(futex_wake_some, futex)
{
	unsigned long t[4];

	waiters(t, 4);
	SHOW(futex(&word, FUTEX_WAKE | PRIVATE, 2, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAKE | PRIVATE, 100, NULL, NULL, 0));
	for (int i = 0; i < 4; i++)
		abi_join(t[i]);
	TELL("%d\n", result);
}

CASE(futex_bitset, futex)
{
	unsigned long t[3];

	waiters(t, 3);
	SHOW(futex(&word, FUTEX_WAKE_BITSET | PRIVATE, 100, NULL, NULL, 8));
	SHOW(futex(&word, FUTEX_WAKE_BITSET | PRIVATE, 100, NULL, NULL, 5));
	SHOW(futex(&word, FUTEX_WAKE_BITSET | PRIVATE, 100, NULL, NULL, -1));
	for (int i = 0; i < 3; i++)
		abi_join(t[i]);
}

CASE(futex_requeue, futex)
{
	unsigned long t[4];

	waiters(t, 4);
	SHOW(futex(&word, FUTEX_CMP_REQUEUE | PRIVATE, 1, (void *)2, &other, 5));
	SHOW(futex(&word, FUTEX_CMP_REQUEUE | PRIVATE, 1, (void *)2, &other, 0));
	SHOW(futex(&other, FUTEX_WAKE | PRIVATE, 100, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_REQUEUE | PRIVATE, 0, (void *)100, &other, 0));
	SHOW(futex(&other, FUTEX_WAKE | PRIVATE, 100, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_REQUEUE | PRIVATE, -1, (void *)1, &other, 0));
	for (int i = 0; i < 4; i++)
		abi_join(t[i]);
}

CASE(futex_wake_op, futex)
{
	other = 5;
	SHOW(futex(&word, FUTEX_WAKE_OP | PRIVATE, 1, (void *)1, &other,
		FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_GT, 4)));
	TELL("%d\n", other);
	SHOW(futex(&word, FUTEX_WAKE_OP | PRIVATE, 1, (void *)1, &other,
		FUTEX_OP(FUTEX_OP_ANDN, 8, FUTEX_OP_CMP_EQ, 4)));
	TELL("%d\n", other);
	SHOW(futex(&word, FUTEX_WAKE_OP | PRIVATE, 1, (void *)1, &other,
		FUTEX_OP((FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT), 4, FUTEX_OP_CMP_LT, 4)));
	TELL("%d\n", other);
	SHOW(futex(&word, FUTEX_WAKE_OP | PRIVATE, 1, (void *)1, &other, 0x7f000000));
	SHOW(futex(&word, FUTEX_WAKE_OP | PRIVATE, 1, (void *)1, BAD, 0));
}

CASE(futex_absolute, futex)
{
	struct timespec t;

	MUST(clock_gettime(CLOCK_MONOTONIC, &t));
	SHOW(futex(&word, FUTEX_WAIT_BITSET | PRIVATE, 0, &t, NULL, -1));
	MUST(clock_gettime(CLOCK_REALTIME, &t));
	t.tv_nsec += 10000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	SHOW(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME | PRIVATE, 0, &t, NULL, -1));
	SHOW(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME | PRIVATE, 1, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT_BITSET | PRIVATE, 0, &t, NULL, 0));
}

static void on_signal(int sig)
{
	result = sig;
}

CASE(futex_interrupted, futex)
{
	abi_handler(SIGUSR1, on_signal, 0);
	abi_interrupt_after(20);
	SHOW(futex(&word, FUTEX_WAIT | PRIVATE, 0, NULL, NULL, 0));
	TELL("%d\n", result);
}

static void *wake_later(void *arg)
{
	(void)arg;
	abi_wait_for(&result, SIGUSR1);
	abi_sleep_ms(20);
	word = 1;
	futex(&word, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0);
	return NULL;
}

CASE(futex_restarted, futex)
{
	unsigned long t;

	abi_handler(SIGUSR1, on_signal, SA_RESTART);
	abi_interrupt_after(20);
	t = abi_thread(wake_later, NULL);
	SHOW(futex(&word, FUTEX_WAIT | PRIVATE, 0, NULL, NULL, 0));
	TELL("%d\n", result);
	abi_join(t);
}

CASE(futex_pi, futex)
{
	static volatile int lock;

	SHOW(futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
	TRUE((lock & FUTEX_TID_MASK) == gettid());
	SHOW(futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
	SHOW(futex(&lock, FUTEX_TRYLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
	SHOW(futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
	TELL("%d\n", lock);
	SHOW(futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
}

CASE(mutex_kinds, futex)
{
	static const int kinds[] = {
		PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK};
	struct timespec t = {0, 0};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		pthread_mutexattr_t attr;
		pthread_mutex_t m;

		pthread_mutexattr_init(&attr);
		CODE(pthread_mutexattr_settype(&attr, kinds[i]));
		CODE(pthread_mutex_init(&m, &attr));
		CODE(pthread_mutex_lock(&m));
		CODE(pthread_mutex_trylock(&m));
		CODE(pthread_mutex_timedlock(&m, &t));
		CODE(pthread_mutex_unlock(&m));
	}
}

CASE(mutex_pi, futex)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t m;

	pthread_mutexattr_init(&attr);
	CODE(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT));
	if (CODE(pthread_mutex_init(&m, &attr)) != 0)
		return;
	CODE(pthread_mutex_lock(&m));
	CODE(pthread_mutex_unlock(&m));
}

static pthread_mutex_t robust;

static void *die_with_it(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&robust);
	return NULL;
}

CASE(mutex_robust, set_robust_list, futex)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attr);
	abi_join(abi_thread(die_with_it, NULL));
	CODE(pthread_mutex_lock(&robust));
	CODE(pthread_mutex_consistent(&robust));
	CODE(pthread_mutex_unlock(&robust));
	abi_join(abi_thread(die_with_it, NULL));
	CODE(pthread_mutex_lock(&robust));
	CODE(pthread_mutex_unlock(&robust));
	CODE(pthread_mutex_lock(&robust));
}

CASE(futex_waitv, futex_waitv)
{
	SHOW(SYS(futex_waitv, NULL, 0, 0, NULL, 0));
}

CASE(futex2, futex_wake, futex_wait)
{
	SHOW(SYS(futex_wake, &word, 1, 1, 0x100));
	SHOW(SYS(futex_wake, &word, -1, 1, 2 | 128));
	SHOW(SYS(futex_wait, &word, 1, -1, 2 | 128, NULL, 0));
}
