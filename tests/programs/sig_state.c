/* SPDX-License-Identifier: MIT */
/*
 * What a thread has in its registers: whole after a signal that came within a system call or
 * out of the blue, after a change by the handler, and after every switch between more threads
 * than cores.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

#include "check.h"

#define VECTORS 32
#define BYTES   64

/* All vector registers, as much of them as the machine has. */
struct vectors {
	unsigned char reg[VECTORS][BYTES];
	uint64_t mask[8];
} __attribute__((aligned(64)));

typedef void around_fn(
	const struct vectors *in, struct vectors *out, const volatile int *until);

/*
 * One function for each width: loads the registers, then sends SIGUSR1 to its own thread (until
 * is NULL) or spins till *until is not 0, then stores them.
 */
#define DEFINE_AROUND(width, target_text, count, load, store, masks_in, masks_out)             \
	__attribute__((target(target_text), noinline)) static void around_##width(             \
		const struct vectors *in, struct vectors *out, const volatile int *until)      \
	{                                                                                      \
		long rax = SYS_tgkill, pid = getpid(), tid = gettid();                         \
		register long r8 __asm__("r8") = (long)in;                                     \
		register long r9 __asm__("r9") = (long)out;                                    \
		register long r10 __asm__("r10") = (long)until;                                \
                                                                                               \
		__asm__ volatile(                                                              \
			".irp n," count "\n" load "\n.endr\n" masks_in                         \
			"testq %%r10, %%r10\n jnz 2f\n syscall\n jmp 3f\n"                     \
			"2: pause\n cmpl $0, (%%r10)\n je 2b\n"                                \
			"3:\n .irp n," count "\n" store "\n.endr\n" masks_out                  \
			: "+a"(rax)                                                            \
			: "D"(pid), "S"(tid), "d"((long)SIGUSR1), "r"(r8), "r"(r9), "r"(r10)   \
			: "rcx", "r11", "memory", "cc", ALL_VECTORS);                          \
	}

#define ALL_VECTORS                                                                            \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",        \
		"xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define TO_16     "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"
#define TO_32     TO_16 ",16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31"
#define MASKS_IN  ".irp n,0,1,2,3,4,5,6,7\n kmovw 2048+8*\\n(%%r8), %%k\\n\n.endr\n"
#define MASKS_OUT ".irp n,0,1,2,3,4,5,6,7\n kmovw %%k\\n, 2048+8*\\n(%%r9)\n.endr\n"

DEFINE_AROUND(sse, "sse2", TO_16, "movdqa 64*\\n(%%r8), %%xmm\\n",
	"movdqa %%xmm\\n, 64*\\n(%%r9)", "", "")
DEFINE_AROUND(avx, "avx", TO_16, "vmovdqa 64*\\n(%%r8), %%ymm\\n",
	"vmovdqa %%ymm\\n, 64*\\n(%%r9)", "", "")
DEFINE_AROUND(avx512, "avx512f", TO_32, "vmovdqa64 64*\\n(%%r8), %%zmm\\n",
	"vmovdqa64 %%zmm\\n, 64*\\n(%%r9)", MASKS_IN, MASKS_OUT)

static around_fn *around;
static unsigned vectors, width, masks;

static void choose_width(void)
{
	if (__builtin_cpu_supports("avx512f")) {
		around = around_avx512;
		vectors = 32, width = 64, masks = 8;
	} else if (__builtin_cpu_supports("avx")) {
		around = around_avx;
		vectors = 16, width = 32;
	} else {
		around = around_sse;
		vectors = 16, width = 16;
	}
	printf("%u vector registers of %u bytes, %u masks\n", vectors, width, masks);
}

static void fill(struct vectors *v, uint64_t seed)
{
	for (unsigned i = 0; i < VECTORS; i++) {
		for (unsigned b = 0; b < BYTES; b += 8) {
			uint64_t r = check_random(&seed);

			memcpy(&v->reg[i][b], &r, 8);
		}
	}
	for (unsigned i = 0; i < 8; i++)
		v->mask[i] = check_random(&seed) & 0xffff;
}

static void check_same(const struct vectors *a, const struct vectors *b)
{
	for (unsigned i = 0; i < vectors; i++)
		CHECK(memcmp(a->reg[i], b->reg[i], width) == 0);
	CHECK(masks == 0 || memcmp(a->mask, b->mask, sizeof(a->mask)) == 0);
}

