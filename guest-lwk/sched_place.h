/* SPDX-License-Identifier: MIT */
/* Which core a thread goes to. */
#ifndef LWK_SCHED_PLACE_H
#define LWK_SCHED_PLACE_H

#include "guest-lwk/core.h"

/*
 * One thread a core, in the order of the mask; then the least loaded one, those of `node`
 * first. The thread counts there from now on.
 */
struct core *place_choose(u64 allowed, u32 node);
/* A thread ends or moves away. */
void place_leave(struct core *core);

#endif
