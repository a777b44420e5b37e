/* SPDX-License-Identifier: MIT */
/*
 * --trace: the system calls of a process, told to its proxy (abi/trace.h). Of processes that
 * nobody traces nothing here runs (syscall.c).
 */
#ifndef LWK_TRACE_H
#define LWK_TRACE_H

#include "guest-lwk/process.h"

/* If its proxy has asked for it. 0 or -ENOMEM. Core 0, as its inverse. */
s64 trace_open(struct process *proc);
/* The proxy is gone. Harmless where there is no trace. */
void trace_close(struct process *proc);

/* The current thread begins a call, has its result, or ends (perhaps in a call). */
void trace_enter(u32 nr, const u64 arg[6]);
void trace_leave(s64 ret);
void trace_exit(void);

#endif
