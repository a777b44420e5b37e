/* SPDX-License-Identifier: MIT */
/* Forwarding: a system call of the current thread, made by its proxy (share.h, mailbox). */
#ifndef LWK_FWD_H
#define LWK_FWD_H

#include "guest-lwk/process.h"

/*
 * Makes the call and waits; buffers must have been checked and committed (mm_check). [lo, hi)
 * is the hull of what it may touch. Returns the host's result, or -EINTR when a signal
 * interrupted it. When the process is ending it does not return.
 */
s64 fwd_call(u32 nr, const u64 arg[6], u64 lo, u64 hi);
/*
 * A call that no program makes and no signal interrupts: it has effects that must be known.
 * While the process is ending it is waited for as well; only if the proxy is gone there is no
 * answer (-EIO), and then what the call may have taken is the VMM's to give back, or, if the
 * answer came and was not read, process_reap()'s.
 */
struct fwd_whole {
	u32 nr;
	u64 arg[6]; /* in; then the answer */
	u64 len;    /* the caller's own */
};
s64 fwd_call_whole(struct fwd_whole *call);
/* Interrupts the call that t is waiting for, if any (signals, exit). Any core. */
void fwd_cancel(struct thread *t);
/* Wakes the threads whose answers have come for this core. True if any. */
bool fwd_done(struct core *core);

/* log.c: appends to the mapping log; caller holds mm.lock. Position after the record. */
u64 log_append(struct process *proc, u32 op, u64 va, u64 len, u64 gpa);
/* t, the current thread, is on its way out with log_behind set: waits for its proxy. */
void log_catch_up(struct thread *t);

#endif
