/* SPDX-License-Identifier: MIT */
/* Vector state between this core's registers and memory; signal.h has what threads need. */
#ifndef LWK_XSTATE_H
#define LWK_XSTATE_H

#include "guest-lwk/types.h"

struct thread;

/*
 * area: machine.xstate_size bytes in the direct map, 64-byte aligned, with a header of zeros or
 * an XSAVE's.
 */
void xstate_regs_store(void *area);
/* -EINVAL: not a state that the processor takes. */
s64 xstate_regs_load(const void *area);
/* What a new program begins with. */
void xstate_regs_reset(void);
/* The area of t, made if it has none. NULL: no memory. */
u8 *xstate_area(struct thread *t);

#endif
