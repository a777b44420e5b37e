/* SPDX-License-Identifier: MIT */
#ifndef LWK_PROCESS_EXEC_H
#define LWK_PROCESS_EXEC_H

#include "guest-lwk/process.h"

/* Maps the segments, heap, stack and vDSO that exec describes; answers stack_top and vdso.
 * -errno. */
s64 exec_map(struct process *proc, struct abi_exec *exec);
/* Only what the kernel maps into every program: vDSO and gate. mm.lock is held. -ENOMEM. */
s64 exec_map_kernel(struct process *proc);
/* First registers of the program. */
void exec_regs(struct regs *regs, const struct abi_exec *exec);

#endif
