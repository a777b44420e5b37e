/* SPDX-License-Identifier: MIT */
/* fault HOW: ends by the signal that the way of its fault brings, after one line on standard
 * output. */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "check.h"

static volatile char *volatile null;
static volatile int zero, deepest = 1 << 30;

static void null_read(void)
{
	(void)*null;
}
static void null_write(void)
{
	*null = 1;
}
static void null_call(void)
{
	((void (*)(void))null)();
}
static void divide(void)
{
	zero = 100 / zero;
}
static void halt(void)
{
	__asm__ volatile("hlt");
}
static void disable(void)
{
	__asm__ volatile("cli");
}
static void port_in(void)
{
	__asm__ volatile("inb $0x60, %%al" : : : "rax");
}
static void port_out(void)
{
	__asm__ volatile("outl %%eax, %%dx" : : "a"(1), "d"(0x600));
}
static void doorbell(void)
{
	__asm__ volatile("outl %%eax, %%dx" : : "a"(0), "d"(0x610));
}
static void undefined(void)
{
	__asm__ volatile("ud2");
}
static void breakpoint(void)
{
	__asm__ volatile("int3");
}
static void page_tables(void)
{
	__asm__ volatile("mov %%rax, %%cr3" : : "a"(0L));
}
static void kernel_read(void)
{
	(void)*(volatile char *)0xffffffff80200000;
}
static void direct_write(void)
{
	*(volatile char *)0xffff800000200000 = 1;
}
static void kernel_call(void)
{
	((void (*)(void))0xffffffff80200000)();
}
static void direct_call(void)
{
	((void (*)(void))0xffff800000000000)();
}
static void top_call(void)
{
	((void (*)(void))0xffffffffffffff00)();
}
static void strange_call(void)
{
	((void (*)(void))0x8123456789abcdef)();
}
static void text_write(void)
{
	*(volatile char *)divide = 1;
}
static void terminate(void)
{
	raise(SIGTERM);
}
static void kill_hard(void)
{
	raise(SIGKILL);
}

static void data_call(void)
{
	static char code[16] = {(char)0xc3};

	((void (*)(void))code)();
}

static void stack_call(void)
{
	volatile char code[16] = {(char)0xc3};

	((void (*)(void))code)();
}

static void __attribute__((noinline)) recurse(int depth)
{
	volatile char frame[2000];

	frame[0] = (char)depth;
	if (depth < deepest)
		recurse(depth + 1);
	frame[1] = frame[0];
}

static void overflow(void)
{
	recurse(0);
}

/* No stack to deliver to: the handler cannot run either. */
static void no_stack(void)
{
	signal(SIGSEGV, (void (*)(int))null_read);
	__asm__ volatile("mov $0x10, %%rsp; push %%rax" : : : "memory");
}

static void bad_return(void)
{
	__asm__ volatile("movl $15, %%eax; mov $0x1000, %%rsp; syscall" : : : "rax", "memory");
}

static void *fault_body(void *arg)
{
	*null = 1;
	return arg;
}

/* One thread of several faults, the others sleep or compute: all end. */
static void *busy_body(void *arg)
{
	for (;;)
		zero = 0;
	return arg;
}

static void thread_fault(void)
{
	pthread_t busy, faulty;

	CHECK_ZERO(pthread_create(&busy, NULL, busy_body, NULL));
	CHECK_ZERO(pthread_create(&faulty, NULL, fault_body, NULL));
	for (;;)
		pause();
}

static const struct check_case ways[] = {
	{"null_read", null_read},
	{"null_write", null_write},
	{"null_call", null_call},
	{"divide", divide},
	{"hlt", halt},
	{"cli", disable},
	{"in", port_in},
	{"out", port_out},
	{"doorbell", doorbell},
	{"ud2", undefined},
	{"int3", breakpoint},
	{"cr3", page_tables},
	{"kernel_read", kernel_read},
	{"direct_write", direct_write},
	{"kernel_call", kernel_call},
	{"direct_call", direct_call},
	{"top_call", top_call},
	{"strange_call", strange_call},
	{"text_write", text_write},
	{"data_call", data_call},
	{"stack_call", stack_call},
	{"overflow", overflow},
	{"no_stack", no_stack},
	{"bad_return", bad_return},
	{"thread", thread_fault},
	{"abort", abort},
	{"term", terminate},
	{"kill", kill_hard},
};

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		if (strcmp(argv[1], ways[i].name) == 0) {
			printf("now: %s\n", ways[i].name);
			fflush(stdout);
			ways[i].run();
			printf("still there\n");
			return 1;
		}
	}
	printf("no such way: %s\n", argv[1]);
	return 2;
}
