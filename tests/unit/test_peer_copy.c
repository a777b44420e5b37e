/* SPDX-License-Identifier: MIT */
/*
 * Copies between two programs by the LWK (guest-lwk/peer_copy.c): only while what the host said
 * of it holds, of the same program, with a look at the core's other work in between.
 */
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/peer_copy.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sys.h"
#include "guest-lwk/user_window.h"
#include "guest-lwk/vfork.h"
#include "tests/unit/suite.h"

#define MIB    (1ULL << 20)
#define MINE   (ABI_USER_START + 3 * MIB)
#define THEIRS (ABI_USER_START + 1021 * MIB)

struct machine machine;
static struct abi_share share;
static struct process me = {.index = 1}, theirs = {.index = 2};
static struct mm mm[2];
static struct thread thread;
static struct core core;
static struct peer peer = {.proc = &theirs, .pid = 77, .prot = ABI_PROT_R};
static struct {
	u64 base, len;
} local, remote;
static u64 copied, breathed;
static void (*meanwhile)(void); /* after 1 MiB */

/* ---- what peer_copy.c asks of the kernel ---- */

void *window_try(struct mm *of, u64 va, u64 len, u32 prot)
{
	ck_assert_uint_eq(theirs.lock.held, 1);
	ck_assert_uint_eq(prot, of == &mm[0] ? ABI_PROT_W : ABI_PROT_R);
	ck_assert_uint_eq(va, (of == &mm[0] ? MINE : THEIRS) + copied);
	spin_lock(&of->lock);
	return gpa_to_ptr(va);
}

void window_leave(struct mm *of)
{
	spin_unlock(&of->lock);
}

void pmem_copy(u64 to, u64 from, u64 len)
{
	ck_assert_uint_eq(to, MINE + copied);
	ck_assert_uint_eq(from, THEIRS + copied);
	copied += len;
	if (copied == MIB && meanwhile)
		meanwhile();
}

void host_breathe(void)
{
	ck_assert_uint_eq(theirs.lock.held | mm[0].lock.held | mm[1].lock.held, 0);
	ck_assert_uint_le(copied - breathed, 5 * MIB);
	breathed = copied;
}

bool mm_check(struct process *proc, u64 va, u64 len, u32 prot)
{
	ck_assert_ptr_eq(proc, &me);
	return true;
}

s64 user_read(void *dst, u64 src, u64 len)
{
	memcpy(dst, (const void *)src, len);
	return 0;
}

void spin_wait(struct spinlock *lock)
{
	ck_abort_msg("a lock is taken");
}

static void set_up(void)
{
	machine.share = &share;
	share.ids_changes = 5;
	theirs.pid = 77;
	theirs.live = true;
	theirs.nthreads = 1;
	me.mm = &mm[0];
	theirs.mm = &mm[1];
	thread.proc = &me;
	core.self = &core;
	core.current = &thread;
	local.base = MINE;
	remote.base = THEIRS;
	local.len = remote.len = 20 * MIB;
	ck_assert_int_eq(syscall(SYS_arch_prctl, ARCH_SET_GS, &core), 0);
	peer_allow(&peer, peer_verdicts_age());
}

static s64 copy(void)
{
	const u64 arg[6] = {77, (u64)&local, 1, (u64)&remote, 1};

	return peer_copy(&peer, arg);
}

START_TEST(all_of_it)
{
	ck_assert_int_eq(copy(), 20 * MIB);
	ck_assert_uint_eq(copied, 20 * MIB);
	ck_assert_uint_ge(breathed, 15 * MIB);
}
END_TEST

static void someone_changes(void)
{
	share.ids_changes++;
}

static void it_ends(void)
{
	theirs.exiting = true;
}

static void another_comes(void)
{
	theirs.pid = 78;
}

static void it_hides(void)
{
	theirs.undumpable = true;
}

static void (*const changes[])(void) = {someone_changes, it_ends, another_comes, it_hides};

START_TEST(only_while_it_holds)
{
	meanwhile = changes[_i];
	ck_assert_int_eq(copy(), -EAGAIN);
	ck_assert_uint_eq(copied, MIB);
	ck_assert_int_eq(copy(), -EAGAIN);
	ck_assert_uint_eq(copied, MIB);
}
END_TEST

START_TEST(not_by_its_parent_s_verdict)
{
	struct vfork vfork = {0};

	thread.vfork = &vfork;
	ck_assert_int_eq(copy(), -EAGAIN);
	me.peers = 0;
	peer_allow(&peer, peer_verdicts_age());
	thread.vfork = NULL;
	ck_assert_int_eq(copy(), -EAGAIN);
	ck_assert_uint_eq(copied, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("peer_copy");
	TCase *tc = tcase_create("peer_copy");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, all_of_it);
	tcase_add_loop_test(tc, only_while_it_holds, 0, (int)ARRAY_SIZE(changes));
	tcase_add_test(tc, not_by_its_parent_s_verdict);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
