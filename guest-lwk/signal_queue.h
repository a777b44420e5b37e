/* SPDX-License-Identifier: MIT */
/*
 * Between the files of signals: pending ones, masks, what signals do by default. process.lock
 * is held.
 */
#ifndef LWK_SIGNAL_QUEUE_H
#define LWK_SIGNAL_QUEUE_H

#include "guest-lwk/process.h"

enum {
	SIGILL = 4,
	SIGTRAP = 5,
	SIGBUS = 7,
	SIGFPE = 8,
	SIGKILL = 9,
	SIGSEGV = 11,
	SIGCHLD = 17,
	SIGCONT = 18,
	SIGSTOP = 19,
	SIGTSTP = 20,
	SIGTTIN = 21,
	SIGTTOU = 22,
	SIGURG = 23,
	SIGWINCH = 28,
	SIGSYS = 31,
	SIGRT_FIRST = 32
};

enum { SI_USER = 0, SI_TKILL = -6, SI_TIMER = -2, SI_KERNEL = 0x80 };

#define SIG_DFL 0
#define SIG_IGN 1

#define SA_NOCLDSTOP 0x00000001ULL
#define SA_NOCLDWAIT 0x00000002ULL
#define SA_SIGINFO   0x00000004ULL
#define SA_RESTORER  0x04000000ULL
#define SA_ONSTACK   0x08000000ULL
#define SA_RESTART   0x10000000ULL
#define SA_NODEFER   0x40000000ULL
#define SA_RESETHAND 0x80000000ULL

#define SIGS_NEVER_BLOCKED (SIGMASK(SIGKILL) | SIGMASK(SIGSTOP))
#define SIGS_TERMINAL      (SIGMASK(SIGTSTP) | SIGMASK(SIGTTIN) | SIGMASK(SIGTTOU))
#define SIGS_STOP          (SIGMASK(SIGSTOP) | SIGS_TERMINAL)
#define SIGS_UNNOTICED     (SIGMASK(SIGCHLD) | SIGMASK(SIGURG) | SIGMASK(SIGWINCH))
#define SIGS_IGNORED       (SIGS_UNNOTICED | SIGMASK(SIGCONT))
/* By the instruction that is executing: the first of all pending ones. */
#define SIGS_SYNCHRONOUS                                                                       \
	(SIGMASK(SIGSEGV) | SIGMASK(SIGBUS) | SIGMASK(SIGILL) | SIGMASK(SIGTRAP) |             \
		SIGMASK(SIGFPE) | SIGMASK(SIGSYS))

/* -EAGAIN: no memory for a real-time signal (others are pending without their info then). */
s64 sigqueue_put(struct process *proc, struct sigpending *p, const struct ksiginfo *info);
/* Takes the oldest signo out, which must be pending. */
void sigqueue_take(
	struct process *proc, struct sigpending *p, s32 signo, struct ksiginfo *info);
/* Forgets all signals of set. */
void sigqueue_drop(struct process *proc, struct sigpending *p, u64 set);
/* The next signal of a set that is not empty. */
s32 sigqueue_first(u64 set);

/* With this handler (address, SIG_DFL or SIG_IGN) signo does nothing. */
bool signal_ignored(u64 handler, s32 signo);
/*
 * t has something to do before it returns to the program: wake it, interrupt it, kick its core.
 */
void signal_wake(struct thread *t);
/* The current thread's signals.work from its state. */
void signal_recalc(struct thread *t);
/* A shared pending signal that t has begun to block goes to a thread that does not. */
void signal_retarget(struct thread *t, u64 newly_blocked);
/* signal_send_*() with the lock held; t NULL: to the process. */
s64 signal_send_locked(struct process *proc, struct thread *t, const struct ksiginfo *info);

/* Without the lock: sets the current thread's mask. */
void signal_block(u64 blocked);

#endif
