/* SPDX-License-Identifier: MIT */
/*
 * What entry.S saves of a program at every entry, at the top of the thread's kernel stack. The
 * order is entry.S's; keep both in step (the assertions below).
 */
#ifndef LWK_REGS_H
#define LWK_REGS_H

#define REGS_SIZE     184
#define REGS_ORIG_RAX 120
#define REGS_CS       152

#ifndef __ASSEMBLER__
#include "guest-lwk/types.h"

struct regs {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 orig_rax;      /* system call number at a system call, else -1 */
	u64 vector, error; /* of a trap; vector VECTOR_SYSCALL at a system call */
	u64 rip, cs, rflags, rsp, ss;
};
#define VECTOR_SYSCALL 256
/* What a program may change: status, TF, DF, NT, RF, AC, ID. And what is always set: IF, bit 1.
 */
#define RFLAGS_USER  0x254dd5ULL
#define RFLAGS_FIXED 0x202ULL

_Static_assert(sizeof(struct regs) == REGS_SIZE, "entry.S");
_Static_assert(offsetof(struct regs, orig_rax) == REGS_ORIG_RAX, "entry.S");
_Static_assert(offsetof(struct regs, cs) == REGS_CS, "entry.S");

static inline bool regs_from_user(const struct regs *regs)
{
	return (regs->cs & 3) == 3;
}
#endif

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER_DS   0x1b /* sysret wants user data before user code: STAR[63:48] = 0x10 */
#define USER_CS   0x23
#define TSS_SEL   0x28

#endif
