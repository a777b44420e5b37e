/* SPDX-License-Identifier: MIT */
/*
 * A copy of an address space. Of RAM it has the same entries over blocks of its own, which the
 * new proxy fills from its inherited mappings as it applies the log: never ring 0. Of the
 * window it has the same pages: its proxy has inherited the mappings, and each page gets one
 * more reference.
 *
 * The new log's records ascend by address, for its proxy takes what lies between them for what
 * it has inherited and the program has not (ABI_LOG_KEEP_WINDOW).
 *
 * Whatever fails, the new address space is destroyed as any other: it has entries for all that
 * it holds, and only for that.
 */
#include "guest-lwk/fork.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mempolicy.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/process_exec.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/pt_window.h"
#include "guest-lwk/vma.h"

struct copy {
	struct process *proc;
	struct mm *to, *from;
	u64 block, left;  /* what is left of a run of blocks */
	u64 gpa, gpa_len; /* pages of the window that have entries and are not counted yet */
};

/* Granules from here on, in one table, that have a block there and none here. */
static u64 run_length(const u64 *from, const u64 *to, u64 va, u64 end)
{
	u64 n = 0, room = 512 - (va >> 21 & 511);
	u64 want = (ALIGN_UP(end, BLOCK_SIZE) - va) / BLOCK_SIZE;

	while (n < want && n < room && from[n] && !pt_is_window(from[n]) && !to[n])
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
	mm_account(c->proc, c->left * BLOCK_SIZE);
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

/* Where the maker has a 1 GiB block, so has the copy. -ENOMEM. */
static s64 slot_copy(struct copy *c, u64 va)
{
	struct placement place;

	if (!mm_slot_find(c->from, va) || mm_slot_find(c->to, va))
		return 0;
	if (!log_drains(c->proc))
		return -ENOMEM;
	mempolicy_place_near(c->proc, &place);
	return mm_slot_create(c->proc, va, &place) ? 0 : -ENOMEM;
}

static s64 granule_copy(struct copy *c, const u64 *from, u64 va, u64 end)
{
	const struct gib_slot *slot;
	u64 *to;

	if (slot_copy(c, va))
		return -ENOMEM;
	slot = mm_slot_find(c->to, va);
	to = pt_granule(c->to, va, true);
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
	/* The rest of the run has no entries by which mm_destroy() would find it. */
	if (entry_copy(to, c->block, *from))
		return mm_blocks_return(c->proc, va, c->block, c->left);
	c->block += BLOCK_SIZE;
	c->left--;
	return 0;
}

static s64 ram_copy(struct copy *c, const struct vma *v)
{
	for (u64 g = ALIGN_DOWN(v->start, BLOCK_SIZE); g < v->end; g += BLOCK_SIZE) {
		const u64 *entry = pt_granule(c->from, g, false);

		if (!entry)
			g = ALIGN_DOWN(g, GIB_SIZE) + GIB_SIZE - BLOCK_SIZE;
		else if (*entry && !pt_is_window(*entry) && granule_copy(c, entry, g, v->end))
			return -ENOMEM;
	}
	return 0;
}

/* ---- the window ---- */

static void references_count(struct copy *c)
{
	if (c->gpa_len)
		pmem_hold_window(c->gpa, c->gpa_len);
	c->gpa_len = 0;
}

static void references_add(struct copy *c, u64 gpa, u64 len)
{
	if (c->gpa_len && c->gpa + c->gpa_len != gpa)
		references_count(c);
	if (!c->gpa_len)
		c->gpa = gpa;
	c->gpa_len += len;
}

static s64 window_copy(struct copy *c, const struct vma *v)
{
	u64 end, len;

	if (!log_drains(c->proc))
		return -ENOMEM;
	for (u64 at = v->start; at < v->end; at += len) {
		const u64 *entry = pt_granule(c->from, at, false);
		u64 *to = pt_granule(c->to, at, true), gpa;

		end = MIN(ALIGN_DOWN(at, BLOCK_SIZE) + BLOCK_SIZE, v->end);
		len = to ? pt_window_copy(to, *entry, at, end, &gpa) : 0;
		if (!len)
			return -ENOMEM;
		if (gpa)
			references_add(c, gpa, len);
	}
	log_append(c->proc, ABI_LOG_KEEP_WINDOW, v->start, v->end - v->start, 0);
	return 0;
}

/* ---- all of it ---- */

/*
 * Without a window shared anonymous memory is the process's own: a copy would not share it.
 */
static bool can_copy(const struct vma *v)
{
	return !(v->flags & VMA_SHARED) || v->flags & VMA_WINDOW;
}

static s64 parts_copy(struct copy *c)
{
	s64 ret = 0;

	for (const struct vma *v = c->from->first; v && !ret; v = v->next) {
		if (v->flags & (VMA_FIXED_KERNEL | VMA_NOFORK))
			continue;
		ret = can_copy(v) ? vma_copy(c->to, v) : -ENOMEM;
		if (!ret && !(v->flags & VMA_WIPE))
			ret = v->flags & VMA_WINDOW ? window_copy(c, v) : ram_copy(c, v);
	}
	references_count(c);
	return ret;
}

/* In granules that it shares with others it has come with them. */
static void part_drop(struct mm *to, const struct vma *v, u64 granule)
{
	u64 *entry = pt_granule(to, granule, false), lo, hi;
	u64 start = MAX(granule, v->start), end = MIN(granule + BLOCK_SIZE, v->end);

	if (!entry || !*entry || pt_is_window(*entry))
		return;
	/* As everywhere: the host may clear what is not present. */
	pt_hide(entry, start, end);
	pt_depopulate(entry, start, end, &lo, &hi);
}

static bool parts_drop(struct mm *to, const struct mm *from)
{
	bool any = false;

	for (const struct vma *v = from->first; v; v = v->next) {
		if (!(v->flags & (VMA_NOFORK | VMA_WIPE)))
			continue;
		part_drop(to, v, ALIGN_DOWN(v->start, BLOCK_SIZE));
		part_drop(to, v, ALIGN_DOWN(v->end - 1, BLOCK_SIZE));
		any = true;
	}
	return any;
}

static void figures_copy(struct mm *to, const struct mm *from)
{
	to->brk_start = from->brk_start;
	to->brk = from->brk;
	to->small_hint = from->small_hint;
	to->sparse_hint = from->sparse_hint;
	to->large_hint = from->large_hint;
	to->window_hint = from->window_hint;
	to->windows = from->windows;
	to->mappings = from->mappings;
	to->touch = from->touch;
	to->watch = from->watch;
}

s64 mm_fork(struct process *proc, struct process *other, bool *holes)
{
	struct copy c = {.proc = proc, .to = proc->mm, .from = other->mm};
	s64 ret;

	/* Nobody else knows the new one yet; so there is no order to keep. */
	spin_lock(&c.from->lock);
	spin_lock(&c.to->lock);
	figures_copy(c.to, c.from);
	/* Under the lock: see mm_window_wait.c. */
	ret = READ_ONCE(other->exiting) ? -EAGAIN : mempolicy_copy(c.to, c.from);
	if (!ret)
		ret = mm_shm_copy(c.to, c.from);
	if (!ret)
		ret = parts_copy(&c);
	if (!ret)
		*holes = parts_drop(c.to, c.from) || other->nthreads > 1;
	if (!ret)
		ret = exec_map_kernel(proc);
	spin_unlock(&c.to->lock);
	spin_unlock(&c.from->lock);
	return ret;
}

/* ---- when the blocks have been filled ---- */

/* What of a granule's block is nobody's. */
static void granule_clean(u64 entry)
{
	const u64 *table = gpa_to_ptr(entry & PTE_ADDR);
	const u32 pages = PAGE_SIZE / sizeof(*table);
	u64 block = pt_block(entry);

	for (u32 i = 0, end; i < pages; i = end + 1) {
		for (end = i; end < pages && !(table[end] & PTE_POPULATED); end++)
			;
		if (end > i)
			pmem_zero(block + i * PAGE_SIZE, (end - i) * PAGE_SIZE);
	}
}

static void slot_clean(struct mm *mm, const struct gib_slot *slot)
{
	for (u64 g = 0; g < GIB_SIZE; g += BLOCK_SIZE) {
		const u64 *entry = pt_granule(mm, slot->va + g, false);

		if (!entry || !*entry)
			pmem_zero(slot->gpa + g, BLOCK_SIZE);
	}
}

/*
 * Two reasons why a block may have more than its entries say: pages that were not for the
 * child; and another thread of the maker, which has used a page for the first time when the
 * entries, but not the contents, had been copied.
 */
void mm_fork_clean(struct mm *mm)
{
	u64 done = 0;

	spin_lock(&mm->lock);
	for (const struct vma *v = mm->first; v; v = v->next) {
		u64 g = MAX(done, ALIGN_DOWN(v->start, BLOCK_SIZE));

		for (; g < v->end && !(v->flags & VMA_FIXED_KERNEL); g += BLOCK_SIZE) {
			const u64 *entry = pt_granule(mm, g, false);

			if (!entry)
				g = ALIGN_DOWN(g, GIB_SIZE) + GIB_SIZE - BLOCK_SIZE;
			else if (*entry && !pt_is_window(*entry) && !pt_is_large(*entry))
				granule_clean(*entry);
		}
		done = g;
	}
	for (const struct gib_slot *slot = mm->slots; slot; slot = slot->next)
		slot_clean(mm, slot);
	spin_unlock(&mm->lock);
}

/* ---- what programs say about it ---- */

s64 mm_set_fork(struct mm *mm, const struct vma *vma, u64 start, u64 end, u32 give, u32 take)
{
	struct vma *part;

	if (((vma->flags & ~take) | give) == vma->flags)
		return 0;
	if (mm_cuts_huge(mm, start) || mm_cuts_huge(mm, end))
		return -EINVAL;
	if (vma_split(mm, start) || vma_split(mm, end) || pt_split(mm, start) ||
		pt_split(mm, end))
		return -ENOMEM;
	part = vma_find(mm, start);
	vma_change(mm, part, part->prot, (part->flags & ~take) | give);
	vma_merge(mm, part);
	return 0;
}
