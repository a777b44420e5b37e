/* SPDX-License-Identifier: MIT */
/*
 * The gate of a software KVM (guest-lwk/gate.S, linked here as it is): a thread that a signal
 * meets at any of its bytes goes back to its system call with the number that it had.
 */
#include <check.h>
#include <stdlib.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/futex.h"
#include "guest-lwk/gate.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/regs.h"
#include "guest-lwk/vma.h"
#include "tests/unit/suite.h"

#define CALLED 0x401000 /* behind the program's SYSCALL */

extern char gate_page[], gate_scratch[], gate_kernel[], gate_end[];

/* What the gate's neighbours need to be linked. */
char syscall_entry[1];
u32 futex_waiters[1024];
struct machine machine;

s64 vma_add(struct mm *mm, u64 start, u64 end, u32 prot, u32 flags)
{
	return 0;
}

s64 pt_map_foreign(struct mm *mm, u64 va, u64 gpa, u32 prot)
{
	return 0;
}

static struct regs left_at(u64 offset, u64 rax)
{
	struct regs regs = {.rip = ABI_GATE_VA + offset,
		.rax = rax,
		.rcx = CALLED,
		.r11 = 0xad7,
		.rflags = 0x246};

	gate_leave(&regs);
	return regs;
}

/* Where rax is scratch the call was a futex; elsewhere it may be any, on its way to the kernel.
 */
START_TEST(every_offset)
{
	const u64 scratch = (u64)(gate_scratch - gate_page);
	const u64 kernel = (u64)(gate_kernel - gate_page);
	const u64 end = (u64)(gate_end - gate_page);

	ck_assert(scratch < kernel && kernel < end && end < 4096);
	for (u64 at = 0; at < end; at++) {
		struct regs regs = left_at(at, 1);

		ck_assert_uint_eq(regs.rip, CALLED - 2);
		ck_assert_uint_eq(regs.rflags, 0xad7 | 0x202);
		ck_assert_uint_eq(regs.rcx, CALLED);
		ck_assert_uint_eq(regs.rax, at >= scratch && at < kernel ? 202 : 1);
	}
}
END_TEST

START_TEST(elsewhere)
{
	struct regs regs = left_at(4096, 1);

	ck_assert_uint_eq(regs.rip, ABI_GATE_VA + 4096);
	regs = (struct regs){.rip = ABI_GATE_VA, .rcx = ABI_USER_END + 2, .rflags = 0x246};
	gate_leave(&regs); /* a jump by hand: rcx is no program's */
	ck_assert_uint_eq(regs.rip, ABI_GATE_VA);
	regs.rcx = 1;
	gate_leave(&regs);
	ck_assert_uint_eq(regs.rip, ABI_GATE_VA);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gate");
	TCase *tc = tcase_create("gate");

	tcase_add_test(tc, every_offset);
	tcase_add_test(tc, elsewhere);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
