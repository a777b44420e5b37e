/* SPDX-License-Identifier: MIT */
/*
 * Where mmap puts things, downwards from ABI_MMAP_TOP: a terabyte for small requests, packed
 * page by page; three for reservations that are mostly never touched (malloc's arenas); one for
 * the window (mm_window.h), which shares no 2 MiB of program space with RAM; below
 * that the requests of 2 MiB and more, on 2 MiB (1 GiB) boundaries so that large pages map
 * them, packed so that 1 GiB blocks are filled.
 */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/kmem.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/vma.h"

#define SPARSE_TOP (ABI_MMAP_TOP - (1ULL << 40))
#define WINDOW_TOP (SPARSE_TOP - (3ULL << 40))
#define LARGE_TOP  (WINDOW_TOP - (1ULL << 40))
#define LARGE_END  (ABI_PIE_BASE + (1ULL << 40))
#define SPARSE_LEN                                                                             \
	(64ULL << 20) /* a reservation of this length is not filled; a stack is shorter */
#define FEW_BLOCKS 16 /* of 2 MiB: kept for stacks, .bss and heaps */

bool mm_in_large_area(u64 va)
{
	return va >= LARGE_END && va < LARGE_TOP;
}

/* What of the granules is taken: where the window is, all. */
static u64 start_of(const struct vma *v)
{
	return v->flags & VMA_WINDOW ? ALIGN_DOWN(v->start, BLOCK_SIZE) : v->start;
}

static u64 end_of(const struct vma *v)
{
	return v->flags & VMA_WINDOW ? ALIGN_UP(v->end, BLOCK_SIZE) : v->end;
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
		u64 bottom = v ? MAX(end_of(v), lo) : lo;
		u64 start = ALIGN_DOWN(top - len, align);

		if (top >= bottom && top - bottom >= len && start >= bottom)
			return start;
		if (!v || v->start <= lo)
			return 0;
		top = start_of(v);
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

u64 mm_pick(struct mm *mm, u64 len, bool touch)
{
	u64 align = len >= GIB_SIZE && pmem_has_gib() ? GIB_SIZE : BLOCK_SIZE;
	u64 va = 0;

	/* Where 1 GiB pages are, only the large area has them to give (mm_slot_create). */
	if (len < BLOCK_SIZE &&
		!(pmem_free_blocks() < FEW_BLOCKS && (mm->slots || pmem_has_gib())))
		va = pick(mm, len, PAGE_SIZE, SPARSE_TOP, ABI_MMAP_TOP, &mm->small_hint);
	else if (touch && len >= SPARSE_LEN && len < GIB_SIZE)
		va = pick(mm, len, BLOCK_SIZE, WINDOW_TOP, SPARSE_TOP, &mm->sparse_hint);
	if (!va)
		va = pick(mm, len, len < BLOCK_SIZE ? PAGE_SIZE : align, LARGE_END, LARGE_TOP,
			&mm->large_hint);
	return va;
}

u64 mm_pick_window(struct mm *mm, u64 len, u64 off)
{
	u64 in = off & (BLOCK_SIZE - 1);
	u64 va = pick(mm, ALIGN_UP(in + len, BLOCK_SIZE), BLOCK_SIZE, LARGE_TOP, WINDOW_TOP,
		&mm->window_hint);

	return va ? va + in : 0;
}

void mm_pick_freed(struct mm *mm, u64 end)
{
	u64 *hint = end > SPARSE_TOP   ? &mm->small_hint
		    : end > WINDOW_TOP ? &mm->sparse_hint
		    : end > LARGE_TOP  ? &mm->window_hint
				       : &mm->large_hint;

	if (end <= ABI_MMAP_TOP && end > LARGE_END && end > *hint)
		*hint = end;
}
