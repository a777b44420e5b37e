/* SPDX-License-Identifier: MIT */
/* mprotect(): first all that may fail, then the vmas, then the entries. */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/process.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/vma.h"

static void protect_range(struct mm *mm, u64 start, u64 end, u32 prot)
{
	for (u64 g = ALIGN_DOWN(start, BLOCK_SIZE); g < end; g += BLOCK_SIZE) {
		u64 *entry = pt_granule(mm, g, false);

		if (!entry)
			g = ALIGN_DOWN(g, GIB_SIZE) + GIB_SIZE - BLOCK_SIZE;
		else if (*entry)
			pt_protect(entry, MAX(g, start), MIN(g + BLOCK_SIZE, end), prot);
	}
}

s64 mm_rights(struct process *proc, u64 start, u64 end, u32 prot)
{
	struct mm *mm = proc->mm;
	bool flush = false;

	for (u64 at = start; at < end;) {
		struct vma *vma = vma_find(mm, at);

		if (!vma || vma->flags & VMA_FIXED_KERNEL)
			return -ENOMEM;
		if (vma->flags & VMA_NOWRITE && prot & ABI_PROT_W)
			return -EACCES;
		at = vma->end;
	}
	/* All that may want memory, but for what is committed: then nothing has changed if
	 * there is none. */
	if (vma_split(mm, start) || vma_split(mm, end) || pt_split(mm, start) ||
		pt_split(mm, end))
		return -ENOMEM;
	for (struct vma *vma = vma_find(mm, start); vma && vma->start < end; vma = vma->next) {
		/* What only gains rights faults once and is found good (mm_fault). */
		flush |= vma->prot & ~prot;
		vma_change(mm, vma, prot, vma->flags);
	}
	protect_range(mm, start, end, prot);
	if (flush)
		mm_flush(mm);
	for (struct vma *vma = vma_find(mm, start); vma && vma->start <= end; vma = vma->next)
		vma = vma_merge(mm, vma);
	return 0;
}

s64 mm_protect(struct process *proc, u64 start, u64 end, u32 prot)
{
	s64 ret = mm_rights(proc, start, end, prot);

	return ret ? ret : mm_commit_asked(proc, start, end);
}
