/* SPDX-License-Identifier: MIT */
/*
 * Taking memory away, in an order that no core and no call in flight can see: hide the entries,
 * clean the TLBs, then zero what stays in a block that is still in use, and send whole blocks
 * to be reclaimed.
 */
#include "guest-lwk/fwd.h"
#include "guest-lwk/mm.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/process.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/pt_leaves.h"
#include "guest-lwk/pt_window.h"
#include "guest-lwk/vma.h"

/* Adjacent blocks, or pages of the window, at adjacent addresses, given back by one record. */
struct run {
	u64 va, gpa, len;
	bool window;
};

static void run_free(struct process *proc, struct run *run)
{
	if (!run->len)
		return;
	u64 pos = log_append(
		proc, run->window ? ABI_LOG_UNMAP_WINDOW : ABI_LOG_UNMAP, run->va, run->len, 0);

	if (run->window) {
		pmem_free_window(run->gpa, run->len, run->va, proc->index, pos);
	} else {
		mm_account(proc, -run->len);
		pmem_free(run->gpa, run->len, run->va, proc->index, pos);
	}
	run->len = 0;
}

static void run_add_part(struct process *proc, struct run *run, const struct run *part)
{
	if (run->len && (run->va + run->len != part->va || run->gpa + run->len != part->gpa ||
				run->window != part->window))
		run_free(proc, run);
	if (run->len)
		run->len += part->len;
	else
		*run = *part;
}

static void run_add(struct process *proc, struct run *run, u64 va, u64 gpa)
{
	run_add_part(proc, run, &(struct run){.va = va, .gpa = gpa, .len = BLOCK_SIZE});
}

/* True if a vma meets [start, end). */
static bool in_use(struct mm *mm, u64 start, u64 end)
{
	struct vma *vma = vma_find_above(mm, start);

	return vma && vma->start < end;
}

/* A run of large leaves that begins at g and is all in [start, end): how many, 0: none. */
static u64 leaves_in(const u64 *entry, u64 g, u64 start, u64 end)
{
	return g >= start ? pt_leaves_run(entry, pt_leaves_room(g, (end - g) / BLOCK_SIZE)) : 0;
}

static void hide_range(struct mm *mm, u64 start, u64 end)
{
	u64 n;

	for (u64 g = ALIGN_DOWN(start, BLOCK_SIZE); g < end; g += BLOCK_SIZE) {
		u64 *entry = pt_granule(mm, g, false);

		if (!entry) {
			g = ALIGN_DOWN(g, GIB_SIZE) + GIB_SIZE - BLOCK_SIZE;
		} else if ((n = leaves_in(entry, g, start, end))) {
			pt_leaves_hide(entry, n);
			g += (n - 1) * BLOCK_SIZE;
		} else if (*entry) {
			pt_hide(entry, MAX(g, start), MIN(g + BLOCK_SIZE, end));
		}
	}
}

/*
 * An empty slot goes back, to be zeroed by the janitor, unless what left it was small and it is
 * the only empty one: a program that maps and unmaps a few megabytes must not have 1 GiB zeroed
 * for it each time.
 */
#define SLOT_KEEP (64ULL << 20)

static bool slot_goes(struct mm *mm, const struct gib_slot *slot, u64 start, u64 end)
{
	if (in_use(mm, slot->va, slot->va + GIB_SIZE))
		return false;
	if (MIN(end, slot->va + GIB_SIZE) - MAX(start, slot->va) >= SLOT_KEEP)
		return true;
	for (const struct gib_slot *s = mm->slots; s; s = s->next)
		if (s != slot && !in_use(mm, s->va, s->va + GIB_SIZE))
			return true;
	return false;
}

/*
 * Warm granules: the last few that small mappings have left keep their blocks (with nothing
 * populated, all zero), so that a program which maps and unmaps a few pages costs neither the
 * proxy nor the janitor anything. They are given back when blocks run out. True: g stays.
 */
static bool warm_keep(struct mm *mm, u64 g)
{
	u32 slot = 0;

	for (u32 i = 0; i < MM_WARM; i++) {
		if (mm->warm[i] == g)
			return true;
		if (!mm->warm[i])
			slot = i + 1;
	}
	if (slot)
		mm->warm[slot - 1] = g;
	return slot;
}

