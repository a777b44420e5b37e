/* SPDX-License-Identifier: MIT */
/* Signals: actions, masks, queues, stacks, waiting. */
#include "abi.h"

#include <setjmp.h>
#include <ucontext.h>

static volatile int count, last, order[16];

static void on_signal(int sig)
{
	order[count & 15] = sig;
	count++;
	last = sig;
}

static volatile int info_code, info_value;
static volatile pid_t info_pid;

static void on_info(int sig, siginfo_t *info, void *context)
{
	(void)context;
	last = sig;
	count++;
	info_code = info->si_code;
	info_pid = info->si_pid;
	info_value = info->si_value.sival_int;
}

static void handle_info(int sig, int flags)
{
	struct sigaction action = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO | flags};

	MUST(sigaction(sig, &action, NULL));
}

static sigset_t one(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return set;
}

static void block(int sig)
{
	sigset_t set = one(sig);

	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
}

static void unblock(int sig)
{
	sigset_t set = one(sig);

	MUST(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

static void show_set(const char *name, const sigset_t *set)
{
	TELL("%s:", name);
	for (int sig = 1; sig <= 64; sig++)
		if (sigismember(set, sig) == 1)
			TELL(" %d", sig);
	TELL("\n");
}

CASE(sigaction, rt_sigaction)
{
	struct sigaction old,
		new = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_NODEFER};

	sigemptyset(&new.sa_mask);
	sigaddset(&new.sa_mask, SIGUSR2);
	SHOW(sigaction(SIGUSR1, &new, &old));
	TRUE(old.sa_handler == SIG_DFL);
	SHOW(sigaction(SIGUSR1, NULL, &old));
	TRUE(old.sa_handler == on_signal);
	TELL("flags %x\n", (unsigned)old.sa_flags & ~0x04000000u);
	show_set("mask", &old.sa_mask);
	SHOW(sigaction(SIGKILL, &new, NULL));
	SHOW(sigaction(SIGSTOP, &new, NULL));
	SHOW(sigaction(SIGKILL, NULL, &old));
	SHOW(SYS(rt_sigaction, 0, NULL, NULL, 8));
	SHOW(SYS(rt_sigaction, 65, NULL, NULL, 8));
	SHOW(SYS(rt_sigaction, 64, NULL, NULL, 8));
	SHOW(SYS(rt_sigaction, SIGUSR1, NULL, NULL, 16));
	SHOW(SYS(rt_sigaction, SIGUSR1, BAD, NULL, 8));
	SHOW(SYS(rt_sigaction, SIGUSR1, NULL, BAD, 8));
}

CASE(sigaction_unknown_flags, rt_sigaction)
{
	struct sigaction new = {.sa_handler = SIG_DFL, .sa_flags = (int)0x40000400}, old;

	SHOW(sigaction(SIGUSR1, &new, NULL));
	SHOW(sigaction(SIGUSR1, NULL, &old));
	TELL("flags %x\n", (unsigned)old.sa_flags & ~0x04000000u);
}

CASE(resethand, rt_sigaction, tgkill)
{
	struct sigaction old;

	abi_handler(SIGUSR1, on_signal, (int)SA_RESETHAND);
	SHOW(raise(SIGUSR1));
	TELL("%d\n", count);
	SHOW(sigaction(SIGUSR1, NULL, &old));
	TRUE(old.sa_handler == SIG_DFL);
	fflush(stdout);
	raise(SIGUSR1);
}

static void nested(int sig)
{
	order[count & 15] = sig;
	count++;
	if (count < 3)
		raise(sig);
	order[count & 15] = -sig;
	count++;
}

CASE(nodefer, rt_sigaction, rt_sigreturn)
{
	abi_handler(SIGUSR1, nested, SA_NODEFER);
	raise(SIGUSR1);
	for (int i = 0; i < count; i++)
		TELL("%d ", order[i]);
	TELL("\n");
	count = 0;
	abi_handler(SIGUSR1, nested, 0);
	raise(SIGUSR1);
	for (int i = 0; i < count; i++)
		TELL("%d ", order[i]);
	TELL("\n");
}

static void show_mask(int sig)
{
	sigset_t set;

	(void)sig;
	sigprocmask(SIG_BLOCK, NULL, &set);
	show_set("inside", &set);
}

CASE(handler_mask, rt_sigaction, rt_sigprocmask)
{
	struct sigaction new = {.sa_handler = show_mask};
	sigset_t set;

	sigaddset(&new.sa_mask, SIGUSR2);
	sigaddset(&new.sa_mask, SIGRTMAX);
	sigaddset(&new.sa_mask, SIGKILL);
	MUST(sigaction(SIGUSR1, &new, NULL));
	block(SIGHUP);
	raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &set);
	show_set("after", &set);
}

