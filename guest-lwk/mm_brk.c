/* SPDX-License-Identifier: MIT */
/*
 * brk(). The break moves before the memory below it comes or goes: that may be done in parts,
 * between which mm.lock is given up, and another thread's break goes by where ours is by then.
 */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/mm_parts.h"
#include "guest-lwk/mm_sys.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/process.h"
#include "guest-lwk/vma.h"

#define BRK_PROT (ABI_PROT_R | ABI_PROT_W)

static s64 brk_grow(struct process *proc, u64 before, u64 addr)
{
	u64 start = ALIGN_UP(before, PAGE_SIZE), end = ALIGN_UP(addr, PAGE_SIZE);
	struct mm *mm = proc->mm;

	if (!mm_is_free(mm, start, end - start) || mm_window_beside(mm, start, end) ||
		!mm_may_map(proc, end - start, BRK_PROT, 0))
		return (s64)before;
	mm->brk = addr;
	if (mm_mmap(proc, start, end - start, BRK_PROT, 0, 0) >= 0)
		return (s64)addr;
	if (mm->brk == addr)
		mm->brk = before;
	return (s64)before;
}

static s64 brk_shrink(struct process *proc, u64 before, u64 addr)
{
	u64 start = ALIGN_UP(addr, PAGE_SIZE);
	struct mm *mm = proc->mm;

	mm->brk = addr;
	/* What could not be taken away stays, above the break, unless that is all. */
	if (mm_unmap_parts(proc, start, ALIGN_UP(before, PAGE_SIZE)) && mm->brk == addr &&
		vma_find(mm, start))
		mm->brk = before;
	return (s64)mm->brk;
}

/* mm.lock is held. */
static s64 brk_move(struct process *proc, u64 addr)
{
	u64 before, old_end, new_end = ALIGN_UP(addr, PAGE_SIZE);
	struct mm *mm = proc->mm;

	if (addr < mm->brk_start || addr >= ABI_USER_END)
		return (s64)mm->brk;
	/* What a program has mapped over its heap may be on its way; the break may move then.
	 */
	do {
		before = mm->brk;
		old_end = ALIGN_UP(before, PAGE_SIZE);
	} while (mm_ready(proc, MIN(old_end, new_end), MAX(old_end, new_end)));

	if (new_end > old_end)
		return brk_grow(proc, before, addr);
	if (new_end < old_end)
		return brk_shrink(proc, before, addr);
	mm->brk = addr;
	return (s64)addr;
}

s64 sys_brk(u64 addr)
{
	struct process *proc = current_thread()->proc;

	spin_lock(&proc->mm->lock);
	s64 ret = brk_move(proc, addr);

	spin_unlock(&proc->mm->lock);
	return ret;
}
