/* SPDX-License-Identifier: MIT */
/*
 * A copy of an address space: the same vmas and entries over blocks of its own. Their contents
 * the new proxy copies, from its inherited mappings, as it applies the log: never ring 0.
 */
#include "guest-lwk/fork.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mempolicy.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/process_exec.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/vma.h"

struct copy {
	struct process *proc;
	struct mm *to, *from;
	u64 block, left; /* what is left of a run of blocks */
};

static s64 slots_copy(struct copy *c)
{
	for (const struct gib_slot *slot = c->from->slots; slot; slot = slot->next) {
		struct placement place;

		mempolicy_place_near(c->proc, &place);
		if (!mm_slot_create(c->proc, slot->va, &place))
			return -ENOMEM;
	}
	return 0;
}

/* What is mapped of files in the window is not copied yet: who has that cannot fork. */
static s64 vmas_copy(struct copy *c)
{
	for (const struct vma *v = c->from->first; v; v = v->next)
		if (v->flags & VMA_WINDOW)
			return -ENOMEM;
		else if (!(v->flags & VMA_FIXED_KERNEL) &&
			 vma_add(c->to, v->start, v->end, v->prot, v->flags))
			return -ENOMEM;
	return 0;
}

/* Granules from here on, in one table, that have a block there and none here. */
static u64 run_length(const u64 *from, const u64 *to, u64 va, u64 end)
{
	u64 n = 0, room = 512 - (va >> 21 & 511);
	u64 want = (ALIGN_UP(end, BLOCK_SIZE) - va) / BLOCK_SIZE;

	while (n < want && n < room && from[n] && !to[n])
		n++;
	return n;
}

static s64 blocks_get(struct copy *c, u64 va, u64 want)
{
	struct placement place;

	if (!log_drains(c->proc))
		return -ENOMEM;
	mempolicy_place_near(c->proc, &place);
	while (!(c->block = pmem_alloc_run(&place, want, &c->left)))
		if (!pmem_wait())
			return -ENOMEM;
	c->to->committed += c->left * BLOCK_SIZE;
	WRITE_ONCE(c->proc->share->memory, c->to->committed);
	log_append(c->proc, ABI_LOG_MAP, va, c->left * BLOCK_SIZE, c->block);
	return 0;
}

/* An empty granule gets this block, and entries like those of another. -ENOMEM. */
static s64 entry_copy(u64 *entry, u64 block, u64 from)
{
	u64 move = block - pt_block(from);
	const u64 *other;
	u64 *table;

	if (pt_is_large(from)) {
		*entry = from + move;
		return 0;
	}
	other = gpa_to_ptr(from & PTE_ADDR);
	table = kpage_alloc();
	if (!table)
		return -ENOMEM;
	for (u32 i = 0; i < PAGE_SIZE / sizeof(*table); i++)
		if (other[i] & PTE_POPULATED)
			table[i] = other[i] + move;
	/* Entry 0 of a table always has the address (pt.h). */
	if (!table[0])
		table[0] = block;
	*entry = ptr_to_gpa(table) | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
	return 0;
}

static s64 granule_copy(struct copy *c, const u64 *from, u64 va, u64 end)
{
	const struct gib_slot *slot = mm_slot_find(c->to, va);
	u64 *to = pt_granule(c->to, va, true);

	if (!to)
		return -ENOMEM;
	if (*to)
		return 0;
	if (slot) {
		c->block = slot->gpa + (va - slot->va);
		c->left = 1;
	} else if (!c->left && blocks_get(c, va, run_length(from, to, va, end))) {
		return -ENOMEM;
	}
	if (entry_copy(to, c->block, *from))
		return -ENOMEM;
	c->block += BLOCK_SIZE;
	c->left--;
	return 0;
}

static s64 entries_copy(struct copy *c)
{
	for (const struct vma *v = c->from->first; v; v = v->next) {
		if (v->flags & VMA_FIXED_KERNEL)
			continue;
		for (u64 g = ALIGN_DOWN(v->start, BLOCK_SIZE); g < v->end; g += BLOCK_SIZE) {
			const u64 *entry = pt_granule(c->from, g, false);

			if (!entry)
				g = ALIGN_DOWN(g, GIB_SIZE) + GIB_SIZE - BLOCK_SIZE;
			else if (*entry && granule_copy(c, entry, g, v->end))
				return -ENOMEM;
		}
	}
	return 0;
}

static void figures_copy(struct mm *to, const struct mm *from)
{
	to->brk_start = from->brk_start;
	to->brk = from->brk;
	to->small_hint = from->small_hint;
	to->sparse_hint = from->sparse_hint;
	to->large_hint = from->large_hint;
	to->touch = from->touch;
	to->watch = from->watch;
}

s64 mm_fork(struct process *proc, struct process *other)
{
	struct copy c = {.proc = proc, .to = proc->mm, .from = other->mm};
	s64 ret;

	/* Nobody else knows the new one yet; so there is no order to keep. */
	spin_lock(&c.from->lock);
	spin_lock(&c.to->lock);
	figures_copy(c.to, c.from);
	ret = mempolicy_copy(c.to, c.from);
	if (!ret)
		ret = slots_copy(&c);
	if (!ret)
		ret = vmas_copy(&c);
	if (!ret)
		ret = entries_copy(&c);
	if (!ret)
		ret = exec_map_kernel(proc);
	spin_unlock(&c.to->lock);
	spin_unlock(&c.from->lock);
	return ret;
}
