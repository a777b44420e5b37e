/* SPDX-License-Identifier: MIT */
/*
 * What a system call leaves of the registers: all but rax as they were, rcx the address behind
 * the instruction, r11 and rflags the flags. With signals on top, which must find a thread at
 * an instruction of the program, before its call or behind it. The call is one that a software
 * KVM's guest answers without its kernel (guest-lwk/gate.S), and its neighbours, which it does
 * not.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

#include "check.h"

#define WAKE         1
#define WAKE_PRIVATE 129
#define FLAGS        0xcd5u /* CF PF AF ZF SF DF OF */

extern char etext;
static uint32_t word;
static volatile int handled, astray;

struct state {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, r8, r9, r10, r11, r12, flags, behind;
};

/* Not across a function call: what stands between is the program's own. */
static void call(struct state *s)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t" /* the red zone */
			 "push %%rbp\n\t"
			 "mov %0, %%rbp\n\t"
			 "mov 0(%%rbp), %%rax\n\t"
			 "mov 8(%%rbp), %%rbx\n\t"
			 "mov 24(%%rbp), %%rdx\n\t"
			 "mov 32(%%rbp), %%rsi\n\t"
			 "mov 40(%%rbp), %%rdi\n\t"
			 "mov 48(%%rbp), %%r8\n\t"
			 "mov 56(%%rbp), %%r9\n\t"
			 "mov 64(%%rbp), %%r10\n\t"
			 "mov 80(%%rbp), %%r12\n\t"
			 "lea 1f(%%rip), %%rcx\n\t"
			 "mov %%rcx, 96(%%rbp)\n\t"
			 "push 88(%%rbp)\n\t"
			 "popf\n\t"
			 "syscall\n\t"
			 "1: pushf\n\t"
			 "cld\n\t"
			 "pop 88(%%rbp)\n\t"
			 "mov %%rax, 0(%%rbp)\n\t"
			 "mov %%rbx, 8(%%rbp)\n\t"
			 "mov %%rcx, 16(%%rbp)\n\t"
			 "mov %%rdx, 24(%%rbp)\n\t"
			 "mov %%rsi, 32(%%rbp)\n\t"
			 "mov %%rdi, 40(%%rbp)\n\t"
			 "mov %%r8, 48(%%rbp)\n\t"
			 "mov %%r9, 56(%%rbp)\n\t"
			 "mov %%r10, 64(%%rbp)\n\t"
			 "mov %%r11, 72(%%rbp)\n\t"
			 "mov %%r12, 80(%%rbp)\n\t"
			 "pop %%rbp\n\t"
			 "lea 128(%%rsp), %%rsp"
			 :
			 : "D"(s)
			 : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12",
			 "cc", "memory");
}

/* The result; the registers are checked. */
static int64_t checked_call(uint64_t nr, uint64_t addr, uint64_t op, uint64_t flags)
{
	struct state s = {.rax = nr,
		.rbx = 0x1111,
		.rdx = 0xffffffff00000001,
		.rsi = op,
		.rdi = addr,
		.r8 = 0x8888,
		.r9 = 0x9999,
		.r10 = 0xaaaa,
		.r12 = 0xcccc,
		.flags = 0x202 | flags};

	call(&s);
	CHECK(s.rcx == s.behind);
	CHECK(s.flags == (0x202 | flags) && s.r11 == s.flags);
	CHECK(s.rbx == 0x1111 && s.rdx == 0xffffffff00000001 && s.rsi == op && s.rdi == addr);
	CHECK(s.r8 == 0x8888 && s.r9 == 0x9999 && s.r10 == 0xaaaa && s.r12 == 0xcccc);
	return (int64_t)s.rax;
}

static void wake_once(uint64_t flags)
{
	CHECK(checked_call(SYS_futex, (uint64_t)&word, WAKE_PRIVATE, flags) == 0);
	CHECK(checked_call(SYS_futex, (uint64_t)&word, WAKE, flags) == 0);
	CHECK(checked_call(SYS_futex, (uint64_t)&word + 1, WAKE_PRIVATE, flags) == -EINVAL);
	CHECK(checked_call(SYS_futex, 1UL << 62, WAKE_PRIVATE, flags) == -EFAULT);
	/* Nobody looks at a private word, mapped or not, while nobody waits. */
	CHECK(checked_call(SYS_futex, 4096, WAKE_PRIVATE, flags) == 0);
	CHECK(checked_call(SYS_futex, (uint64_t)&word, 99, flags) == -ENOSYS);
	CHECK(checked_call(SYS_getpid, 0, 0, flags) == getpid());
	/* Its number is 32 bits wide. */
	CHECK(checked_call(SYS_futex | 1UL << 32, (uint64_t)&word, WAKE_PRIVATE, flags) == 0);
	CHECK(checked_call(SYS_getpid | 1UL << 32, 0, 0, flags) == getpid());
	CHECK(checked_call(0xffffffff, 0, 0, flags) == -ENOSYS);
}

static void registers(void)
{
	static const uint64_t flags[] = {
		0, FLAGS, 0x800, 0x1, 0x4, 0x10, 0x40, 0x80, 0x400, 0x8d5};

	for (unsigned i = 0; i < ARRAY_LEN(flags); i++)
		wake_once(flags[i]);
}

static void handler(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)signo;
	(void)info;
	handled++;
	if ((uint64_t)uc->uc_mcontext.gregs[REG_RIP] >= (uint64_t)&etext)
		astray++;
}

/* Signals at any instruction of the call's way. */
static void interrupted(void)
{
	struct sigaction action = {
		.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct itimerval often = {{0, 5000}, {0, 5000}}, never = {0};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (handled < 100) {
		for (int i = 0; i < 1000; i++)
			CHECK(checked_call(SYS_futex, (uint64_t)&word, WAKE_PRIVATE, FLAGS) ==
				0);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	CHECK(astray == 0);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"registers", registers},
		{"interrupted", interrupted},
	};

	(void)argc;
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
