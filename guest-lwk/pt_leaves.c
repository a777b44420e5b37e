/* SPDX-License-Identifier: MIT */
#include "guest-lwk/pt_leaves.h"
#include "guest-lwk/pt_range.h"

/* Looked at together where ring 0 may be emulated, an instruction each. */
#define FEW 16

u64 pt_leaves_empty(const u64 *entry, u64 n)
{
	u64 i = 0;

	for (; i + FEW <= n; i += FEW) {
		u64 any = 0;

#pragma GCC unroll 16
		for (u32 k = 0; k < FEW; k++)
			any |= entry[i + k];
		if (any)
			break;
	}
	while (i < n && !entry[i])
		i++;
	return i;
}

void pt_leaves_fill(const struct mm *mm, u64 *entry, u64 n, u64 block, u32 prot, bool touched)
{
	u64 flags = pt_leaf_flags(prot) | PTE_LARGE;

	if (mm->watch && !touched)
		flags &= ~PTE_ACCESSED;
	pt_range_fill(entry, (u32)n, block | flags);
}

u64 pt_leaves_run(const u64 *entry, u64 n)
{
	u64 leaf = *entry, i = 0;

	if (!pt_is_large(leaf) || pt_is_window(leaf))
		return 0;
	for (; i + FEW <= n; i += FEW, leaf += FEW * BLOCK_SIZE) {
		u64 differs = 0;

#pragma GCC unroll 16
		for (u32 k = 0; k < FEW; k++)
			differs |= entry[i + k] ^ (leaf + k * BLOCK_SIZE);
		if (differs)
			break;
	}
	for (; i < n && entry[i] == leaf; i++)
		leaf += BLOCK_SIZE;
	return i;
}

void pt_leaves_hide(u64 *entry, u64 n)
{
	pt_range_hide(entry, (u32)n);
}

void pt_leaves_forget(u64 *entry, u64 n)
{
	u32 first, end;

	pt_range_clear(entry, (u32)n, &first, &end);
}
