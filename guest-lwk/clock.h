/* SPDX-License-Identifier: MIT */
/* Clocks for the calls that tell the time; timer.h has what everybody uses. */
#ifndef LWK_CLOCK_H
#define LWK_CLOCK_H

#include "guest-lwk/process.h"
#include "guest-lwk/vdso/read.h"

/* A clock of the time page, one that can be slept on. */
bool clock_is_wall(u32 clock);
/* CPU time of all threads that proc has and had. Takes process.lock. */
u64 process_cpu_ns(struct process *proc);

#endif
