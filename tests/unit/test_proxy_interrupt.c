/* SPDX-License-Identifier: MIT */
/*
 * Interruption of forwarded calls: at each instruction of the way into the system call, and by
 * the thousand at random moments, none may be lost and none may hit the next call.
 * LWVMM_TEST_INTERRUPTS=100000 for the full number.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "vmm/proxy/call.h"
#include "vmm/proxy/futex.h"
#include "vmm/proxy/interrupt.h"

#define TRAP_FLAG 0x100

static struct abi_mbox mbox;
static struct interrupt it;
static int pipe_fd[2];
static char byte;

/* An interruption that is lost would hang. (The runner's own handler would hide why it ended.)
 */
static void give_up_after(unsigned seconds)
{
	signal(SIGALRM, SIG_DFL);
	alarm(seconds);
}

static void read_prepare(void)
{
	mbox.seq++;
	mbox.nr = SYS_read;
	mbox.arg[0] = (uint64_t)pipe_fd[0];
	mbox.arg[1] = (uint64_t)(uintptr_t)&byte;
	mbox.arg[2] = 1;
}

/* ---- each instruction ---- */

static unsigned step, step_fire;
static uintptr_t fired_at;

static void on_trap(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uint64_t bit = 1ULL << (INTERRUPT_SIGNAL - 1);

	if (step++ < step_fire)
		return;
	/* Play the helper here and now; the signal is to come when this handler has returned.
	 */
	fired_at = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	uc->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &bit, NULL, sizeof(bit));
	__atomic_store_n(&mbox.cancel_seq, mbox.seq, __ATOMIC_SEQ_CST);
	interrupt_send(&it, &mbox);
}

static int64_t call_stepped(void)
{
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
	return interrupt_call(&it, &mbox, mbox.arg);
}

START_TEST(at_each_instruction)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	bool begun = false;

	ck_assert_int_eq(pipe(pipe_fd), 0);
	interrupt_install();
	interrupt_attach(&it);
	sigaction(SIGTRAP, &action, NULL);
	give_up_after(30);
	/* The last is the system call itself, not yet executed. One more would block for ever.
	 */
	for (step_fire = 0; fired_at != (uintptr_t)call_end - 2; step_fire++) {
		step = 0;
		read_prepare();
		ck_assert_int_eq(call_stepped(), ABI_NOT_BEGUN);
		ck_assert_uint_eq(it.gate, INTERRUPT_OUT);
		ck_assert_uint_eq(it.hit, 0);
		begun |= fired_at == (uintptr_t)call_begin;
		/* The next call is not hit. */
		mbox.seq++;
		mbox.nr = SYS_getpid;
		ck_assert_int_eq(interrupt_call(&it, &mbox, mbox.arg), getpid());
	}
	ck_assert(begun);
	ck_assert_uint_gt(step_fire, 10);
}
END_TEST

/* ---- random moments ---- */

static uint32_t served; /* seq of the last answer */
static int64_t answer;
static uint32_t asked; /* seq that the service shall serve */

static void *service_main(void *arg)
{
	uint32_t seq = 0;

	interrupt_attach(&it);
	for (;;) {
		while (__atomic_load_n(&asked, __ATOMIC_ACQUIRE) == seq)
			futex_wait(&asked, seq);
		seq = __atomic_load_n(&asked, __ATOMIC_ACQUIRE);
		answer = interrupt_call(&it, &mbox, mbox.arg);
		__atomic_store_n(&served, seq, __ATOMIC_RELEASE);
		futex_wake(&served, 1);
	}
	return arg;
}

static void pause_for(unsigned what)
{
	struct timespec ts = {0, 20000};

	if (what == 0)
		nanosleep(&ts, NULL);
	for (unsigned i = 0; i < what * 16; i++)
		__builtin_ia32_pause();
}

START_TEST(at_random_moments)
{
	const char *text = getenv("LWVMM_TEST_INTERRUPTS");
	unsigned rounds = text ? (unsigned)atoi(text) : 5000;
	unsigned interrupted = 0, cancelled = 0;
	pthread_t thread;

	ck_assert_int_eq(pipe(pipe_fd), 0);
	interrupt_install();
	srandom(1);
	give_up_after(30 + rounds / 500);
	pthread_create(&thread, NULL, service_main, NULL);
	for (unsigned i = 0; i < rounds; i++) {
		bool cancel = random() % 8, data = !cancel || random() % 4 == 0;

		read_prepare();
		__atomic_store_n(&asked, mbox.seq, __ATOMIC_RELEASE);
		futex_wake(&asked, 1);
		pause_for((unsigned)random() % 16);
		if (data)
			ck_assert_int_eq(write(pipe_fd[1], "x", 1), 1);
		if (cancel) {
			__atomic_store_n(&mbox.cancel_seq, mbox.seq, __ATOMIC_SEQ_CST);
			while (!interrupt_send(&it, &mbox))
				sched_yield();
		}
		while (__atomic_load_n(&served, __ATOMIC_ACQUIRE) != mbox.seq)
			futex_wait(&served, mbox.seq - 1);
		/* Without a cancel it reads; without data it is interrupted; with both, one of
		 * them. */
		if (answer == 1)
			ck_assert(data);
		else
			ck_assert(cancel && (answer == -EINTR || answer == ABI_NOT_BEGUN));
		if (answer != 1 && data)
			ck_assert_int_eq(read(pipe_fd[0], &byte, 1), 1);
		interrupted += answer == -EINTR;
		cancelled += answer == ABI_NOT_BEGUN;
	}
	/* Both kinds of moment were met. */
	ck_assert_uint_gt(interrupted, 0);
	ck_assert_uint_gt(cancelled, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_interrupt");
	TCase *tc = tcase_create("interrupt");

	tcase_set_timeout(tc, 0); /* alarm() in the tests */
	tcase_add_test(tc, at_each_instruction);
	tcase_add_test(tc, at_random_moments);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
