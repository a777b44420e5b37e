/* SPDX-License-Identifier: MIT */
/* System calls: dispatch from the one list (abi/syscalls.h). */
#ifndef LWK_SYSCALL_H
#define LWK_SYSCALL_H

#include "guest-lwk/process.h"

/* A program's system call: regs->orig_rax is the number; the result goes to regs->rax. */
void syscall_dispatch(struct regs *regs);

/* Some process of this guest is traced, or none is any more (trace.h). */
void syscall_trace(bool on);

/* Local calls take up to six words; those that need the registers use
 * thread_regs(current_thread()). */
typedef s64 (*syscall_fn)(u64, u64, u64, u64, u64, u64);

/* A call that was made for a program, in the report. */
void syscall_account(u32 nr, s64 ret, u64 tsc);

#endif
