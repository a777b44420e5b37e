/* SPDX-License-Identifier: MIT */
/*
 * process_vm_readv() and writev() in the LWK: the other program's memory is committed in small
 * pieces, with waits for its log between them that hold no lock, that a signal ends, and after
 * which it must still be the same program.
 */
#include <asm/prctl.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/peer_copy.h"
#include "guest-lwk/sys.h"
#include "guest-lwk/sys_misc.h"
#include "guest-lwk/sysargs.h"
#include "guest-lwk/syscall.h"
#include "tests/unit/suite.h"

#define PID   77
#define AT    (ABI_USER_START + (5ULL << 30))
#define PIECE (64ULL << 20)
#define ROOM  (6 * PIECE) /* the caller's */

struct machine machine;
struct process processes[ABI_MAX_PROCS];
static struct abi_share share;
static struct thread me, theirs;
static struct core core;
static struct process *const peer = &processes[9];

struct iovec_k {
	u64 base, len;
};
static struct iovec_k remote[4], local[2];

static u64 done, bad_from; /* bytes committed; the first address that is not mapped */
static unsigned waits, pieces;
static unsigned signal_at, other_at; /* the wait that a signal ends; in which another comes */
static u64 sent[6], held;
static unsigned forwarded, allowed;
static s64 copied; /* what peer_copy() says */

/* ---- what sys_peer.c asks of the kernel ---- */

bool mm_check(struct process *proc, u64 va, u64 len, u32 prot)
{
	ck_assert_ptr_eq(proc, peer);
	ck_assert_uint_eq(proc->lock.held, 1);
	ck_assert_uint_le(len, PIECE);
	ck_assert_uint_eq(va, AT + done);
	ck_assert_uint_eq(prot, ABI_PROT_R);
	if (va + len > bad_from)
		return false;
	done += len;
	pieces++;
	return true;
}

s64 log_wait_peer(const struct process *proc)
{
	ck_assert_ptr_eq(proc, peer);
	ck_assert_uint_eq(proc->lock.held, 0);
	waits++;
	if (waits == other_at)
		peer->pid = PID + 1;
	return waits == signal_at ? -ERESTARTNOINTR : 0;
}

s64 user_read(void *dst, u64 src, u64 len)
{
	memcpy(dst, (const void *)src, len);
	return 0;
}

s64 syscall_forward(u32 nr, const u64 arg[6])
{
	memcpy(sent, arg, sizeof(sent));
	held = share.peer[me.slot];
	forwarded++;
	return 5;
}

u32 peer_verdicts_age(void)
{
	return 12;
}

void peer_allow(const struct peer *of, u32 age)
{
	ck_assert_ptr_eq(of->proc, peer);
	ck_assert_uint_eq(age, 12);
	allowed++;
}

s64 peer_copy(const struct peer *of, const u64 arg[6])
{
	ck_assert_ptr_eq(of->proc, peer);
	ck_assert_uint_eq(of->pid, PID);
	ck_assert_uint_eq(arg[0], PID);
	return copied;
}

void spin_wait(struct spinlock *lock)
{
	ck_abort_msg("a lock is taken");
}

static void set_up(void)
{
	machine.share = &share;
	peer->index = 9;
	peer->share = &share.proc[9];
	peer->pid = PID;
	peer->live = true;
	peer->nthreads = 2;
	peer->threads = &theirs;
	theirs.tid = ABI_TID_BASE + 5;
	me.proc = &processes[1];
	me.slot = 3;
	core.self = &core;
	core.current = &me;
	bad_from = ~0ULL;
	copied = -EAGAIN;
	local[0] = (struct iovec_k){0, 4};
	local[1] = (struct iovec_k){0, ROOM - 4};
	ck_assert_int_eq(syscall(SYS_arch_prctl, ARCH_SET_GS, &core), 0);
}

static s64 copy(u64 pid, u64 count)
{
	return sys_process_vm_readv(pid, (u64)local, 2, (u64)remote, count, 0);
}

START_TEST(in_pieces)
{
	remote[0] = (struct iovec_k){AT, 3 * PIECE + 100};
	ck_assert_int_eq(copy(PID, 1), 5);
	ck_assert_uint_eq(done, 3 * PIECE + 100);
	ck_assert_uint_eq(pieces, 4);
	ck_assert_uint_eq(waits, pieces);
	ck_assert_uint_eq(sent[4], 1);
	ck_assert_uint_eq(allowed, 1);
	ck_assert_uint_eq(held, ABI_PEER(9, 0));
	ck_assert_uint_eq(share.peer[me.slot], 0);
}
END_TEST

