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

/*
 * A 1 GiB block is on one node, and who touches it first decides for all that is packed into
 * it. So on several nodes what is smaller is local: it lies among the reservations, in 2 MiB
 * blocks that each go to who touches them. Not more of it, though, than half of what the node
 * with the least of them has: it takes at most twice its length in blocks (from 2 MiB on), and
 * may want all of them from one node; a GiB of addresses that has 2 MiB blocks cannot be given
 * a 1 GiB block any more when they run out. The rest is packed as always.
 */
static u64 local_bytes; /* of all processes; those that come at once may go beyond by as much */

bool mm_local_fits(const struct mm *mm, u64 len)
{
	return mm->touch && len >= BLOCK_SIZE && len < GIB_SIZE &&
	       READ_ONCE(local_bytes) + len <= pmem_small_least() / 2;
}

void mm_local_count(u64 change)
{
	__atomic_add_fetch(&local_bytes, change, __ATOMIC_RELAXED);
}

static bool in_sparse_area(u64 va)
{
	return va >= WINDOW_TOP && va < SPARSE_TOP;
}

/* Where all is committed at first touch, the flag tells of a reservation only by its place. */
u32 mm_flags_asked(const struct mm *mm, const struct vma *vma)
{
	bool reserved = in_sparse_area(vma->start) && !(vma->flags & VMA_LOCAL);
	u32 flags = vma->flags & ~(u32)VMA_LOCAL;

	return mm->touch && !reserved ? flags & ~(u32)VMA_TOUCH : flags;
}

bool mm_in_large_area(u64 va)
{
	return va >= LARGE_END && va < LARGE_TOP;
}

/* Where the hole below v ends, and the one above it begins: where the window has something of
 * the granule all of it is taken, whatever else is there. */
static u64 start_of(const struct vma *v)
{
	u64 end = ALIGN_UP(v->start, BLOCK_SIZE);

	for (const struct vma *u = v; u && u->start < end; u = u->next)
		if (u->flags & VMA_WINDOW)
			return ALIGN_DOWN(v->start, BLOCK_SIZE);
	return v->start;
}

static u64 end_of(const struct vma *v)
{
	u64 start = ALIGN_DOWN(v->end, BLOCK_SIZE);

	for (const struct vma *u = v; u && u->end > start; u = u->prev)
		if (u->flags & VMA_WINDOW)
			return ALIGN_UP(v->end, BLOCK_SIZE);
	return v->end;
}

/* Highest hole of len in [lo, from), NULL-terminated walk downwards. 0: none. */
static u64 hole_below(struct mm *mm, u64 len, u64 align, u64 lo, u64 from)
{
	struct vma *v = vma_find_above(mm, from - 1);
	u64 top = from;

	if (!v)
		v = mm->last;
	else if (v->start >= from) {
		/* The hint may lie in a granule of the window. */
		top = MIN(top, start_of(v));
		v = v->prev;
	}
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

u64 mm_pick(struct mm *mm, u64 len, u32 vma_flags)
{
	bool reserved = vma_flags & VMA_TOUCH && len >= SPARSE_LEN && len < GIB_SIZE;
	u64 align = len >= GIB_SIZE && pmem_has_gib() ? GIB_SIZE : BLOCK_SIZE;
	u64 va = 0;

	/* Where 1 GiB pages are, only the large area has them to give (mm_slot_create). */
	if (len < BLOCK_SIZE &&
		!(pmem_free_blocks() < FEW_BLOCKS && (mm->slots || pmem_has_gib())))
		va = pick(mm, len, PAGE_SIZE, SPARSE_TOP, ABI_MMAP_TOP, &mm->small_hint);
	else if (reserved || vma_flags & VMA_LOCAL)
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
