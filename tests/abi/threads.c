/* SPDX-License-Identifier: MIT */
/* Threads: clone, futexes, robust lists, exit. */
#include "abi.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define PRIVATE FUTEX_PRIVATE_FLAG

static volatile int word, other, result, ready;

static long futex(volatile int *at, int op, long value, const void *time, volatile int *to,
	long value3)
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
	abi_sleep_ms(60);
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
	static const int kinds[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
		PTHREAD_MUTEX_ERRORCHECK};
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

CASE(robust_list, set_robust_list, get_robust_list)
{
	static struct robust_list_head head = {{&head.list}, 0, NULL};
	void *got = NULL;
	size_t len = 0;

	SHOW(SYS(set_robust_list, &head, sizeof(head)));
	SHOW(SYS(get_robust_list, 0, &got, &len));
	TRUE(got == &head);
	TELL("%ld\n", (long)len);
	SHOW(SYS(set_robust_list, &head, 8));
	SHOW(SYS(get_robust_list, 0x3ffffff, &got, &len));
	SHOW(SYS(get_robust_list, 0, BAD, &len));
	SHOW(SYS(get_robust_list, gettid(), &got, BAD));
}

#define THREAD                                                                                 \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static char *new_stack(void)
{
	char *s = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(s == MAP_FAILED ? -1 : 0);
	return s + 65536;
}

static volatile pid_t parent_tid, child_tid;

/* What is needed without libc's thread block: it only sets a word. */
static int child(void *arg)
{
	*(volatile int *)arg = 1;
	SYS(exit, 0);
	return 0;
}

CASE(clone_tids, clone, exit, set_tid_address)
{
	long tid;

	child_tid = -1;
	tid = clone(child, new_stack(), THREAD | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
		(void *)&ready, &parent_tid, NULL, &child_tid);
	TRUE(tid > 0 && parent_tid == tid);
	abi_wait_for(&child_tid, 0);
	TELL("%d %d\n", ready, child_tid);
	TRUE(SYS(set_tid_address, &word) == gettid());
}

CASE(clone_flags, clone)
{
	char *stack = new_stack();

	SHOW(clone(child, stack, CLONE_VM | CLONE_THREAD, (void *)&ready));
	SHOW(clone(child, stack, CLONE_SIGHAND, (void *)&ready));
	SHOW(clone(child, stack, THREAD | CLONE_NEWNS, (void *)&ready));
	SHOW(clone(child, stack, CLONE_FS | CLONE_NEWNS, (void *)&ready));
}

CASE(clone3_errors, clone3)
{
	uint64_t args[11] = {0};

	SHOW(SYS(clone3, args, 8));
	SHOW(SYS(clone3, args, 5000));
	SHOW(SYS(clone3, BAD, 64));
	args[0] = THREAD;
	args[4] = SIGCHLD;
	SHOW(SYS(clone3, args, 64));
	args[4] = 0;
	args[5] = 0x1000;
	SHOW(SYS(clone3, args, 64));
	args[5] = 0;
	args[0] = CLONE_DETACHED;
	SHOW(SYS(clone3, args, 64));
	args[10] = 1;
	SHOW(SYS(clone3, args, 88));
}

static void *count_up(void *arg)
{
	for (int i = 0; i < 1000; i++)
		__atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
	return arg;
}

CASE(threads_many, clone3, exit)
{
	int n = 0;
	unsigned long t[32];

	for (int i = 0; i < 32; i++)
		t[i] = abi_thread(count_up, &n);
	for (int i = 0; i < 32; i++)
		abi_join(t[i]);
	TELL("%d\n", n);
}

static __thread int own = 5;

static void *use_own(void *arg)
{
	own += (int)(intptr_t)arg;
	result = own;
	return NULL;
}

CASE(thread_local, clone3, arch_prctl)
{
	own = 100;
	abi_join(abi_thread(use_own, (void *)7));
	TELL("%d %d\n", result, own);
}

static void *sleep_for_ever(void *arg)
{
	(void)arg;
	ready = 1;
	for (;;)
		pause();
	return NULL;
}

CASE(thread_cancel, tgkill, futex)
{
	void *value;
	unsigned long t = abi_thread(sleep_for_ever, NULL);

	abi_wait_for(&ready, 1);
	CODE(pthread_cancel(t));
	CODE(pthread_join(t, &value));
	TRUE(value == PTHREAD_CANCELED);
}

CASE(exit_group_ends_all, exit_group)
{
	abi_thread(sleep_for_ever, NULL);
	abi_wait_for(&ready, 1);
	SYS(exit_group, 0x123);
}

static void *exit_from_thread(void *arg)
{
	(void)arg;
	exit(9);
}

CASE(exit_from_thread, exit_group)
{
	abi_join(abi_thread(exit_from_thread, NULL));
}

static void *outlive(void *arg)
{
	(void)arg;
	abi_sleep_ms(40);
	TELL("last one\n");
	fflush(stdout);
	SYS(exit, 6);
	return NULL;
}

CASE(main_thread_exits, exit)
{
	abi_thread(outlive, NULL);
	SYS(exit, 5);
}

CASE(detached, clone3)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	CODE(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED));
	CODE(pthread_attr_setstacksize(&attr, 1 << 20));
	CODE(pthread_create(&t, &attr, count_up, (void *)&word));
	abi_wait_for(&word, 1000);
	TELL("%d\n", word);
}

CASE(names, prctl)
{
	char name[16] = "";

	CODE(pthread_setname_np(pthread_self(), "renamed"));
	CODE(pthread_getname_np(pthread_self(), name, sizeof(name)));
	TELL("%s\n", name);
	CODE(pthread_setname_np(pthread_self(), "much too long a name"));
	SHOW(prctl(PR_SET_NAME, "longer than fifteen"));
	SHOW(prctl(PR_GET_NAME, name));
	TELL("%s\n", name);
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
