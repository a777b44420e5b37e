/* SPDX-License-Identifier: MIT */
/*
 * The child of vfork(), until it runs another program or ends. It borrows its parent's memory
 * and its parent's thread waits, so here that thread itself plays the child: in the same
 * process and address space, while its forwarded calls are made by the child's host process
 * (docs/decisions/0007-processes.md). What a child has of its own, and the LWK keeps, is in
 * struct vfork. All of this is the thread's alone; no lock.
 */
#ifndef LWK_VFORK_H
#define LWK_VFORK_H

#include "guest-lwk/process.h"

struct new_thread;

struct vfork {
	u32 pid;   /* of the child, which is its thread's id as well */
	bool over; /* the parent goes on at the next return to the program */
	u64 mask;  /* the child's; the thread itself blocks everything meanwhile */
	struct sigaction_k action[NSIG + 1]; /* the child's */
	/* The parent's, put back in the end. */
	struct regs regs;
	u64 fsbase, gsbase;
	u64 blocked, alt_sp, alt_size;
	u32 alt_flags;
	u64 clear_child_tid, robust_list;
	u64 affinity;
	struct abi_limit limits[ABI_LIMITS];
};

/* Returns twice, as vfork() does: 0 to the child here, then the pid by vfork_end(). -errno. */
s64 vfork_begin(const struct new_thread *new);
/* signal_deliver(): the parent goes on. */
void vfork_end(struct thread *t, struct regs *regs);
/* The child ends with this wait status. */
void vfork_leave(u32 wait_status);
/* A signal that the child sends to itself, or that its doing raises. */
s64 vfork_signal(s32 signo);
/* The thread ends with its whole process: nobody comes back. */
void vfork_drop(struct thread *t);

static inline bool vfork_over(const struct thread *t)
{
	return t->vfork && t->vfork->over;
}

/* The actions that the current thread's rt_sigaction() is about. */
struct sigaction_k *vfork_actions(struct thread *t);

#endif
