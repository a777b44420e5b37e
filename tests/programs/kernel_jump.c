/* SPDX-License-Identifier: MIT */
/*
 * Jumps to thousands of addresses where a kernel may have its entries: each is a SIGSEGV at
 * that address. On a software KVM a system call itself arrives as such a jump, so that one
 * address (where a return address waits in rcx, as after `syscall`) may act as one: rax asks
 * for an unknown call then.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>

#include "check.h"

static sigjmp_buf back;
static volatile uintptr_t fault_at;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	fault_at = (uintptr_t)info->si_addr;
	siglongjmp(back, 1);
}

/* 1 when it came back as a system call does. */
static int jump(uintptr_t to)
{
	long rax = 1000;

	fault_at = 0;
	if (sigsetjmp(back, 0) != 0) {
		CHECK(fault_at == to);
		return 0;
	}
	__asm__ volatile("lea 1f(%%rip), %%rcx; pushf; pop %%r11; jmp *%[to]\n1:"
			 : "+a"(rax)
			 : [to] "r"(to)
			 : "rcx", "r11", "memory");
	CHECK(rax == -ENOSYS);
	return 1;
}

int main(void)
{
	static const uintptr_t base[] = {0xffffffff80000000, 0xffffffff80200000,
		0xffffffff81000000, 0xffff800000000000, 0xffff800000200000, 0xffff8000c0000000};
	struct sigaction action = {
		.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	int calls = 0;

	CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
	for (size_t i = 0; i < ARRAY_LEN(base); i++) {
		size_t step = base[i] == 0xffffffff80200000 ? 16 : 4096;

		for (size_t n = 0; n < (step == 16 ? 8192 : 256); n++)
			calls += jump(base[i] + n * step);
	}
	CHECK(calls <= 1);
	printf("every jump ended in a fault\n");
	return 0;
}
