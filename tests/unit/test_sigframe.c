/* SPDX-License-Identifier: MIT */
/* Signal frames: the LWK's layout against the C library's, and against a frame of the host's
 * kernel. */
#define _GNU_SOURCE
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <ucontext.h>

#include "guest-lwk/sigframe_layout.h"
#include "tests/unit/suite.h"

#define UC(member, libc)                                                                       \
	_Static_assert(                                                                        \
		offsetof(struct sigframe_ucontext, member) == offsetof(ucontext_t, libc),      \
		#member)
UC(flags, uc_flags);
UC(link, uc_link);
UC(stack, uc_stack);
UC(mcontext, uc_mcontext);
UC(mask, uc_sigmask);
UC(mcontext.fpstate, uc_mcontext.fpregs);

#define STACK(member, libc)                                                                    \
	_Static_assert(                                                                        \
		offsetof(struct sigframe_stack, member) == offsetof(stack_t, libc), #member)
STACK(sp, ss_sp);
STACK(flags, ss_flags);
STACK(size, ss_size);

#define REG(member, number)                                                                    \
	_Static_assert(offsetof(struct sigframe_context, member) == 8 * (number), #member)
REG(r8, REG_R8);
REG(r9, REG_R9);
REG(r10, REG_R10);
REG(r11, REG_R11);
REG(r12, REG_R12);
REG(r13, REG_R13);
REG(r14, REG_R14);
REG(r15, REG_R15);
REG(rdi, REG_RDI);
REG(rsi, REG_RSI);
REG(rbp, REG_RBP);
REG(rbx, REG_RBX);
REG(rdx, REG_RDX);
REG(rax, REG_RAX);
REG(rcx, REG_RCX);
REG(rsp, REG_RSP);
REG(rip, REG_RIP);
REG(rflags, REG_EFL);
REG(cs, REG_CSGSFS);
REG(err, REG_ERR);
REG(trapno, REG_TRAPNO);
REG(oldmask, REG_OLDMASK);
REG(cr2, REG_CR2);

/* sigframe_info_fill() puts two 32-bit values into word 0, and value or status into word 1. */
#define WORD(n) (offsetof(struct sigframe_info, word) + 8 * (n))
_Static_assert(offsetof(siginfo_t, si_addr) == WORD(0), "si_addr");
_Static_assert(offsetof(siginfo_t, si_pid) == WORD(0), "si_pid");
_Static_assert(offsetof(siginfo_t, si_uid) == WORD(0) + 4, "si_uid");
_Static_assert(offsetof(siginfo_t, si_timerid) == WORD(0), "si_timerid");
_Static_assert(offsetof(siginfo_t, si_overrun) == WORD(0) + 4, "si_overrun");
_Static_assert(offsetof(siginfo_t, si_value) == WORD(1), "si_value");
_Static_assert(offsetof(siginfo_t, si_status) == WORD(1), "si_status");

_Static_assert(XS_MAGIC1 == FP_XSTATE_MAGIC1, "magic 1");
_Static_assert(XS_MAGIC2 == FP_XSTATE_MAGIC2, "magic 2");
_Static_assert(sizeof(struct xs_sw) == sizeof(struct _fpx_sw_bytes), "sw bytes");
_Static_assert(offsetof(struct _libc_fpstate, mxcsr) == XS_MXCSR, "mxcsr");

static struct sigframe_ucontext *seen;
static struct sigframe seen_copy;
static struct xs_sw seen_sw;
static uint32_t seen_magic2;
static uint64_t seen_bv;

static void handler(int signo, siginfo_t *info, void *context)
{
	struct sigframe *frame = (void *)((char *)context - offsetof(struct sigframe, uc));
	const char *fp;

	seen = context;
	ck_assert_ptr_eq(&frame->info, info);
	seen_copy = *frame;
	fp = (const char *)frame->uc.mcontext.fpstate;
	seen_sw = *(const struct xs_sw *)(fp + XS_SW);
	seen_magic2 = *(const uint32_t *)(fp + seen_sw.xstate_size);
	seen_bv = *(const uint64_t *)(fp + XS_HEADER);
}

static void raise_once(void)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	ck_assert_ptr_nonnull(seen);
}

START_TEST(frame_is_linux_frame)
{
	raise_once();
	ck_assert_int_eq(seen_copy.info.signo, SIGUSR1);
	ck_assert_uint_eq(
		seen_copy.uc.flags, UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS);
	ck_assert_uint_eq(((uint64_t)seen - offsetof(struct sigframe, uc)) % 16, 8);
	ck_assert_uint_gt(seen_copy.uc.mcontext.rsp, (uint64_t)seen);
}
END_TEST

START_TEST(vector_state_is_linux_form)
{
	raise_once();
	ck_assert_uint_eq(seen_copy.uc.mcontext.fpstate % 64, 0);
	ck_assert_uint_eq(seen_sw.magic1, XS_MAGIC1);
	ck_assert_uint_eq(seen_sw.extended_size, seen_sw.xstate_size + XS_MAGIC2_LEN);
	ck_assert_uint_eq(seen_magic2, XS_MAGIC2);
	ck_assert_uint_eq(seen_bv & ~seen_sw.xfeatures, 0);
	/* As sigframe_push() places it: right below the state. */
	ck_assert_uint_eq((uint64_t)seen - offsetof(struct sigframe, uc),
		(seen_copy.uc.mcontext.fpstate - sizeof(struct sigframe)) / 16 * 16 - 8);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sigframe");
	TCase *tc = tcase_create("frame");

	tcase_add_test(tc, frame_is_linux_frame);
	tcase_add_test(tc, vector_state_is_linux_form);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