START_TEST(a_signal_ends_the_wait)
{
	remote[0] = (struct iovec_k){AT, 5 * PIECE};
	signal_at = 3;
	ck_assert_int_eq(copy(PID, 1), -ERESTARTNOINTR);
	ck_assert_uint_eq(pieces, 2);
	ck_assert_uint_eq(forwarded, 0);
	ck_assert_uint_eq(share.peer[me.slot], 0);
}
END_TEST

START_TEST(another_program_by_then)
{
	remote[0] = (struct iovec_k){AT, 5 * PIECE};
	other_at = 3;
	ck_assert_int_eq(copy(PID, 1), -ESRCH);
	ck_assert_uint_eq(pieces, 2);
	ck_assert_uint_eq(forwarded, 0);
}
END_TEST

START_TEST(at_its_end)
{
	remote[0] = (struct iovec_k){AT, PIECE};
	peer->exiting = true;
	ck_assert_int_eq(copy(PID, 1), -ESRCH);
	ck_assert_uint_eq(pieces + forwarded, 0);
}
END_TEST

START_TEST(copied_in_the_guest)
{
	copied = 100;
	ck_assert_int_eq(copy(PID, 1), 100);
	ck_assert_uint_eq(pieces + forwarded, 0);
}
END_TEST

START_TEST(ranges_before_the_first_bad_one)
{
	remote[0] = (struct iovec_k){AT, PIECE / 2};
	remote[1] = (struct iovec_k){0, 0};
	remote[2] = (struct iovec_k){AT + PIECE / 2, PIECE};
	remote[3] = (struct iovec_k){AT + PIECE * 3 / 2, 4};
	bad_from = AT + PIECE;
	ck_assert_int_eq(copy(PID, 4), 5);
	ck_assert_uint_eq(sent[4], 2);
}
END_TEST

/* Far more than the caller has room for: whatever is behind it. */
START_TEST(no_more_than_is_moved)
{
	remote[0] = (struct iovec_k){AT, ROOM - 10};
	remote[1] = (struct iovec_k){AT + ROOM - 10, ABI_USER_END};
	remote[2] = (struct iovec_k){ABI_USER_END, 5};
	ck_assert_int_eq(copy(PID, 3), 5);
	ck_assert_uint_eq(done, ROOM);
	ck_assert_uint_eq(sent[4], 3);
	/* As a whole beyond what a program has: nothing of it is committed. */
	done = 0;
	remote[0] = (struct iovec_k){ABI_USER_END - PIECE, ABI_USER_END};
	ck_assert_int_eq(copy(PID, 1), 5);
	ck_assert_uint_eq(done, 0);
	ck_assert_uint_eq(sent[3], SYSARGS_BAD);
	/* Wrong in itself: the host's to say. */
	local[1].len = 1ULL << 63;
	remote[0] = (struct iovec_k){AT, PIECE};
	ck_assert_int_eq(copy(PID, 1), 5);
	local[1].len = local[0].len = 0;
	ck_assert_int_eq(copy(PID, 1), 5);
	ck_assert_uint_eq(done, 0);
	ck_assert_uint_eq(sent[4], 1);
	/* More than Linux moves at once. */
	local[1].len = 1ULL << 62;
	remote[0] = (struct iovec_k){AT, 1ULL << 40};
	ck_assert_int_eq(copy(PID, 1), 5);
	ck_assert_uint_eq(done, SYSARGS_RW_MAX);
}
END_TEST

START_TEST(by_a_thread_s_id)
{
	remote[0] = (struct iovec_k){AT, 16};
	ck_assert_int_eq(copy(ABI_TID_BASE + 5, 1), 5);
	ck_assert_uint_eq(sent[0], PID);
	ck_assert_uint_eq(held, ABI_PEER(9, 0));
	/* Nobody's: the host's to say. */
	ck_assert_int_eq(copy(ABI_TID_BASE + 6, 1), 5);
	ck_assert_uint_eq(sent[0], ABI_TID_BASE + 6);
	ck_assert_uint_eq(held, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("peer");
	TCase *tc = tcase_create("peer");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, in_pieces);
	tcase_add_test(tc, a_signal_ends_the_wait);
	tcase_add_test(tc, another_program_by_then);
	tcase_add_test(tc, at_its_end);
	tcase_add_test(tc, copied_in_the_guest);
	tcase_add_test(tc, ranges_before_the_first_bad_one);
	tcase_add_test(tc, no_more_than_is_moved);
	tcase_add_test(tc, by_a_thread_s_id);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