CASE(sigprocmask, rt_sigprocmask)
{
	sigset_t set = one(SIGUSR1), old;

	SHOW(sigprocmask(SIG_BLOCK, &set, NULL));
	set = one(SIGUSR2);
	SHOW(sigprocmask(SIG_BLOCK, &set, &old));
	show_set("old", &old);
	set = one(SIGUSR1);
	SHOW(sigprocmask(SIG_UNBLOCK, &set, &old));
	show_set("old", &old);
	sigfillset(&set);
	SHOW(SYS(rt_sigprocmask, SIG_SETMASK, &set, &old, 8));
	SHOW(SYS(rt_sigprocmask, SIG_SETMASK, NULL, &old, 8));
	show_set("old", &old);
	SHOW(SYS(rt_sigprocmask, 9, &set, NULL, 8));
	SHOW(SYS(rt_sigprocmask, 9, NULL, NULL, 8));
	SHOW(SYS(rt_sigprocmask, SIG_SETMASK, &set, NULL, 4));
	SHOW(SYS(rt_sigprocmask, SIG_SETMASK, BAD, NULL, 8));
}

CASE(pending, rt_sigpending, kill, tkill)
{
	sigset_t set;

	abi_handler(SIGUSR1, on_signal, 0);
	abi_handler(SIGUSR2, on_signal, 0);
	block(SIGUSR1);
	block(SIGUSR2);
	SHOW(kill(getpid(), SIGUSR1));
	SHOW(SYS(tkill, gettid(), SIGUSR2));
	SHOW(sigpending(&set));
	show_set("pending", &set);
	unblock(SIGUSR1);
	SHOW(sigpending(&set));
	show_set("pending", &set);
	TELL("%d\n", count);
	unblock(SIGUSR2);
	TELL("%d\n", count);
	SHOW(SYS(rt_sigpending, &set, 16));
	SHOW(SYS(rt_sigpending, BAD, 8));
}

CASE(standard_merge, kill)
{
	abi_handler(SIGUSR1, on_signal, 0);
	block(SIGUSR1);
	for (int i = 0; i < 5; i++)
		kill(getpid(), SIGUSR1);
	unblock(SIGUSR1);
	TELL("%d\n", count);
}

CASE(realtime_queue, rt_sigqueueinfo)
{
	handle_info(SIGRTMIN + 1, 0);
	block(SIGRTMIN + 1);
	for (int i = 0; i < 5; i++)
		SHOW(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 10 + i}));
	unblock(SIGRTMIN + 1);
	TELL("%d, last value %d code %d\n", count, info_value, info_code);
	TRUE(info_pid == getpid());
}

CASE(order, kill)
{
	const int sigs[] = {SIGTERM, SIGRTMIN + 3, SIGUSR1, SIGHUP, SIGRTMIN};
	sigset_t all, old;

	sigfillset(&all);
	MUST(sigprocmask(SIG_BLOCK, &all, &old));
	for (size_t i = 0; i < ARRAY_LEN(sigs); i++) {
		struct sigaction action = {.sa_handler = on_signal, .sa_mask = all};

		MUST(sigaction(sigs[i], &action, NULL));
		MUST(kill(getpid(), sigs[i]));
	}
	MUST(sigprocmask(SIG_SETMASK, &old, NULL));
	for (int i = 0; i < count; i++)
		TELL("%d ", order[i]);
	TELL("\n");
}

CASE(sigtimedwait, rt_sigtimedwait)
{
	struct timespec t = {0, 20000000};
	siginfo_t info;
	sigset_t set = one(SIGUSR1);

	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	SHOW(sigtimedwait(&set, &info, &t));
	MUST(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 9}));
	SHOW(sigtimedwait(&set, &info, &t));
	TELL("code %d value %d\n", info.si_code, info.si_value.sival_int);
	MUST(kill(getpid(), SIGUSR1));
	SHOW(sigwaitinfo(&set, NULL));
	t.tv_nsec = 2000000000;
	SHOW(sigtimedwait(&set, &info, &t));
	SHOW(SYS(rt_sigtimedwait, &set, NULL, &t, 4));
	SHOW(SYS(rt_sigtimedwait, BAD, NULL, NULL, 8));
}

