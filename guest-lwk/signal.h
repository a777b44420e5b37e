/* SPDX-License-Identifier: MIT */
/*
 * Signals. Actions belong to the process, masks and directed signals to the thread, all under
 * process.lock. Layouts are Linux's x86-64 ABI (sigframe.c).
 */
#ifndef LWK_SIGNAL_H
#define LWK_SIGNAL_H

#include "guest-lwk/types.h"

struct process;
struct thread;
struct regs;

#define NSIG       64
#define SIGMASK(n) (1ULL << ((n)-1))

struct ksiginfo {
	s32 signo, errnum, code;
	s32 pid;
	u32 uid;
	s32 status;
	u64 value; /* sigval, or si_addr of a fault */
	s32 timerid, overrun;
};

/* Queued real-time signals and the info of pending ones. */
struct sigqueue {
	struct sigqueue *next;
	struct ksiginfo info;
};

struct sigpending {
	u64 set;
	struct sigqueue *head, *tail;
};

struct sigaction_k {
	u64 handler; /* 0 SIG_DFL, 1 SIG_IGN */
	u64 flags;
	u64 restorer;
	u64 mask;
};

struct sighand {
	struct sigaction_k action[NSIG + 1];
	struct sigpending shared;
	struct sigqueue *spare; /* entries in no queue */
	u32 entries;            /* in all queues, and spare */
};

struct signals {
	u64 blocked;
	u64 saved_blocked; /* sigsuspend, ppoll and the like: put back after delivery */
	bool restore_saved;
	u64 waited; /* sigtimedwait: blocked, but they wake the thread */
	struct sigpending pending;
	bool work; /* something to look at before the next return to the program (read unlocked)
		    */
	bool closed; /* the thread is ending: nothing is queued for it any more */
	u64 alt_sp, alt_size;
	u32 alt_flags;
};

/*
 * A fault of the program at regs: forces signo on the current thread (default action if
 * blocked/ignored).
 */
void signal_fault(struct regs *regs, s32 signo, s32 code, u64 addr);
/*
 * Sends to a process (any thread that does not block it) or to one thread. 0 or -EAGAIN. Takes
 * process.lock.
 */
s64 signal_send_process(struct process *proc, const struct ksiginfo *info);
s64 signal_send_thread(struct thread *t, const struct ksiginfo *info);
/* Takes what the host has posted in proc->share->sig_pending. Core 0. */
void signal_from_host(struct process *proc);
/*
 * Before returning to the program, when signals.work is set: builds a frame or takes the
 * default action.
 */
void signal_deliver(struct regs *regs);
/* True if the current thread has an unblocked signal that would interrupt a blocking call. */
bool signal_pending_now(void);
/*
 * A blocking call was interrupted: arranges that it is restarted (SA_RESTART or no handler) or
 * returns -EINTR once the pending signal is delivered: it returns one of these, negative, which
 * signal_deliver() turns into rax or a restart.
 */
#define ERESTART       512 /* restart if SA_RESTART, else -EINTR */
#define ERESTARTNOINTR 513 /* it never began (ABI_NOT_BEGUN): again in any case */
#define ERESTARTNOHAND 514 /* restart only when no handler runs, else -EINTR */
/* New process: actions default but inherited ignores; main thread: inherited mask. */
void signal_init(struct process *proc, u64 ignored);
void signal_exit_thread(struct thread *t);

/* xstate.c: vector state of threads. */
/* Registers of the core now belong to next: saves the old owner's, loads next's, as needed. */
void xstate_switch(struct thread *next);
/* The current thread's live state into its xstate[]; registers keep it too. -ENOMEM. */
s64 xstate_save_current(void);
/* xstate[] of the current thread into the registers. */
void xstate_load_current(void);
/* t leaves this core for another: make sure that xstate[] holds its state. */
void xstate_detach(struct thread *t);
void xstate_free(struct thread *t);

#endif
