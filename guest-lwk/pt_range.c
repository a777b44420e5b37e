/* SPDX-License-Identifier: MIT */
#include "guest-lwk/pt_range.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/pt.h"

/* As many instructions here take as long as an exit to the VMM and what prepares it. */
#define EXIT_WORTH 12

static bool by_vmm(u32 n)
{
	return machine.software_kvm && n > EXIT_WORTH;
}

void pt_range_fill(u64 *entry, u32 n, u64 leaf)
{
	if (by_vmm(n)) {
		core_hypercall(ABI_HC_PT_FILL, ptr_to_gpa(entry), n, leaf);
		return;
	}
	u64 step = leaf & PTE_LARGE ? BLOCK_SIZE : PAGE_SIZE;

	for (; n; n--, entry++, leaf += step)
		if (!(*entry & PTE_POPULATED))
			*entry = leaf;
}

void pt_range_clear(u64 *entry, u32 n, u32 *first, u32 *end)
{
	*first = *end = 0;
	if (by_vmm(n)) {
		u64 cleared = (u64)core_hypercall(ABI_HC_PT_CLEAR, ptr_to_gpa(entry), n, 0);

		*first = (u32)cleared;
		*end = (u32)(cleared >> 32);
		return;
	}
	for (u32 i = 0; i < n; i++) {
		if (!(entry[i] & PTE_POPULATED))
			continue;
		if (!*end)
			*first = i;
		*end = i + 1;
		entry[i] = 0;
	}
}

/* What all of n entries, at least one, have, and what any has. */
static void gather(const u64 *entry, u32 n, u64 *all, u64 *any)
{
	u64 and = *entry, or = *entry;

#pragma GCC unroll 16
	for (; n; n--, entry++) {
		and &= *entry;
		or |= *entry;
	}
	*all = and;
	*any = or ;
}

void pt_range_protect(u64 *entry, u32 n, u64 flags)
{
	u64 all, any, change;

	gather(entry, n, &all, &any);
	if (!(any & PTE_POPULATED))
		return;
	/* As a rule they are alike: then the same bits change in each. The processor changes
	 * none of them: we have set ACCESSED and DIRTY (pt_leaf_flags). */
	if ((all ^ any) & ~PTE_ADDR) {
		for (; n; n--, entry++)
			if (*entry & PTE_POPULATED)
				*entry = (*entry & PTE_ADDR) | flags;
		return;
	}
	change = (all ^ flags) & ~PTE_ADDR;
	if (!change)
		return;
#pragma GCC unroll 16
	for (; n; n--, entry++)
		*entry ^= change;
}

void pt_range_hide(u64 *entry, u32 n)
{
#pragma GCC unroll 16
	for (; n; n--, entry++)
		*entry &= ~PTE_PRESENT;
}

bool pt_range_any(const u64 *entry, u32 n)
{
	u64 all, any;

	gather(entry, n, &all, &any);
	return any & PTE_POPULATED;
}

bool pt_range_populated(const u64 *entry, u32 n)
{
	u64 all, any;

	/* What is asked for before it is filled: mostly all there is, or nothing. */
	if (!n)
		return true;
	if (!(entry[0] & entry[n - 1] & PTE_POPULATED))
		return false;
	gather(entry, n, &all, &any);
	return all & PTE_POPULATED;
}
