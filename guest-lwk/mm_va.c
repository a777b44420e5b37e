/* SPDX-License-Identifier: MIT */
/*
 * Where mmap puts things: small requests in a terabyte below ABI_MMAP_TOP, packed page by page; requests of
 * 2 MiB and more below that, on 2 MiB (1 GiB) boundaries so that large pages map them.
 */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/kmem.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/vma.h"

#define SMALL_AREA (1ULL << 40)
#define LARGE_TOP  (ABI_MMAP_TOP - SMALL_AREA)
#define LARGE_END  (ABI_PIE_BASE + (1ULL << 40))

bool mm_in_large_area(u64 va)
{
	return va >= LARGE_END && va < LARGE_TOP;
}

/* Highest hole of len in [lo, from), NULL-terminated walk downwards. 0: none. */
static u64 hole_below(struct mm *mm, u64 len, u64 align, u64 lo, u64 from)
{
	struct vma *v = vma_find_above(mm, from - 1);
	u64 top = from;

	if (!v)
		v = mm->last;
	else if (v->start >= from)
		v = v->prev;
	for (;;) {
		u64 bottom = v ? MAX(v->end, lo) : lo;
		u64 start = ALIGN_DOWN(top - len, align);

		if (top >= bottom && top - bottom >= len && start >= bottom)
			return start;
		if (!v || v->start <= lo)
			return 0;
		top = v->start;
		v = v->prev;
	}
}

static u64 pick(struct mm *mm, u64 len, u64 align, u64 lo, u64 hi, u64 *hint)
{
	u64 va = 0;

	if (*hint)
		va = hole_below(mm, len, align, lo, *hint);
	if (!va)
		va = hole_below(mm, len, align, lo, hi);
	if (va)
		*hint = va;
	return va;
}

u64 mm_pick(struct mm *mm, u64 len)
{
	u64 align = len >= GIB_SIZE && pmem_has_gib() ? GIB_SIZE : BLOCK_SIZE;
	u64 va = 0;

	if (len < BLOCK_SIZE)
		va = pick(mm, len, PAGE_SIZE, LARGE_TOP, ABI_MMAP_TOP, &mm->small_hint);
	if (!va)
		va = pick(mm, len, align, LARGE_END, LARGE_TOP, &mm->large_hint);
	return va;
}

void mm_pick_freed(struct mm *mm, u64 end)
{
	u64 *hint = mm_in_large_area(end - 1) ? &mm->large_hint : &mm->small_hint;

	if (end <= ABI_MMAP_TOP && end > LARGE_END && end > *hint)
		*hint = end;
}
