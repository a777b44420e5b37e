/* SPDX-License-Identifier: MIT */
/* What the limits on a program's memory allow, and the stack, which grows into its room. */
#include "guest-lwk/process.h"
#include "guest-lwk/vma.h"

/* In whole pages, as Linux counts. */
static u64 soft_limit(const struct process *proc, u32 limit)
{
	return ALIGN_DOWN(READ_ONCE(proc->limits[limit].soft), PAGE_SIZE);
}

bool mm_may_map(const struct process *proc, u64 len, u32 prot, u32 vma_flags)
{
	const struct mm *mm = proc->mm;

	return mm->mapped + len <= soft_limit(proc, ABI_LIMIT_AS) &&
	       (!vma_is_data(prot, vma_flags) ||
		       mm->data + len <= soft_limit(proc, ABI_LIMIT_DATA));
}

bool mm_may_replace(struct process *proc, u64 start, u64 len, u32 prot, u32 vma_flags)
{
	u64 end = start + len, more = len;

	for (const struct vma *vma = vma_find_above(proc->mm, start); vma && vma->start < end;
		vma = vma->next)
		if (!(vma->flags & VMA_ROOM))
			more -= MIN(vma->end, end) - MAX(vma->start, start);
	return mm_may_map(proc, more, prot, vma_flags);
}

bool mm_may_protect(struct process *proc, u64 start, u64 end, u32 prot)
{
	const struct mm *mm = proc->mm;
	u64 more = 0;

	for (const struct vma *vma = vma_find_above(proc->mm, start); vma && vma->start < end;
		vma = vma->next)
		if (vma_is_data(prot, vma->flags) && !vma_is_data(vma->prot, vma->flags))
			more += MIN(vma->end, end) - MAX(vma->start, start);
	return !more || mm->data + more <= soft_limit(proc, ABI_LIMIT_DATA);
}

/* By whole granules, as it is committed. */
struct vma *mm_vma(struct process *proc, u64 va)
{
	struct mm *mm = proc->mm;
	struct vma *vma = vma_find(mm, va);

	if (!vma || !(vma->flags & VMA_ROOM))
		return vma;

	u64 from = MAX(vma->start, ALIGN_DOWN(va, BLOCK_SIZE));

	if (!mm_may_map(proc, vma->end - from, vma->prot, VMA_STACK))
		return NULL;
	/* Without memory for another vma all of the room is taken. */
	if (!vma_split(mm, from))
		vma = vma_find(mm, va);
	vma_change(mm, vma, vma->prot, vma->flags & ~(u32)VMA_ROOM);
	return vma_merge(mm, vma);
}