CASE(sigtimedwait_interrupted, rt_sigtimedwait)
{
	sigset_t set = one(SIGUSR2);

	abi_handler(SIGUSR1, on_signal, SA_RESTART);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	abi_interrupt_after(20);
	SHOW(sigwaitinfo(&set, NULL));
	TELL("%d\n", last);
}

CASE(sigsuspend, rt_sigsuspend)
{
	sigset_t set;

	abi_handler(SIGUSR1, on_signal, 0);
	block(SIGUSR1);
	MUST(raise(SIGUSR1));
	sigemptyset(&set);
	SHOW(sigsuspend(&set));
	TELL("%d\n", last);
	MUST(sigprocmask(SIG_BLOCK, NULL, &set));
	show_set("mask", &set);
	SHOW(SYS(rt_sigsuspend, &set, 4));
	SHOW(SYS(rt_sigsuspend, BAD, 8));
}

CASE(pause, pause)
{
	abi_handler(SIGUSR1, on_signal, SA_RESTART);
	abi_interrupt_after(20);
	SHOW(SYS(pause));
	TELL("%d\n", last);
}

CASE(kill_errors, kill, tkill, tgkill)
{
	SHOW(kill(getpid(), 0));
	SHOW(kill(getpid(), 65));
	SHOW(kill(getpid(), -1));
	SHOW(kill(0x3ffffff, 0));
	SHOW(SYS(tkill, 0, 0));
	SHOW(SYS(tkill, -1, 0));
	SHOW(SYS(tkill, 0x3ffffff, 0));
	SHOW(SYS(tgkill, getpid(), 0x3ffffff, 0));
	SHOW(SYS(tgkill, getpid(), gettid(), 0));
	SHOW(SYS(tgkill, getpid(), gettid(), 99));
	SHOW(SYS(tgkill, -1, 1, 0));
	SHOW(SYS(tgkill, 1, gettid(), 0));
}

CASE(kill_group, kill)
{
	handle_info(SIGUSR1, 0);
	SHOW(kill(0, SIGUSR1));
	abi_wait_for(&last, SIGUSR1);
	TELL("code %d\n", info_code);
	last = 0;
	SHOW(kill(-getpgrp(), SIGUSR1));
	abi_wait_for(&last, SIGUSR1);
	SHOW(kill(-0x3ffffff, 0));
}

CASE(kill_codes, kill, tgkill, rt_tgsigqueueinfo)
{
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};

	handle_info(SIGUSR1, 0);
	MUST(kill(getpid(), SIGUSR1));
	TELL("kill: %d\n", info_code);
	MUST(SYS(tgkill, getpid(), gettid(), SIGUSR1));
	TELL("tgkill: %d\n", info_code);
	info.si_value.sival_int = 8;
	SHOW(SYS(rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &info));
	TELL("tgsigqueue: %d %d\n", info_code, info_value);
	info.si_code = SI_ASYNCIO;
	SHOW(SYS(rt_sigqueueinfo, getpid(), SIGUSR1, &info));
	TELL("sigqueue: %d\n", info_code);
	SHOW(SYS(rt_sigqueueinfo, 0x3ffffff, SIGUSR1, &info));
	SHOW(SYS(rt_sigqueueinfo, getpid(), SIGUSR1, BAD));
	SHOW(SYS(rt_tgsigqueueinfo, getpid(), 0, SIGUSR1, &info));
	SHOW(SYS(rt_sigqueueinfo, getpid(), 99, &info));
}

CASE(queue_foreign_code, rt_sigqueueinfo)
{
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_USER};

	SHOW(SYS(rt_sigqueueinfo, getppid(), 0, &info));
	info.si_code = SI_TKILL;
	SHOW(SYS(rt_sigqueueinfo, getppid(), 0, &info));
}

CASE(default_ignored, kill)
{
	SHOW(raise(SIGCHLD));
	SHOW(raise(SIGURG));
	SHOW(raise(SIGWINCH));
	SHOW(raise(SIGCONT));
	abi_handler(SIGTERM, SIG_IGN, 0);
	SHOW(raise(SIGTERM));
	block(SIGINT);
	SHOW(raise(SIGINT));
	abi_handler(SIGINT, SIG_IGN, 0);
	unblock(SIGINT);
	TELL("alive\n");
}

CASE(restart_syscall, restart_syscall)
{
	SHOW(SYS(restart_syscall));
}
