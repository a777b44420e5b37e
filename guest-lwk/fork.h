/* SPDX-License-Identifier: MIT */
/*
 * fork(): a process with a copy of another's memory. The thread that calls waits for its proxy,
 * whose copy asks for a place for the new process; core 0 then makes that from what it finds
 * here and in the waiting thread's registers (docs/decisions/0007-processes.md).
 */
#ifndef LWK_FORK_H
#define LWK_FORK_H

#include "guest-lwk/clone.h"

/*
 * On the kernel stack of the thread that waits, at thread.forking. It is read by core 0 at any
 * time, also when the thread does not wait any more: so there is no pointer in it.
 */
struct forking {
	struct new_thread new;
	struct fp_control fp;
	u64 fsbase, gsbase;
};

/* What the copy's thread begins with. */
struct forked {
	struct regs regs;
	struct fp_control fp;
	u64 fsbase, gsbase;
	u64 blocked, alt_sp, alt_size, affinity, clear_child_tid;
	u32 alt_flags;
	struct mempolicy policy;
	u8 interleaved;
	bool holes; /* mm_fork() */
};

/* The pid, or -errno. */
s64 fork_begin(const struct new_thread *new);

/* Core 0. EXEC of a copy: its memory, and proc->forked. -errno. */
s64 fork_map(struct process *proc);
/* GO: its thread begins where the other one called. */
void fork_go(struct process *proc, struct thread *t);
/* It is over, perhaps before it began. */
void fork_drop(struct process *proc);

/*
 * mm_fork.c: the address space of `from`, with blocks of its own that the proxy fills, and with
 * the same pages of the window. -ENOMEM. *holes: what is copied into a block may be more than
 * is the program's there; then mm_fork_clean() makes the rest zero, as it must be.
 */
s64 mm_fork(struct process *proc, struct process *from, bool *holes);
void mm_fork_clean(struct mm *mm);

#endif
