/* SPDX-License-Identifier: MIT */
/*
 * What a signal handler finds on its stack: Linux's x86-64 struct rt_sigframe, part by part.
 * The vector state lies above it, 64-byte aligned, in the standard XSAVE form with Linux's
 * marks.
 */
#ifndef LWK_SIGFRAME_LAYOUT_H
#define LWK_SIGFRAME_LAYOUT_H

#include "guest-lwk/types.h"

struct sigframe_stack {
	u64 sp;
	u32 flags, pad;
	u64 size;
};

struct sigframe_context {
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
	u64 rflags;
	u16 cs, gs, fs, ss;
	u64 err, trapno, oldmask, cr2;
	u64 fpstate; /* address */
	u64 reserved[8];
};

struct sigframe_ucontext {
	u64 flags, link;
	struct sigframe_stack stack;
	struct sigframe_context mcontext;
	u64 mask;
};

struct sigframe_info {
	s32 signo, errnum, code, pad;
	u64 word[14]; /* by signal and code: sigframe_info_fill() */
};

struct sigframe {
	u64 restorer; /* the handler's return address */
	struct sigframe_ucontext uc;
	struct sigframe_info info;
};

#define UC_FP_XSTATE         1
#define UC_SIGCONTEXT_SS     2
#define UC_STRICT_RESTORE_SS 4

/* In the XSAVE area. */
#define XS_MXCSR      24
#define XS_SW         464 /* struct xs_sw: software's bytes of the FXSAVE image */
#define XS_LEGACY     512
#define XS_HEADER     512 /* XSTATE_BV, XCOMP_BV, six words of 0 */
#define XS_HEADER_LEN 64
#define XS_MAGIC1     0x46505853U
#define XS_MAGIC2     0x46505845U /* behind the area */
#define XS_MAGIC2_LEN 4
struct xs_sw {
	u32 magic1;
	u32 extended_size; /* with magic 2 */
	u64 xfeatures;
	u32 xstate_size;
	u32 pad[7];
};

_Static_assert(sizeof(struct sigframe_context) == 256, "Linux's x86-64 ABI");
_Static_assert(sizeof(struct sigframe_ucontext) == 304, "Linux's x86-64 ABI");
_Static_assert(sizeof(struct sigframe_info) == 128, "Linux's x86-64 ABI");
_Static_assert(sizeof(struct sigframe) == 440, "Linux's x86-64 ABI");
_Static_assert(sizeof(struct xs_sw) == 48, "Linux's x86-64 ABI");

#endif
