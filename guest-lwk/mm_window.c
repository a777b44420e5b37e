/* SPDX-License-Identifier: MIT */
#include "guest-lwk/mm_window.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/pt_window.h"
#include "guest-lwk/vma.h"

#define GRANULE(va) ALIGN_DOWN(va, BLOCK_SIZE)

static bool flagged(struct mm *mm, u64 start, u64 end, u32 flag)
{
	for (const struct vma *vma = vma_find_above(mm, start); vma && vma->start < end;
		vma = vma->next)
		if (vma->flags & flag)
			return true;
	return false;
}

bool mm_window_meets(struct mm *mm, u64 start, u64 end)
{
	return mm->windows && flagged(mm, start, end, VMA_WINDOW);
}

bool mm_window_beside(struct mm *mm, u64 start, u64 end)
{
	return mm_window_meets(mm, GRANULE(start), start) ||
	       mm_window_meets(mm, end, ALIGN_UP(end, BLOCK_SIZE));
}

/* What is in [start, end), the rest of a granule, may stay beside the window: RAM that nobody
 * can use. */
static bool may_stay(struct mm *mm, u64 start, u64 end)
{
	const u64 *entry = pt_granule(mm, start, false);

	for (const struct vma *vma = start < end ? vma_find_above(mm, start) : NULL;
		vma && vma->start < end; vma = vma->next) {
		if (vma->flags & VMA_WINDOW)
			continue;
		if (vma->prot || vma->flags & (VMA_FIXED_KERNEL | VMA_STACK | VMA_ROOM) ||
			(entry && *entry && !pt_is_window(*entry)))
			return false;
	}
	return true;
}

bool mm_window_fits(struct process *proc, u64 va, u64 len)
{
	struct mm *mm = proc->mm;
	u64 end = va + len;

	for (const struct gib_slot *slot = mm->slots; slot; slot = slot->next)
		if (slot->va < end && va < slot->va + GIB_SIZE &&
			(slot->va < va || slot->va + GIB_SIZE > end))
			return false;
	return may_stay(mm, GRANULE(va), va) && may_stay(mm, end, ALIGN_UP(end, BLOCK_SIZE));
}

/* Blocks that were kept for the next small mapping there. */
static s64 warm_release(struct process *proc, u64 start, u64 end)
{
	struct mm *mm = proc->mm;

	for (u64 g = GRANULE(start); g < end; g += BLOCK_SIZE) {
		u64 *entry = pt_granule(mm, g, false);

		if (!entry) {
			g = ALIGN_DOWN(g, GIB_SIZE) + GIB_SIZE - BLOCK_SIZE;
			continue;
		}
		if (mm_slot_find(mm, g))
			return -ENOMEM;
		if (!*entry || pt_is_window(*entry))
			continue;
		for (u32 i = 0; i < MM_WARM; i++)
			if (mm->warm[i] == g)
				mm->warm[i] = 0;
		mm_warm_release(proc, entry, g);
	}
	return 0;
}

/*
 * The granules that the mapping shares with others get their tables now: while the call is
 * under way nobody may put a block there. Where it is alone its vma keeps others away.
 */
static s64 edge_begin(struct mm *mm, u64 granule)
{
	u64 *entry = pt_granule(mm, granule, true);

	return entry && (*entry || !pt_window_begin(entry)) ? 0 : -ENOMEM;
}

s64 mm_window_reserve(
	struct process *proc, u64 va, u64 len, u32 vma_flags, bool replace, u32 mapping)
{
	struct mm *mm = proc->mm;
	u64 end = va + len;
	s64 ret;

