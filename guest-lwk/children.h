/* SPDX-License-Identifier: MIT */
/* What getrusage(RUSAGE_CHILDREN), wait4() and times() tell of children. */
#ifndef LWK_CHILDREN_H
#define LWK_CHILDREN_H

#include "guest-lwk/process.h"

/* TSC ticks: of a process, and of those that it has waited for. */
struct cpu_times {
	u64 own, children;
};

/* Its last thread ends. process.lock is held. */
void children_ended(const struct process *proc);
/* What the last program of this pid had, before an execve(). */
void children_exec(u32 pid, struct cpu_times *times);
/* wait4() and waitid() by the host: the usage that they tell is made the program's, and counts.
 */
s64 children_wait(u32 nr, const u64 arg[6]);
/* Seconds and microseconds. */
void children_timeval(u64 tsc, u64 timeval[2]);

#endif
