/* SPDX-License-Identifier: MIT */
/*
 * The page in which a software KVM's programs land with `syscall` (gate.S): what needs no
 * kernel is answered there, in ring 3.
 */
#ifndef LWK_GATE_H
#define LWK_GATE_H

#include "guest-lwk/types.h"

struct mm;
struct regs;

/* Maps the gate into a program, of which all calls shall come to the kernel or not; mm.lock is
 * held. -ENOMEM. */
s64 gate_map(struct mm *mm, bool all);
/* Before anybody looks at a program's registers: one that is in the gate is back at its system
 * call, as if it had not been made. */
void gate_leave(struct regs *regs);

#endif
