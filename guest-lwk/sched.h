/* SPDX-License-Identifier: MIT */
/*
 * One run queue a core, run to completion: a thread keeps its core until it blocks, ends,
 * yields or, only while more threads than cores are ready there, its slice ends.
 *
 * To block:  t->wait = WAIT_X; sched_prepare(); if (condition still false) schedule(); else
 * sched_cancel(); A wake between prepare and schedule is not lost: it makes the state READY and
 * schedule() returns.
 */
#ifndef LWK_SCHED_H
#define LWK_SCHED_H

#include "guest-lwk/process.h"

/*
 * Declares the current thread BLOCKED. Full fence: what is read afterwards is newer than the
 * declaration.
 */
void sched_prepare(void);
/* Takes sched_prepare() back when there is nothing to wait for. */
void sched_cancel(void);
/* Gives the core away; returns when the current thread runs again. */
void schedule(void);
/*
 * Makes a blocked thread ready on its core (kicked if it is another core). True if it was
 * blocked. Any core.
 */
bool sched_wake(struct thread *t);
/*
 * First start of a thread made by thread_create(): picks a core in t->affinity and queues it
 * there.
 */
void sched_start(struct thread *t);
/* The current thread stays ready, others go first. */
void sched_yield_now(void);
/*
 * The thread of the current process with this tid (0: the current one), NULL: none.
 * process.lock is held.
 */
struct thread *sched_find_thread(u32 tid);
/* Moves the current thread to a core in its affinity mask if it is not on one. */
void sched_move_self(void);
/*
 * core->need_resched was seen on the way back to a program: starts a slice because others wait,
 * or gives the core away because the slice is over. The thread may come back on another core
 * only by sched_move_self().
 */
void sched_resched(void);
/* The current thread (DEAD from now on) leaves its stack for ever; the idle loop reaps it. */
void sched_exit(void) NORETURN;
/* The cores of this guest that t may run on. */
u64 sched_allowed(const struct thread *t);
/* End of slice: called from the timer. */
void sched_slice_end(struct core *core);
/* The idle loop: polls, then halts. Never returns. core->idle is current. */
void sched_idle(void) NORETURN;
/*
 * TSC ticks of CPU time of t up to now. Any core; t cannot end meanwhile (itself, or
 * process.lock held).
 */
u64 sched_cpu_tsc(struct thread *t);
/*
 * A blocking call of the current thread must end now: a signal came or the process is ending.
 */
static inline bool sched_interrupted(void)
{
	return READ_ONCE(current_thread()->proc->exiting) || signal_pending_now();
}

/* entry.S: saves callee-saved registers on the old stack, continues on the new one. */
void switch_stacks(u64 *save_ksp, u64 load_ksp);
/* entry.S: where a new thread begins: leaves to the program by its struct regs. */
void thread_entry(void);

/*
 * trap.c: work that any kernel exit and the idle loop do: answers and events of the host, then
 * returns. True if something was done.
 */
bool host_poll(struct core *core);
/*
 * The same in long work of a call, which holds no lock; and others that wait for the core get
 * it.
 */
void host_breathe(void);

#endif