bool mm_warm_drop(struct process *proc)
{
	struct mm *mm = proc->mm;
	struct run run = {0};
	bool any = false;

	for (u32 i = 0; i < MM_WARM; i++) {
		u64 g = mm->warm[i];
		u64 *entry = g ? pt_granule(mm, g, false) : NULL;

		mm->warm[i] = 0;
		if (!entry || !*entry || in_use(mm, g, g + BLOCK_SIZE))
			continue;
		u64 block = pt_block(*entry);

		pt_forget(mm, entry);
		run_add(proc, &run, g, block);
		any = true;
	}
	run_free(proc, &run);
	return any;
}

void mm_warm_release(struct process *proc, u64 *entry, u64 granule)
{
	struct run run = {0};
	u64 block = pt_block(*entry);

	pt_forget(proc->mm, entry);
	run_add(proc, &run, granule, block);
	run_free(proc, &run);
}

/* The untouched granules of a vma in [start, end) are hidden first, and then given back. */
static bool untouched_hide(struct mm *mm, u64 start, u64 end)
{
	bool any = false;

	for (u64 g = ALIGN_UP(start, BLOCK_SIZE); g + BLOCK_SIZE <= end; g += BLOCK_SIZE) {
		u64 *entry = pt_granule(mm, g, false);

		if (!entry)
			g = ALIGN_DOWN(g, GIB_SIZE) + GIB_SIZE - BLOCK_SIZE;
		else if (!mm_slot_find(mm, g))
			any |= pt_hide_untouched(entry);
	}
	return any;
}

static void hidden_free(struct process *proc, u64 start, u64 end)
{
	struct run run = {0};

	for (u64 g = ALIGN_UP(start, BLOCK_SIZE); g + BLOCK_SIZE <= end; g += BLOCK_SIZE) {
		u64 *entry = pt_granule(proc->mm, g, false);

		if (!entry || !pt_is_large(*entry) || *entry & PTE_PRESENT)
			continue;
		u64 block = pt_block(*entry);

		pt_forget(proc->mm, entry);
		run_add(proc, &run, g, block);
	}
	run_free(proc, &run);
}

/* What mprotect() has made inaccessible is not present either, and tells nothing of touches. */
void mm_untouched_release(struct process *proc, u64 start, u64 end)
{
	struct mm *mm = proc->mm;

	for (struct vma *vma = vma_find_above(mm, start); vma && vma->start < end;
		vma = vma->next) {
		u64 lo = MAX(start, vma->start), hi = MIN(end, vma->end);

		if (!vma->prot || vma->flags & (VMA_FIXED_KERNEL | VMA_WINDOW) ||
			!untouched_hide(mm, lo, hi))
			continue;
		mm_flush(mm);
		hidden_free(proc, lo, hi);
	}
}

/* The same of a granule of the window: nothing to zero, each page loses a reference. */
static void window_clean(
	struct process *proc, u64 *entry, u64 g, u64 from, u64 to, struct run *run)
{
	u64 end = MIN(g + BLOCK_SIZE, to);

	for (u64 at = MAX(g, from); at < end;) {
		struct run part = {.va = at, .window = true};

		part.len = pt_window_take(entry, at, end, &part.gpa);
		if (part.gpa)
			run_add_part(proc, run, &part);
		at += part.len;
	}
	if (!mm_window_meets(proc->mm, g, g + BLOCK_SIZE))
		pt_forget(proc->mm, entry);
}

/* The granule at g loses its part of the unmapping [from, to). */
static void granule_clean(
	struct process *proc, u64 *entry, u64 g, u64 from, u64 to, struct run *run)
{
	struct mm *mm = proc->mm;
	struct gib_slot *slot = mm_slot_find(mm, g);
	u64 start = MAX(g, from), end = MIN(g + BLOCK_SIZE, to);
	bool used = in_use(mm, g, g + BLOCK_SIZE);
	u64 lo, hi;

	if (!used && !slot && (pt_is_large(*entry) || !warm_keep(mm, g))) {
		u64 block = pt_block(*entry);

		pt_forget(mm, entry);
		run_add(proc, run, g, block);
		return;
	}
	pt_depopulate(entry, start, end, &lo, &hi);
	if (!used && slot)
		pt_forget(mm, entry);
	if (lo && !(slot && slot_goes(mm, slot, from, to)))
		pmem_zero(lo, hi - lo);
}

