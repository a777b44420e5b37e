/* SPDX-License-Identifier: MIT */
/*
 * Processes and threads. Fields are grouped by who may touch them.
 * A thread belongs to one core at a time; only that core runs it and takes it from its run
 * queue.
 */
#ifndef LWK_PROCESS_H
#define LWK_PROCESS_H

#include "guest-lwk/core.h"
#include "guest-lwk/mempolicy.h"
#include "guest-lwk/mm.h"
#include "guest-lwk/regs.h"
#include "guest-lwk/signal.h"
#include "guest-lwk/timer.h"

#define KSTACK_SIZE 8192

enum thread_state { THREAD_FREE, THREAD_READY, THREAD_RUNNING, THREAD_BLOCKED, THREAD_DEAD };
/* Why a thread is blocked: tells who may wake it before its time. */
enum thread_wait {
	WAIT_NONE,
	WAIT_FORWARD,
	WAIT_FUTEX,
	WAIT_SLEEP,
	WAIT_SIGNAL,
	WAIT_STOPPED,
	WAIT_WHOLE /* for the proxy, whatever happens */,
	WAIT_MAPPING /* mm_window_wait.c */
};

struct futex_wait {
	struct thread *next;         /* in the bucket's list; under the bucket's lock */
	struct futex_bucket *bucket; /* NULL: not queued (woken) */
	u64 key;                     /* gpa of the word */
	u32 bitset;
	u32 *counted; /* where it is counted while it waits on the host, NULL: nowhere */
};

struct thread {
	/* Fixed while it lives. */
	struct process *proc;
	u32 slot; /* index in threads[] and of its mailbox */
	u32 tid;
	u64 kstack; /* lowest address; struct regs is at its top */
	u8 *xstate; /* XSAVE area, 64-byte aligned, made at first need */

	/* Its own core only. */
	u64 ksp;                    /* saved kernel stack pointer while not running */
	u64 fsbase, gsbase;         /* while not running */
	bool xstate_saved;          /* xstate[] holds its vector state (else it is in
				       core->xstate_owner's registers  or, for a thread that never ran,
				       the initial state) */
	struct abi_thread *account; /* in the share area; of an idle thread: not */

	/* Run queue lock of its core. */
	enum thread_state state;
	struct core *core;
	struct thread *rq_next;

	/* process.lock */
	struct thread *next;    /* in proc->threads */
	struct signals signals; /* see signal.h */
	u64 affinity;           /* guest cores it may run on */
	u8 sched_policy;        /* told back, and nothing else: sched_policy.c */

	/* Itself only. */
	enum thread_wait wait;
	struct futex_wait futex;
	struct timer sleep_timer;
	bool timed_out;
	u64 clear_child_tid; /* user address, 0: none */
	u64 robust_list;     /* user address of struct robust_list_head */
	struct mempolicy policy;
	u8 interleaved; /* MPOL_INTERLEAVE: node of the block taken last */
	struct vfork
		*vfork; /* it plays the child of its vfork(); NULL: it does not (vfork.h) */
	struct forking *forking; /* what core 0 copies while it waits in fork() (fork.h) */
	bool log_behind; /* its proxy has much of the mapping log to apply: wait (log.c) */
	bool move_asked; /* affinity changed by somebody: move at the next return to the program
			  */
};

struct process {
	u32 index; /* in share->proc[] */
	struct abi_proc *share;
	bool live;
	u32 pid;
	struct mm *mm; /* made by mm_create() */

	struct spinlock lock;                /* threads, signals, exit, limits */
	struct abi_limit limits[ABI_LIMITS]; /* the soft ones are also read without the lock */
	struct thread *threads;
	u32 nthreads;
	u32 slot_first, slot_end;      /* its threads' slots have been in [first, end) */
	bool exiting;                  /* everybody leaves at the next chance */
	bool stopped;                  /* SIGSTOP or the like: threads wait in the kernel */
	u32 exit_wait;                 /* wait status once exiting */
	u32 persona;                   /* of personality(), told back like the next two */
	bool undumpable, thp_disabled; /* prctl() */
	u64 peers;     /* processes, by index, that it may look into (peer_copy.h) */
	u32 peers_age; /* abi_share.ids_changes that this is of */
	struct sighand sighand;
	struct thread *execs;   /* waits for execve(), NULL: none; under the lock */
	struct itimers itimers; /* timer.h */
	u64 dead_cpu_tsc;       /* CPU time of threads that ended */
	u64 children_tsc;       /* and of children that were waited for (children.h) */
	u64 affinity;           /* guest cores open to it */
	u64 user_start_tsc;
	struct abi_trace *trace;    /* NULL: nobody traces it */
	struct spinlock trace_lock; /* a leaf: the records */
	struct forked
		*forked; /* what the thread of a copy begins with, until it does (fork.h) */
};

extern struct process processes[ABI_MAX_PROCS];
extern struct thread threads[ABI_MAX_THREADS];

/* mm.lock is held: bytes of blocks that it has got, or, negative, given back. */
static inline void mm_account(struct process *proc, u64 bytes)
{
	proc->mm->committed += bytes;
	WRITE_ONCE(proc->share->memory, proc->mm->committed);
	if (proc->mm->committed > proc->share->memory_peak)
		WRITE_ONCE(proc->share->memory_peak, proc->mm->committed);
}

static inline struct regs *thread_regs(struct thread *t)
{
	return (struct regs *)(t->kstack + KSTACK_SIZE) - 1;
}

/*
 * thread.c: a thread of proc with a slot, tid, kernel stack; not yet started. NULL: none free.
 * The caller sets its regs, then sched_start().
 */
struct thread *thread_create(struct process *proc);
/* Ends the calling thread: robust list, clear_child_tid, off the process; last one ends the
 * process. */
void thread_exit(u32 code) NORETURN;
/* Frees kernel stack and slot of threads that have left their stacks (called by the scheduler).
 */
void thread_reap(struct thread *t);

/* process.c */
/* Begins the end of a process with this wait status (first caller wins); its threads leave by
 * themselves. */
void process_exit(struct process *proc, u32 wait_status);
/* Rings for its proxy. */
void process_bell(const struct process *proc);
/* Called by the last thread on its way out. */
void process_finished(struct process *proc);
/* An event from the host (abi_core.events) for process `index`; core 0. */
void process_event(u32 index);
/* Wakes and kicks every thread of proc so that it looks at exiting/stopped/signals. Caller
 * holds proc->lock. */
void process_kick(struct process *proc);

#endif
