/* SPDX-License-Identifier: MIT */
/* Faults that a program catches: the right signal, code, address and trap, and life after
 * siglongjmp. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "check.h"

static sigjmp_buf back;
static siginfo_t got;
static greg_t got_trap, got_error, got_rip;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	const greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)sig;
	got = *info;
	got_trap = reg[REG_TRAPNO];
	got_error = reg[REG_ERR];
	got_rip = reg[REG_RIP];
	siglongjmp(back, 1);
}

/* Prints what came of it; the address as a distance from where it is expected. */
static void report(const char *name, const volatile void *expected)
{
	printf("%s: %s code %d trap %d", name, strsignal(got.si_signo), got.si_code,
		(int)got_trap);
	if (got_trap == 14)
		printf(" %s", got_error & 2 ? "write" : got_error & 16 ? "fetch" : "read");
	if (got_trap == 13)
		printf(" error %d", (int)got_error);
	if (expected)
		printf(" at %+ld",
			(long)((char *)got.si_addr - (const volatile char *)expected));
	printf("\n");
	CHECK(got.si_addr != NULL || expected == NULL);
}

#define FAULT(name, expected, ...)                                                             \
	do {                                                                                   \
		memset(&got, 0, sizeof(got));                                                  \
		if (sigsetjmp(back, 1) == 0) {                                                 \
			__VA_ARGS__;                                                           \
			printf("%s: nothing happened\n", name);                                \
		} else {                                                                       \
			report(name, expected);                                                \
		}                                                                              \
	} while (0)

#define AT_RIP ((void *)got_rip)

static volatile char *page;
static volatile char *volatile null;

static void memory_faults(void)
{
	volatile char *kernel = (volatile char *)0xffffffff81000000;
	volatile char *direct = (volatile char *)0xffff888000001000;
	volatile char *strange = (volatile char *)0x0123456789abcdef;
	volatile char *volatile near = (volatile char *)0x123;

	FAULT("null read", NULL, (void)*null);
	FAULT("null write", NULL, *null = 1);
	FAULT("near null", near, (void)*near);
	FAULT("kernel read", kernel, (void)*kernel);
	FAULT("kernel write", kernel, *kernel = 1);
	FAULT("direct map read", direct, (void)*direct);
	FAULT("not canonical", NULL, (void)*strange);
	FAULT("read of none", page, (void)*page);
	CHECK(mprotect((void *)page, 4096, PROT_READ) == 0);
	FAULT("write of read-only", page + 5, page[5] = 1);
	CHECK(mprotect((void *)page, 4096, PROT_READ | PROT_WRITE) == 0);
	page[0] = (char)0xc3;
	FAULT("call of data", page, ((void (*)(void))page)());
	FAULT("write of text", (void *)report, *(volatile char *)report = 1);
	CHECK(munmap((void *)page, 4096) == 0);
	FAULT("read of unmapped", page, (void)*page);
	FAULT("call of null", NULL, ((void (*)(void))null)());
	FAULT("call of kernel", kernel, ((void (*)(void))kernel)());
}

static void arithmetic_faults(void)
{
	volatile int zero = 0, least = -2147483647 - 1, minus = -1;
	unsigned strict = 0x1f80 & ~(1u << 7 | 1u << 9), normal = 0x1f80;
	unsigned short x87 = 0x37f & ~(1u << 2);

	FAULT("integer division by zero", AT_RIP, zero = least / zero);
	FAULT("integer overflow of division", AT_RIP, zero = least / minus);
	FAULT("vector division by zero", AT_RIP,
		__asm__ volatile("ldmxcsr %0; pxor %%xmm0, %%xmm0; pcmpeqd %%xmm1, %%xmm1;"
				 "cvtdq2pd %%xmm1, %%xmm1; divpd %%xmm0, %%xmm1"
				 :
				 : "m"(strict)
				 : "xmm0", "xmm1"));
	__asm__ volatile("ldmxcsr %0" : : "m"(normal));
	FAULT("x87 division by zero", AT_RIP,
		__asm__ volatile("fldcw %0; fldz; fld1; fdivp; fwait"
				 :
				 : "m"(x87)));
	__asm__ volatile("fninit");
}

static void instruction_faults(void)
{
	static const char bytes[64] __attribute__((aligned(16)));

	FAULT("ud2", AT_RIP, __asm__ volatile("ud2"));
	FAULT("hlt", NULL, __asm__ volatile("hlt"));
	FAULT("cli", NULL, __asm__ volatile("cli"));
	FAULT("in", NULL, __asm__ volatile("inb $0x80, %%al" : : : "rax"));
	FAULT("out", NULL, __asm__ volatile("outb %%al, $0x80" : :));
	FAULT("mov from cr0", NULL, __asm__ volatile("mov %%cr0, %%rax" : : : "rax"));
	FAULT("rdmsr", NULL, __asm__ volatile("rdmsr" : : "c"(0xc0000080) : "rax", "rdx"));
	FAULT("lgdt", NULL, __asm__ volatile("lgdt %0" : : "m"(bytes)));
	FAULT("int 0x20", NULL, __asm__ volatile("int $0x20"));
	FAULT("int 14", NULL, __asm__ volatile("int $14"));
	FAULT("int 0xff", NULL, __asm__ volatile("int $0xff"));
	FAULT("int3", NULL, __asm__ volatile("int3"));
	FAULT("misaligned movaps", NULL,
		__asm__ volatile("movaps 1(%0), %%xmm0"
				 :
				 : "r"(bytes)
				 : "xmm0"));
}

static volatile int deepest = 1 << 30;

static void __attribute__((noinline)) recurse(int depth)
{
	volatile char frame[1000];

	frame[0] = (char)depth;
	if (depth < deepest)
		recurse(depth + 1);
	frame[1] = frame[0];
}

static void stack_overflow(const char *name)
{
	static __thread char alternate[65536];
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	uintptr_t here = (uintptr_t)&stack, at;

	CHECK(sigaltstack(&stack, NULL) == 0);
	if (sigsetjmp(back, 1) == 0)
		recurse(0);
	at = (uintptr_t)got.si_addr;
	CHECK(at < here && here - at < 64 << 20);
	printf("%s: %s trap %d\n", name, strsignal(got.si_signo), (int)got_trap);
	stack.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&stack, NULL) == 0);
}

static void *fault_thread(void *arg)
{
	stack_overflow("stack overflow of a thread");
	FAULT("null read of a thread", NULL, (void)*null);
	return arg;
}

int main(void)
{
	struct sigaction action = {
		.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	pthread_t thread;

	for (size_t i = 0; i < 5; i++) {
		static const int sig[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};

		CHECK(sigaction(sig[i], &action, NULL) == 0);
	}
	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	memory_faults();
	arithmetic_faults();
	instruction_faults();
	stack_overflow("stack overflow");
	CHECK_ZERO(pthread_create(&thread, NULL, fault_thread, NULL));
	CHECK_ZERO(pthread_join(thread, NULL));
	for (int i = 0; i < 1000; i++) {
		if (sigsetjmp(back, 1) == 0)
			*null = 1;
	}
	printf("caught 1000 more\n");
	return 0;
}
