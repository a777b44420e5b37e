/* SPDX-License-Identifier: MIT */
/*
 * fork(): the child lives on beside its maker, without running, and then takes its place or
 * ends: what the maker does meanwhile must not change it.
 */
#include <string.h>

#include "guest-lwk/fork.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/vma.h"
#include "tests/fuzz/mm_call.h"
#include "tests/fuzz/mm_model.h"

enum { DONTFORK = 10, DOFORK, WIPEONFORK = 18, KEEPONFORK };

static s64 advice_expected(struct area a, u64 advice)
{
	s64 missing = 0;

	for (u64 at = a.va; at < a.va + a.len; at += PAGE_SIZE) {
		const struct page *p = model_page(at);

		if (p->state == PAGE_UNMAPPED) {
			missing = -ENOMEM;
			continue;
		}
		if (advice == WIPEONFORK && p->window)
			return -EINVAL;
		model_fork_flags(at, at + PAGE_SIZE,
			advice == DONTFORK || (advice != DOFORK && p->nofork),
			advice == WIPEONFORK || (advice != KEEPONFORK && p->wipe));
	}
	return missing;
}

/* For want of memory it was done in part. */
static void flags_resync(struct area a)
{
	for (u64 at = a.va; at < a.va + a.len; at += PAGE_SIZE) {
		const struct vma *vma = vma_find(sim_proc.mm, at);

		if (vma)
			model_fork_flags(at, at + PAGE_SIZE, vma->flags & VMA_NOFORK,
				vma->flags & VMA_WIPE);
	}
}

void call_fork_advice(void)
{
	static const u8 advices[] = {DONTFORK, DOFORK, WIPEONFORK, KEEPONFORK};
	u64 advice = advices[sim_random(sizeof(advices))];
	struct area a = part_pick();
	bool excused = short_of(a.va, 0);
	s64 ret = CALL(sys_madvise(a.va, a.len, advice));

	sim_trace("madvise %lx %lx %lu = %ld", a.va, a.len, advice, ret);
	if (ret == -ENOMEM && excused) {
		flags_resync(a);
		return;
	}
	expect("madvise for children", ret, advice_expected(a, advice));
}

static bool may_fail(const struct mm *mm)
{
	u64 slots = 0;

	for (const struct gib_slot *s = mm->slots; s; s = s->next)
		slots++;
	return host_free_blocks(~0ULL) < (mm->committed - slots * GIB_SIZE) / BLOCK_SIZE + 16 ||
	       host_free_gibs(~0ULL) < slots;
}

/* It has the same mappings, but for those that are not for it. */
static void mappings_check(void)
{
	const struct vma *child = sim_child.mm->first;

	for (const struct vma *v = sim_proc.mm->first; v; v = v->next) {
		if (v->flags & VMA_NOFORK)
			continue;
		/* The kernel's own may be in one piece with its like. */
		if (v->flags & VMA_FIXED_KERNEL && child && child->flags & VMA_FIXED_KERNEL) {
			child = child->end == v->end ? child->next : child;
			continue;
		}
		if (!child || child->start != v->start || child->end != v->end ||
			child->prot != v->prot || child->flags != v->flags ||
			child->mapping != v->mapping)
			sim_fail("the child has not what is at va %lx-%lx", v->start, v->end);
		child = child->next;
	}
	if (child)
		sim_fail("the child has something at va %lx", child->start);
}

static void child_make(void)
{
	bool starves = !sim_random(4), excused = may_fail(sim_proc.mm) || starves, holes;
	s64 ret;

	sim_enter();
	sim_child.affinity = 1;
	sim_child.share->commit = sim_proc.share->commit;
	memcpy(sim_child.limits, sim_proc.limits, sizeof(sim_child.limits));
	if (mm_create(&sim_child))
		sim_fail("no address space");
	sim_copying = true;
	sim_pages_left = starves ? sim_random(24) : ~0ULL;
	ret = mm_fork(&sim_child, &sim_proc, &holes);
	sim_pages_left = ~0ULL;
	sim_copying = false;
	sim_trace("fork = %ld", ret);
	if (ret) {
		if (ret != -ENOMEM || !excused)
			sim_fail("fork: %ld", ret);
		mm_destroy(&sim_child);
		sim_leave();
		window_check();
		return;
	}
	if (holes)
		mm_fork_clean(sim_child.mm);
	sim_leave();
	model_fork();
	mappings_check();
}

void fork_end(void)
{
	if (!sim_child.mm)
		return;
	sim_trace("the child ends");
	sim_enter();
	mm_destroy(&sim_child);
	sim_leave();
	model_forget_child();
}

void call_fork(void)
{
	if (!sim_child.mm) {
		child_make();
	} else if (sim_random(2)) {
		fork_end();
	} else {
		sim_trace("the child goes on alone");
		sim_become_child();
		model_become_child();
		model_verify();
	}
}