static volatile int handled;

/* Spoils all that it can. */
static void spoil(int sig)
{
	static __thread struct vectors junk, dump;
	int now = 1;
	unsigned mxcsr = 0x7f80;
	unsigned short x87 = 0xf7f;

	if (sig != SIGUSR2) {
		fill(&junk, 99);
		around(&junk, &dump, &now);
	}
	__asm__ volatile("fninit; fldpi; fldpi; fldpi; fldcw %1; ldmxcsr %0"
			 :
			 : "m"(mxcsr), "m"(x87));
	__atomic_store_n(&handled, 1, __ATOMIC_RELEASE);
}

static void catch (int sig, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};

	CHECK(sigaction(sig, &action, NULL) == 0);
}

static void test_vectors_in_call(void)
{
	static struct vectors in, out;

	catch (SIGUSR1, spoil);
	for (uint64_t i = 1; i <= 200; i++) {
		fill(&in, i);
		memset(&out, 0, sizeof(out));
		handled = 0;
		around(&in, &out, NULL);
		CHECK(handled == 1);
		check_same(&in, &out);
	}
}

static void test_vectors_async(void)
{
	static struct vectors in, out;
	struct itimerval timer = {.it_value = {0, 500}};

	catch (SIGALRM, spoil);
	for (uint64_t i = 1; i <= 100; i++) {
		fill(&in, i * 7);
		handled = 0;
		CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
		around(&in, &out, &handled);
		check_same(&in, &out);
	}
}

static void test_control_words(void)
{
	unsigned mxcsr = 0x3f80, mxcsr_after;
	unsigned short x87 = 0x27f, x87_after;
	double pi = 0;

	catch (SIGUSR1, spoil);
	__asm__ volatile("ldmxcsr %0; fldcw %1; fldpi" : : "m"(mxcsr), "m"(x87));
	raise(SIGUSR1);
	__asm__ volatile("fstpl %2; stmxcsr %0; fnstcw %1"
			 : "=m"(mxcsr_after), "=m"(x87_after), "=m"(pi));
	CHECK((mxcsr_after & ~0x3fu) == mxcsr && x87_after == x87);
	CHECK(pi > 3.141592 && pi < 3.141593);
	mxcsr = 0x1f80;
	__asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
}

/* Sends a signal with known values in every general register and below the stack pointer. */
static void test_registers(void)
{
	const long pid = getpid(), tid = gettid();

	catch (SIGUSR1, spoil);
	for (int i = 0; i < 50; i++) {
		uint64_t wrong = 0;

		__asm__ volatile(
			"push %%rbp; push %%rbx\n movq $0x1111, %%rbx; movq $0x2222, %%rbp\n"
			"movq $0x8888, %%r8; movq $0x9999, %%r9; movq $0xaaaa, %%r10\n"
			"movq $0xcccc, %%r12; movq $0xdddd, %%r13; movq $0xeeee, %%r14\n"
			"movq $0xffff, %%r15; movq $0x7777, -128(%%rsp); movq $0x6666, "
			"-8(%%rsp)\n"
			"movl %[nr], %%eax; movl %[sig], %%edx; stc; syscall\n"
			"setnc %b[wrong]; movzbl %b[wrong], %k[wrong]\n or %%rax, %[wrong]\n"
			"xorq $0x1111, %%rbx; or %%rbx, %[wrong]; xorq $0x2222, %%rbp; or "
			"%%rbp, %[wrong]\n"
			"xorq $0x8888, %%r8; or %%r8, %[wrong]; xorq $0x9999, %%r9; or %%r9, "
			"%[wrong]\n"
			"xorq $0xaaaa, %%r10; or %%r10, %[wrong]; xorq $0xcccc, %%r12; or "
			"%%r12, %[wrong]\n"
			"xorq $0xdddd, %%r13; or %%r13, %[wrong]; xorq $0xeeee, %%r14; or "
			"%%r14, %[wrong]\n"
			"xorq $0xffff, %%r15; or %%r15, %[wrong]\n"
			"xorq $0x7777, -128(%%rsp); or -128(%%rsp), %[wrong]\n"
			"xorq $0x6666, -8(%%rsp); or -8(%%rsp), %[wrong]\n pop %%rbx; pop "
			"%%rbp\n"
			: [wrong] "=&d"(wrong)
			: "D"(pid), "S"(tid), [nr] "i"(SYS_tgkill), [sig] "i"(SIGUSR1)
			: "rax", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
			"memory", "cc");
		CHECK(wrong == 0);
	}
}

