/* SPDX-License-Identifier: MIT */
/* Called by entry.S alone. */
#ifndef LWK_TRAP_H
#define LWK_TRAP_H

#include "guest-lwk/regs.h"

/* SYSCALL on hardware KVM; true: SYSRET may leave. */
bool syscall_trap(struct regs *regs);
/* Exceptions and interrupts from ring 3, and a software KVM's system calls. */
void trap_user(struct regs *regs);
/* From ring 0: interrupts of the idle loop, faults on programs' memory; anything else is our
 * bug. */
void trap_kernel(struct regs *regs);
/* A new thread's first way out. */
void thread_first(struct regs *regs);

#endif
