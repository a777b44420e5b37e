/* SPDX-License-Identifier: MIT */
#include "guest-lwk/user_window.h"
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/pt.h"

/* [va, va+len) of the granule is mapped with at least these bits. */
static bool granule_allows(u64 entry, u64 va, u64 len, u64 bits)
{
	const u64 *table = gpa_to_ptr(entry & PTE_ADDR);
	u64 last = (va + len - 1) >> 12 & 511;

	if (entry & PTE_LARGE || !entry)
		return (entry & bits) == bits;
	for (u64 i = va >> 12 & 511; i <= last; i++)
		if ((table[i] & bits) != bits)
			return false;
	return true;
}

void *window_try(struct mm *mm, u64 va, u64 len, u32 prot)
{
	u64 bits = PTE_PRESENT | PTE_USER | (prot & ABI_PROT_W ? PTE_WRITE : 0);
	u64 *entry;

	/* Above the stack there is only what belongs to no block: the vDSO. */
	if (!len || va >= ABI_STACK_TOP || (va & (BLOCK_SIZE - 1)) + len > BLOCK_SIZE)
		return NULL;
	spin_lock(&mm->lock);
	entry = pt_granule(mm, va, false);
	if (entry && !pt_is_window(*entry) && granule_allows(*entry, va, len, bits)) {
		/* As the processor would: who looks for untouched blocks must not find it. */
		if (mm->watch)
			pt_mark_touched(entry);
		return gpa_to_ptr(pt_block(*entry) + (va & (BLOCK_SIZE - 1)));
	}
	spin_unlock(&mm->lock);
	return NULL;
}

void *window_open(struct process *proc, u64 va, u64 len, u32 prot)
{
	void *at = window_try(proc->mm, va, len, prot);

	if (!at && mm_check(proc, va, len, prot))
		at = window_try(proc->mm, va, len, prot);
	return at;
}

void window_leave(struct mm *mm)
{
	spin_unlock(&mm->lock);
}

void window_close(struct process *proc)
{
	window_leave(proc->mm);
}
