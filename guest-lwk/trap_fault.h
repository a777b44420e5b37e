/* SPDX-License-Identifier: MIT */
/* Faults of programs, said as signals. */
#ifndef LWK_TRAP_FAULT_H
#define LWK_TRAP_FAULT_H

#include "guest-lwk/regs.h"

/* mm_fault() could not make va good, for the reason why (-errno). */
void fault_page(struct regs *regs, u64 va, s64 why);
/* Any other exception. */
void fault_exception(struct regs *regs);

#endif
