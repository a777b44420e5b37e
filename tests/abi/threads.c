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
