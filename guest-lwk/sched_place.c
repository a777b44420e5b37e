/* SPDX-License-Identifier: MIT */
#include "guest-lwk/sched_place.h"
#include "guest-lwk/sched.h"

static struct spinlock place_lock; /* nthreads of all cores; a leaf */

u64 sched_allowed(const struct thread *t)
{
	u64 all = ~0ULL >> (64 - ncores);
	u64 mask = READ_ONCE(t->affinity) & all;

	return mask ? mask : all;
}

/*
 * One thread a core, in the order of the mask; then the least loaded one, the same node first.
 */
struct core *place_choose(u64 allowed, u32 node)
{
	struct core *best = NULL;
	u32 best_cost = ~0U;

	spin_lock(&place_lock);
	for (u32 i = 0; i < ncores; i++) {
		u32 cost = cores[i].nthreads * 2 + (cores[i].node != node);

		if ((allowed >> i & 1) && cost < best_cost) {
			best = &cores[i];
			best_cost = cost;
		}
	}
	BUG_ON(!best);
	best->nthreads++;
	spin_unlock(&place_lock);
	return best;
}

void place_leave(struct core *core)
{
	spin_lock(&place_lock);
	core->nthreads--;
	spin_unlock(&place_lock);
}
