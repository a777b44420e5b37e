/* SPDX-License-Identifier: MIT */
/*
 * The LWK's end of the mapping log: who appends much is held before the log is full, without a
 * lock, until the proxy has caught up, and nobody else is.
 */
#include <asm/prctl.h>
#include <check.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-lwk/clock.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/process.h"
#include "guest-lwk/sys.h"
#include "tests/unit/suite.h"

#define ASK  (ABI_LOG_RECORDS / 4)
#define HOLD (ABI_LOG_RECORDS / 2)

struct machine machine;
static struct abi_share share;
static struct process proc, other;
static struct mm mm;
static struct thread thread;
static struct core core;
static unsigned bells, sleeps;
static unsigned sleeps_until_applied, sleeps_until_signal;

/* ---- what log.c asks of the kernel ---- */

void process_bell(const struct process *process)
{
	ck_assert_ptr_eq(process, &proc);
	ck_assert_uint_eq(process->share->want_ack, 1);
	bells++;
}

s64 sleep_for(u32 clock, u64 ns, u64 rem)
{
	ck_assert_uint_eq(rem, 0);
	ck_assert_uint_gt(ns, 0);
	if (++sleeps == sleeps_until_applied)
		proc.share->log_applied = proc.share->log_head;
	ck_assert_uint_lt(sleeps, 100);
	return sleeps == sleeps_until_signal ? -ERESTARTNOHAND : 0;
}

void sleep_deaf(u64 ns)
{
	ck_assert_uint_eq(mm.lock.held, 0);
	ck_assert_int_eq(sleep_for(ABI_CLOCK_MONOTONIC, ns, 0), 0);
}

void spin_wait(struct spinlock *lock)
{
	ck_abort_msg("a lock is taken");
}

static void set_up(void)
{
	machine.share = &share;
	proc.index = 3;
	proc.share = &share.proc[3];
	proc.share->state = ABI_PROC_RUNNING;
	proc.share->log_head = proc.share->log_applied = 70000; /* as of a later process */
	proc.mm = &mm;
	machine.tsc_hz = 50000000;
	thread.proc = &proc;
	core.self = &core;
	core.current = &thread;
	ck_assert_int_eq(syscall(SYS_arch_prctl, ARCH_SET_GS, &core), 0);
}

static void append(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		u64 before = proc.share->log_head;

		ck_assert_uint_eq(log_append(&proc, ABI_LOG_MAP, i, 2, 3), before + 1);
		ck_assert_uint_eq(share.log[3][before % ABI_LOG_RECORDS].va, i);
	}
}

START_TEST(asks_in_time_and_once)
{
	append(ASK);
	ck_assert_uint_eq(bells, 0);
	append(HOLD - ASK);
	ck_assert_uint_eq(bells, 1);
	ck_assert(!thread.log_behind && !thread.signals.work);
}
END_TEST

START_TEST(holds_before_it_is_full)
{
	append(HOLD + 1);
	ck_assert(thread.log_behind && thread.signals.work);
	sleeps_until_applied = 5;
	log_catch_up(&thread);
	ck_assert_uint_eq(sleeps, 5);
	ck_assert(!thread.log_behind);
	ck_assert_uint_eq(bells, 2);
	/* And again, and not when it is not needed. */
	append(HOLD + 1);
	ck_assert(thread.log_behind);
	proc.share->log_applied = proc.share->log_head;
	log_catch_up(&thread);
	ck_assert_uint_eq(sleeps, 5);
}
END_TEST

/* A program whose proxy is stopped can be killed. */
START_TEST(a_signal_ends_the_wait)
{
	append(HOLD + 1);
	sleeps_until_signal = 3;
	log_catch_up(&thread);
	ck_assert_uint_eq(sleeps, 3);
}
END_TEST

START_TEST(nobody_waits_for_a_proxy_that_is_gone)
{
	proc.share->state = ABI_PROC_GONE;
	append(3 * ABI_LOG_RECORDS);
	log_catch_up(&thread);
	ck_assert_uint_eq(sleeps, 0);
}
END_TEST

/* Core 0 reaps a process in whatever thread's kernel entry the event came. */
START_TEST(holds_no_other_process)
{
	thread.proc = &other;
	append(HOLD + 100);
	ck_assert(!thread.log_behind && !thread.signals.work);
}
END_TEST

/* Whatever a part needs: without the lock, and deaf to signals. */
START_TEST(a_part_waits_for_room)
{
	spin_lock(&mm.lock);
	append(ASK - 1);
	ck_assert(!log_room(&proc));
	append(1);
	sleeps_until_applied = 4;
	ck_assert(log_room(&proc));
	ck_assert_uint_eq(sleeps, 4);
	ck_assert_uint_eq(mm.lock.held, 1);
	ck_assert(!log_room(&proc));
	/* A part of the greatest number, and hundreds of touches. */
	append(ASK - 1 + LOG_PIECE + ABI_LOG_RECORDS / 4);
	ck_assert_uint_eq(bells, 2);
}
END_TEST

START_TEST(no_part_waits_at_the_end)
{
	spin_lock(&mm.lock);
	append(ASK);
	proc.exiting = true;
	ck_assert(!log_room(&proc));
	proc.exiting = false;
	proc.share->state = ABI_PROC_GONE;
	ck_assert(!log_room(&proc));
	thread.proc = &other;
	proc.share->state = ABI_PROC_RUNNING;
	ck_assert(!log_room(&proc));
	ck_assert_uint_eq(sleeps, 0);
}
END_TEST

START_TEST(a_peer_s_log)
{
	thread.proc = &other;
	append(HOLD - 1);
	ck_assert_int_eq(log_wait_peer(&proc), 0);
	ck_assert_uint_eq(sleeps, 0);
	append(1);
	sleeps_until_applied = 3;
	ck_assert_int_eq(log_wait_peer(&proc), 0);
	ck_assert_uint_eq(sleeps, 3);
	append(HOLD);
	sleeps_until_signal = 5;
	ck_assert_int_eq(log_wait_peer(&proc), -ERESTARTNOINTR);
	proc.share->state = ABI_PROC_GONE;
	ck_assert_int_eq(log_wait_peer(&proc), 0);
}
END_TEST

/* Core 0, for a copy whose proxy is stopped: not for ever. */
START_TEST(not_for_ever)
{
	thread.proc = &other;
	append(HOLD);
	ck_assert(!log_drains(&proc));
	proc.share->log_applied++;
	ck_assert(log_drains(&proc));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, asks_in_time_and_once);
	tcase_add_test(tc, holds_before_it_is_full);
	tcase_add_test(tc, a_signal_ends_the_wait);
	tcase_add_test(tc, nobody_waits_for_a_proxy_that_is_gone);
	tcase_add_test(tc, holds_no_other_process);
	tcase_add_test(tc, a_part_waits_for_room);
	tcase_add_test(tc, no_part_waits_at_the_end);
	tcase_add_test(tc, a_peer_s_log);
	tcase_add_test(tc, not_for_ever);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