/* What a handler writes into its context is what the thread goes on with. */
static void skip_ud2(int sig, siginfo_t *info, void *context)
{
	mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;

	(void)sig;
	CHECK(info->si_addr == (void *)m->gregs[REG_RIP]);
	m->gregs[REG_RIP] += 2;
	m->gregs[REG_RBX] = 0x1234567890;
	m->gregs[REG_EFL] |= 1;
	((unsigned char *)m->fpregs->_xmm)[0] = 0x5a;
}

static void test_changes(void)
{
	struct sigaction action = {.sa_sigaction = skip_ud2, .sa_flags = SA_SIGINFO};
	uint64_t rbx;
	unsigned xmm;
	unsigned char carry;

	CHECK(sigaction(SIGILL, &action, NULL) == 0);
	__asm__ volatile(
		"xor %%ebx, %%ebx; pxor %%xmm0, %%xmm0; clc; ud2; setc %2; movd %%xmm0, %1"
		: "=b"(rbx), "=r"(xmm), "=r"(carry)
		:
		: "xmm0", "cc");
	CHECK(rbx == 0x1234567890 && xmm == 0x5a && carry == 1);
}

/* The ABI wants DF clear and an aligned stack in a handler, whatever the thread did. */
static volatile int handler_good;

static void look_around(int sig)
{
	uint64_t flags;
	uint64_t frame = (uint64_t)__builtin_frame_address(0);

	(void)sig;
	__asm__ volatile("pushf; pop %0" : "=r"(flags));
	handler_good = (flags & 0x400) == 0 && frame % 16 == 0;
}

static void test_entry(void)
{
	long result = SYS_tgkill;
	uint64_t flags;

	catch (SIGUSR1, look_around);
	__asm__ volatile("std; syscall; pushf; pop %1; cld"
			 : "+a"(result), "=&b"(flags)
			 : "D"((long)getpid()), "S"((long)gettid()), "d"((long)SIGUSR1)
			 : "rcx", "r11", "memory", "cc");
	CHECK(result == 0 && handler_good && (flags & 0x400) != 0);
}

/* Eight threads, each with registers, rounding modes and FS base of its own, one and a half
 * seconds. */
static volatile int stop;
static __thread uint64_t own;

static void *preempt_body(void *arg)
{
	static const unsigned rounding[4] = {0x1f80, 0x3f80, 0x5f80, 0x7f80};
	uint64_t id = (uint64_t)(size_t)arg;
	unsigned mxcsr = rounding[id % 4];
	unsigned short x87 = (unsigned short)(0x37f | (id / 2 % 4) << 10);
	struct vectors in, out;
	long rounds = 0;

	own = id;
	__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(x87));
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		unsigned mxcsr_now;
		unsigned short x87_now;
		int now = 1;

		fill(&in, id * 1000003 + (uint64_t)rounds + 1);
		for (int i = 0; i < 200; i++) {
			around(&in, &out, &now);
			check_same(&in, &out);
		}
		__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr_now), "=m"(x87_now));
		CHECK((mxcsr_now & ~0x3fu) == mxcsr && x87_now == x87 && own == id);
		rounds++;
	}
	return (void *)rounds;
}

static void test_preemption(void)
{
	pthread_t thread[8];

	stop = 0;
	for (size_t i = 0; i < 8; i++)
		CHECK_ZERO(pthread_create(&thread[i], NULL, preempt_body, (void *)i));
	for (int i = 0; i < 150; i++) {
		check_sleep_ms(10);
		CHECK_ZERO(pthread_kill(thread[i % 8], SIGUSR2));
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (size_t i = 0; i < 8; i++) {
		void *rounds;

		CHECK_ZERO(pthread_join(thread[i], &rounds));
		CHECK(rounds != NULL);
	}
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"vectors_in_call", test_vectors_in_call},
		{"vectors_async", test_vectors_async},
		{"control_words", test_control_words},
		{"registers", test_registers},
		{"changes", test_changes},
		{"entry", test_entry},
		{"preemption", test_preemption},
	};

	(void)argc;
	choose_width();
	catch (SIGUSR2, spoil);
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