	if (!mm_window_fits(proc, va, len))
		return -ENOMEM;
	ret = replace ? mm_unmap(proc, va, end) : 0;
	if (!ret)
		ret = warm_release(proc, va, end);
	if (!ret)
		ret = vma_add(
			mm, va, end, 0, VMA_WINDOW | VMA_SHARED | VMA_PENDING | vma_flags);
	if (ret)
		return ret;
	vma_find(mm, va)->mapping = mapping ? mapping : ++mm->mappings;
	mm->windows = true;
	if (va & (BLOCK_SIZE - 1))
		ret = edge_begin(mm, GRANULE(va));
	if (!ret && end & (BLOCK_SIZE - 1))
		ret = edge_begin(mm, GRANULE(end));
	if (ret)
		mm_window_undo(proc, va, end);
	return ret;
}

/* All of it is still what was reserved. */
static bool all_pending(struct mm *mm, u64 start, u64 end)
{
	const struct vma *vma = vma_find(mm, start);

	while (vma && vma->flags & VMA_PENDING && vma->end < end && vma->next &&
		vma->next->start == vma->end)
		vma = vma->next;
	return vma && vma->flags & VMA_PENDING && vma->end >= end;
}

s64 mm_window_enter(
	struct process *proc, u64 va, const struct abi_window_answer *answer, u32 prot)
{
	u64 end = va + answer->len, absent = va + answer->inside;
	bool ours = all_pending(proc->mm, va, end);

	for (u64 at = va; at < end; at = GRANULE(at) + BLOCK_SIZE) {
		u64 *entry = ours ? pt_granule(proc->mm, at, true) : NULL;
		u64 gpa = answer->gpa + (at - va);

		if (entry && !pt_window_set(entry, at, MIN(end, GRANULE(at) + BLOCK_SIZE), gpa,
				     absent, prot))
			continue;
		/* What has entries goes with the mapping; the rest at once. */
		u64 pos = log_append(proc, ABI_LOG_UNMAP_WINDOW, at, end - at, 0);

		pmem_free_window(gpa, end - at, at, proc->index, pos);
		return -ENOMEM;
	}
	return 0;
}

void mm_window_done(struct mm *mm, u64 start, u64 end, u32 prot, u32 vma_flags)
{
	struct vma *vma = vma_find(mm, start);

	for (; vma && vma->start < end; vma = vma->next)
		vma_change(mm, vma, prot, (vma->flags & ~(u32)VMA_PENDING) | vma_flags);
	for (vma = vma_find(mm, start); vma && vma->start <= end; vma = vma->next)
		vma = vma_merge(mm, vma);
}

void mm_window_undo(struct process *proc, u64 start, u64 end)
{
	/* What the proxy has mapped and we have no entry for. */
	log_append(proc, ABI_LOG_UNMAP_WINDOW, start, end - start, 0);
	/* The vma is all of [start, end), or several: nothing is to be split. */
	mm_unmap(proc, start, end);
}

u64 mm_window_gpa(struct mm *mm, u64 va)
{
	const u64 *entry = pt_granule(mm, va, false);

	return entry && pt_is_window(*entry) ? pt_window_leaf(*entry, va) & PTE_ADDR : 0;
}

bool mm_in_window(struct process *proc, u64 va)
{
	struct mm *mm = proc->mm;
	const struct vma *vma;

	if (!READ_ONCE(mm->windows))
		return false;
	spin_lock(&mm->lock);
	vma = vma_find(mm, va);
	bool is = vma && vma->flags & VMA_WINDOW;

	spin_unlock(&mm->lock);
	return is;
}

s64 mm_window_bad(struct process *proc, u64 gpa, u64 len)
{
	struct mm *mm = proc->mm;
	s64 ret = 0;

	spin_lock(&mm->lock);
	for (const struct vma *vma = mm->first; vma; vma = vma->next) {
		if (!(vma->flags & VMA_WINDOW))
			continue;
		for (u64 g = GRANULE(vma->start); g < vma->end && !ret; g += BLOCK_SIZE) {
			u64 *entry = pt_granule(mm, g, false);

			if (entry && *entry)
				ret = pt_window_gone(mm, entry, g, gpa, len);
		}
	}
	mm_flush(mm);
	spin_unlock(&mm->lock);
	return ret;
}