/*
 * A run of granules from g on that lie in the unmapping as a whole, as large leaves: no vma is
 * in them any more. In a slot they are its, and cleaned one by one. How many; 0: none.
 */
static u64 leaves_clean(
	struct process *proc, u64 *entry, u64 g, u64 from, u64 to, struct run *run)
{
	u64 n = mm_slot_find(proc->mm, g) ? 0 : leaves_in(entry, g, from, to);
	struct run part = {.va = g, .len = n * BLOCK_SIZE};

	if (!n)
		return 0;
	part.gpa = pt_block(*entry);
	pt_leaves_forget(entry, n);
	run_add_part(proc, run, &part);
	return n;
}

/* [start, end) has no vma any more and its entries are hidden and flushed. */
static void clean_range(struct process *proc, u64 start, u64 end)
{
	struct mm *mm = proc->mm;
	struct run run = {0};
	u64 n;

	for (u64 g = ALIGN_DOWN(start, BLOCK_SIZE); g < end; g += BLOCK_SIZE) {
		u64 *entry = pt_granule(mm, g, false);

		if (!entry)
			g = ALIGN_DOWN(g, GIB_SIZE) + GIB_SIZE - BLOCK_SIZE;
		else if ((n = leaves_clean(proc, entry, g, start, end, &run)))
			g += (n - 1) * BLOCK_SIZE;
		else if (pt_is_window(*entry))
			window_clean(proc, entry, g, start, end, &run);
		else if (*entry)
			granule_clean(proc, entry, g, start, end, &run);
	}
	run_free(proc, &run);
	for (struct gib_slot *slot = mm->slots, *next; slot; slot = next) {
		next = slot->next;
		if (slot->va < end && slot->va + GIB_SIZE > start &&
			slot_goes(mm, slot, start, end))
			mm_slot_free(proc, slot);
	}
}

static bool is_huge(struct mm *mm, u64 va)
{
	const struct vma *vma = vma_find(mm, va);

	return vma && vma->flags & VMA_HUGE;
}

/* The proxy could not unmap a part of a huge page; Linux refuses as well. */
bool mm_cuts_huge(struct mm *mm, u64 at)
{
	return mm->windows && at & (BLOCK_SIZE - 1) && (is_huge(mm, at) || is_huge(mm, at - 1));
}

s64 mm_unmap(struct process *proc, u64 start, u64 end)
{
	struct mm *mm = proc->mm;
	struct vma *vma = vma_find_above(mm, start);

	if (!vma || vma->start >= end)
		return 0;
	for (struct vma *v = vma; v && v->start < end; v = v->next)
		if (v->flags & VMA_FIXED_KERNEL)
			return -EINVAL;
	if (mm_cuts_huge(mm, start) || mm_cuts_huge(mm, end))
		return -EINVAL;
	if (vma_hole(mm, start, end) || pt_split(mm, start) || pt_split(mm, end))
		return -ENOMEM;
	hide_range(mm, start, end);
	mm_flush(mm);
	vma_cut(mm, start, end);
	clean_range(proc, start, end);
	mm_pick_freed(mm, end);
	return 0;
}

/* madvise(MADV_DONTNEED): what is populated in [start, end) reads as zero again, but for the
 * window, which keeps what the file has. */
u64 mm_discard(struct process *proc, u64 start, u64 end)
{
	struct mm *mm = proc->mm;
	u64 zeroed = 0;

	for (u64 g = ALIGN_DOWN(start, BLOCK_SIZE); g < end; g += BLOCK_SIZE) {
		u64 *entry = pt_granule(mm, g, false);
		u64 s = MAX(g, start), e = MIN(g + BLOCK_SIZE, end);

		if (!entry) {
			g = ALIGN_DOWN(g, GIB_SIZE) + GIB_SIZE - BLOCK_SIZE;
			continue;
		}
		if (!*entry || pt_is_window(*entry))
			continue;
		if (zeroed >= MM_DISCARD)
			return s;
		pmem_zero(pt_block(*entry) + (s & (BLOCK_SIZE - 1)), e - s);
		zeroed += e - s;
	}
	return end;
}
