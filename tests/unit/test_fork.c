/* SPDX-License-Identifier: MIT */
/*
 * What core 0 takes from a thread that forks (guest-lwk/fork.c): the thread may be answered, or
 * end, at any time meanwhile, and then nothing of it is used.
 */
#include <asm/prctl.h>
#include <check.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-lwk/fork.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/process_exec.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sys_misc.h"
#include "guest-lwk/syscall.h"
#include "tests/unit/suite.h"

struct machine machine;
struct process processes[ABI_MAX_PROCS];
struct thread threads[ABI_MAX_THREADS];
static struct abi_share share;
static struct process *const maker = &processes[4], *const copy = &processes[7];
static struct thread *const thread = &threads[11];
static struct mm mm;
static struct core core;
static u8 stack[KSTACK_SIZE] __attribute__((aligned(64)));
static struct forking forking;
static struct forked image;
static unsigned copies;
static void (*meanwhile)(void); /* while core 0 gets memory for what it copies */

/* ---- what fork.c asks of the kernel ---- */

void *kmem_alloc(u32 size)
{
	ck_assert_uint_eq(size, sizeof(image));
	if (meanwhile)
		meanwhile();
	return &image;
}

void kmem_free(void *ptr, u32 size)
{
	ck_assert_ptr_eq(ptr, &image);
}

s64 mm_fork(struct process *proc, struct process *from, bool *holes)
{
	ck_assert_ptr_eq(proc, copy);
	ck_assert_ptr_eq(from, maker);
	copies++;
	return 0;
}

struct fp_control fp_control_read(void)
{
	ck_abort_msg("nobody forks here");
}

s64 syscall_proxy(u32 nr, const u64 arg[6])
{
	ck_abort_msg("nobody forks here");
}

bool mm_check(struct process *proc, u64 va, u64 len, u32 prot)
{
	ck_abort_msg("nobody forks here");
}

void mm_window_hold(struct process *proc)
{
}

void mm_window_release(struct process *proc)
{
}

s64 user_write_u32(u64 addr, u32 value)
{
	ck_abort_msg("nobody forks here");
}

void mm_fork_clean(struct mm *of)
{
}

s64 fp_control_give(struct thread *child, const struct fp_control *fp)
{
	return 0;
}

void printk(const char *fmt, ...)
{
}

void spin_wait(struct spinlock *lock)
{
	ck_abort_msg("a lock is taken");
}

static void set_up(void)
{
	machine.share = &share;
	copy->share = &share.proc[7];
	copy->share->fork_proc = 4 + 1;
	copy->share->fork_slot = 11;
	maker->live = true;
	maker->mm = &mm;
	thread->proc = maker;
	thread->kstack = (u64)stack;
	thread_regs(thread)->rip = 0x4321;
	thread_regs(thread)->rsp = 0x8765;
	forking = (struct forking){.fsbase = 0x77};
	thread->forking = &forking;
	core.self = &core;
	core.current = &threads[0];
	ck_assert_int_eq(syscall(SYS_arch_prctl, ARCH_SET_GS, &core), 0);
}

START_TEST(its_state_is_taken)
{
	ck_assert_int_eq(fork_map(copy), 0);
	ck_assert_uint_eq(copies, 1);
	ck_assert_ptr_eq(copy->forked, &image);
	ck_assert_uint_eq(image.regs.rip, 0x4321);
	ck_assert_uint_eq(image.regs.rsp, 0x8765);
	ck_assert_uint_eq(image.regs.rax, 0);
	ck_assert_uint_eq(image.fsbase, 0x77);
}
END_TEST

/* The copy's proxy has died, and the maker's has told it so. */
static void answered(void)
{
	memset(&forking, 0xee, sizeof(forking));
	thread->forking = NULL;
}

static void killed(void)
{
	maker->exiting = true;
}

/* And another thread, or another process's, has got its slot and forks. */
static void another(void)
{
	static struct forking other;

	memset(&forking, 0xee, sizeof(forking));
	thread->forking = &other;
}

static void (*const ends[])(void) = {answered, killed, another};

START_TEST(it_ends_meanwhile)
{
	meanwhile = ends[_i];
	ck_assert_int_eq(fork_map(copy), -EAGAIN);
	ck_assert_uint_eq(copies, 0);
}
END_TEST

START_TEST(it_does_not_fork)
{
	thread->forking = NULL;
	ck_assert_int_eq(fork_map(copy), -EAGAIN);
	thread->forking = &forking;
	thread->proc = &processes[5];
	ck_assert_int_eq(fork_map(copy), -EAGAIN);
	thread->proc = maker;
	maker->live = false;
	ck_assert_int_eq(fork_map(copy), -EAGAIN);
	maker->live = true;
	copy->share->fork_proc = ABI_MAX_PROCS + 5;
	ck_assert_int_eq(fork_map(copy), -EAGAIN);
	ck_assert_uint_eq(copies, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fork");
	TCase *tc = tcase_create("fork");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, its_state_is_taken);
	tcase_add_loop_test(tc, it_ends_meanwhile, 0, (int)ARRAY_SIZE(ends));
	tcase_add_test(tc, it_does_not_fork);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
