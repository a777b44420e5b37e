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
/*
 * mm.lock of the current process is held: makes sure that LOG_PIECE records have room. If they
 * had not, it waits without the lock, and what the caller has looked at may be otherwise: true.
 */
#define LOG_PIECE (ABI_LOG_RECORDS / 2)
bool log_room(struct process *proc);
/*
 * Somebody else's memory is about to be committed, a little of it; no lock is held. Waits until
 * that log is less than half full. -ERESTARTNOINTR: a signal came first.
 */
s64 log_wait_peer(const struct process *peer);
/*
 * Core 0, on behalf of a process that has no thread yet: waits for room, but a second at most;
 * false if there is none (its proxy is stopped).
 */
bool log_drains(const struct process *proc);

#endif
