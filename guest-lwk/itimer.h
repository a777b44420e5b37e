/* SPDX-License-Identifier: MIT */
/* What setitimer and POSIX timers share. A struct itimer is under its process's lock. */
#ifndef LWK_ITIMER_H
#define LWK_ITIMER_H

#include "guest-lwk/process.h"

enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD_ID = 4 };

/* Starts or stops (deadline 0) it. Caller holds proc->lock. */
void itimer_arm(struct itimer *it, u64 deadline_tsc, u64 interval_ns);
/* Time left and interval in ns; 0, 0: not armed. Caller holds proc->lock. */
void itimer_left(const struct itimer *it, u64 *left, u64 *interval);
/* What an execve() hands on, and a new process takes over. Caller holds proc->lock. */
void itimer_bequeath(const struct process *proc, struct abi_alarm *alarm);
void itimer_inherit(struct process *proc, const struct abi_alarm *alarm);
/* The TSC value ns from now, and 0 for 0. */
u64 itimer_span(u64 ns);

#endif
