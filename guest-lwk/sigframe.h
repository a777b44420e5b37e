/* SPDX-License-Identifier: MIT */
/* Signal frames on the program's stack. */
#ifndef LWK_SIGFRAME_H
#define LWK_SIGFRAME_H

#include "guest-lwk/process.h"
#include "guest-lwk/sigframe_layout.h"

#define SS_ONSTACK    1U
#define SS_DISABLE    2U
#define SS_AUTODISARM (1U << 31)

/*
 * Writes the frame of a handler and lets regs begin there. mask: what sigreturn will put back.
 * -EFAULT: it cannot be written; nothing has changed.
 */
s64 sigframe_push(struct thread *t, struct regs *regs, const struct ksiginfo *info,
	const struct sigaction_k *action, u64 mask);
/*
 * Takes regs, vector state and alternate stack from the frame at regs->rsp; its mask. -EFAULT:
 * bad frame.
 */
s64 sigframe_pop(struct thread *t, struct regs *regs, u64 *mask);

/* sp lies in t's alternate stack. */
bool sigframe_on_altstack(const struct thread *t, u64 sp);
/* SS_ONSTACK, SS_DISABLE or 0, for a program at sp. */
u32 sigframe_altstack_state(const struct thread *t, u64 sp);

/* sigframe_info.c: Linux's struct siginfo of a signal, and back from what a program wrote. */
void sigframe_info_fill(struct sigframe_info *to, const struct ksiginfo *from);
void sigframe_info_read(struct ksiginfo *to, const struct sigframe_info *from);

/*
 * sigframe_fp.c: the vector state with Linux's marks, from the registers to an area (in the
 * direct map) or to the program's va, and back. -EFAULT.
 */
void sigframe_fp_fill(u8 *area);
s64 sigframe_fp_write(struct thread *t, u64 va);
s64 sigframe_fp_load(struct thread *t, u64 va);
/* Bytes of it. */
static inline u64 sigframe_fp_size(void)
{
	return machine.xstate_size + XS_MAGIC2_LEN;
}

#endif
