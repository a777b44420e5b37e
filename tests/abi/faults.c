/* SPDX-License-Identifier: MIT */
/* Signals: stacks, contexts, faults, and what ends a process. */
#include "abi.h"

#include <setjmp.h>
#include <ucontext.h>

static volatile int count, last;

static void on_signal(int sig)
{
	last = sig;
}

static void block(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
}

static stack_t stack_now;
static volatile int on_stack;
static char other_stack[65536];

static void look_at_stack(int sig)
{
	char here;

	(void)sig;
	on_stack = &here >= other_stack && &here < other_stack + sizeof(other_stack);
	sigaltstack(NULL, &stack_now);
}

CASE(sigaltstack, sigaltstack)
{
	stack_t s = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)}, old;

	SHOW(sigaltstack(NULL, &old));
	TELL("flags %d\n", old.ss_flags);
	SHOW(sigaltstack(&s, NULL));
	abi_handler(SIGUSR1, look_at_stack, SA_ONSTACK);
	raise(SIGUSR1);
	TELL("on it %d, flags %d\n", on_stack, stack_now.ss_flags);
	abi_handler(SIGUSR1, look_at_stack, 0);
	raise(SIGUSR1);
	TELL("on it %d, flags %d\n", on_stack, stack_now.ss_flags);
	s.ss_size = 100;
	SHOW(sigaltstack(&s, NULL));
	s.ss_flags = 77;
	SHOW(sigaltstack(&s, NULL));
	s.ss_flags = SS_DISABLE;
	SHOW(sigaltstack(&s, &old));
	TRUE(old.ss_sp == other_stack && old.ss_size == sizeof(other_stack));
	SHOW(SYS(sigaltstack, BAD, NULL));
	SHOW(SYS(sigaltstack, NULL, BAD));
}

static volatile int change_error;

static void change_stack(int sig)
{
	stack_t s = {.ss_flags = SS_DISABLE};

	(void)sig;
	change_error = sigaltstack(&s, NULL) == 0 ? 0 : errno;
}

CASE(sigaltstack_in_use, sigaltstack)
{
	stack_t s = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)}, old;

	MUST(sigaltstack(&s, NULL));
	abi_handler(SIGUSR1, change_stack, SA_ONSTACK);
	raise(SIGUSR1);
	TELL("%s\n", strerrorname_np(change_error));
	s.ss_flags = (int)(1u << 31); /* SS_AUTODISARM */
	SHOW(sigaltstack(&s, NULL));
	raise(SIGUSR1);
	TELL("%d\n", change_error);
	MUST(sigaltstack(NULL, &old));
	TELL("flags %x\n", (unsigned)old.ss_flags);
}

static void edit_context(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)sig;
	(void)info;
	u->uc_mcontext.gregs[REG_RIP] += 2; /* past the ud2 */
	u->uc_mcontext.gregs[REG_RAX] = 1234;
	sigaddset(&u->uc_sigmask, SIGUSR2);
	count = info->si_code;
}

CASE(context, rt_sigreturn, rt_sigaction)
{
	struct sigaction action = {.sa_sigaction = edit_context, .sa_flags = SA_SIGINFO};
	sigset_t set;
	long rax = 0;

	MUST(sigaction(SIGILL, &action, NULL));
	__asm__ volatile("ud2" : "+a"(rax) : : "memory");
	TELL("rax %ld code %d\n", rax, count);
	MUST(sigprocmask(SIG_BLOCK, NULL, &set));
	SHOW(sigismember(&set, SIGUSR2));
}

static sigjmp_buf back;
static volatile int fault_code;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	last = sig;
	fault_code = info->si_code;
	siglongjmp(back, 1);
}

static void expect_fault(int sig, void (*act)(void))
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	MUST(sigaction(sig, &action, NULL));
	if (!sigsetjmp(back, 1))
		act();
	TELL("signal %d code %d\n", last, fault_code);
}

static void divide(void)
{
	volatile int zero = 0;

	zero = 1 / zero;
}

static void trap(void)
{
	__asm__ volatile("int3");
}

static void privileged(void)
{
	__asm__ volatile("hlt");
}

CASE(fault_codes, rt_sigaction)
{
	expect_fault(SIGFPE, divide);
	expect_fault(SIGTRAP, trap);
	expect_fault(SIGSEGV, privileged);
}

CASE(kills_term, kill)
{
	TELL("before\n");
	fflush(stdout);
	kill(getpid(), SIGTERM);
	TELL("after\n");
}

CASE(kills_realtime, tgkill)
{
	raise(SIGRTMIN + 5);
	TELL("after\n");
}

CASE(fault_blocked, rt_sigprocmask)
{
	block(SIGSEGV);
	abi_handler(SIGSEGV, on_signal, 0);
	*(volatile char *)BAD = 1;
	TELL("after\n");
}
