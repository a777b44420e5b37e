/* SPDX-License-Identifier: MIT */
/*
 * The LWK's set of vmas against an array of pages: random additions, splits, removals and
 * merges, some without memory; after each the treap, the list and the array must say the same.
 *     vma [STEPS [SEED]]
 */
#include <stdio.h>
#include <stdlib.h>

#include "guest-lwk/mm_slot.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/vma.h"
#include "tests/fuzz/fuzz.h"

#define PAGES 256
#define BASE  (1ULL << 30)

/* What a page belongs to; equal neighbours may or may not be one vma. */
static struct {
	bool mapped;
	u32 prot, flags;
} model[PAGES];
static struct mm mm;
static u64 state, live, local;
static bool no_memory;

static u64 rnd(u64 below)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % below;
}

void *kmem_alloc(u32 size)
{
	if (no_memory)
		return NULL;
	live++;
	return calloc(1, size);
}

void kmem_free(void *ptr, u32 size)
{
	live--;
	free(ptr);
}

void mm_local_count(u64 change)
{
	local += change;
}

static u64 va_of(u64 page)
{
	return BASE + page * PAGE_SIZE;
}

static bool alike(u64 a, u64 b)
{
	return model[a].prot == model[b].prot && model[a].flags == model[b].flags;
}

/* Depth of the tree under v, which lies within (lo, hi) and has no larger priority than its
 * parent. */
static u32 check_tree(const struct vma *v, u64 lo, u64 hi, u32 priority, u64 *count)
{
	if (!v)
		return 0;
	MUST(v->start >= lo && v->end <= hi && v->start < v->end && v->priority <= priority);
	++*count;
	u32 left = check_tree(v->left, lo, v->start, v->priority, count);
	u32 right = check_tree(v->right, v->end, hi, v->priority, count);

	return 1 + MAX(left, right);
}

static void check_list(u64 count)
{
	const struct vma *prev = NULL;
	u64 mapped = 0, data = 0, here = 0;

	for (const struct vma *v = mm.first; v; prev = v, v = v->next, count--) {
		MUST(v->prev == prev && (!prev || prev->end <= v->start));
		mapped += v->flags & VMA_ROOM ? 0 : v->end - v->start;
		data += vma_is_data(v->prot, v->flags) ? v->end - v->start : 0;
		here += v->flags & VMA_LOCAL ? v->end - v->start : 0;
		for (u64 va = v->start; va < v->end; va += PAGE_SIZE) {
			u64 page = (va - BASE) / PAGE_SIZE;

			MUST(page < PAGES && model[page].mapped);
			MUST(model[page].prot == v->prot && model[page].flags == v->flags);
		}
	}
	MUST(mm.last == prev && count == 0);
	MUST(mm.mapped == mapped && mm.data == data && local == here);
}

static void check(void)
{
	u64 count = 0;
	u32 depth = check_tree(mm.tree, 0, ~0ULL, ~0U, &count);

	MUST(count == live && depth <= 48);
	check_list(count);
	for (u64 page = 0; page < PAGES; page++) {
		const struct vma *v = vma_find(&mm, va_of(page) + rnd(PAGE_SIZE));
		const struct vma *above = vma_find_above(&mm, va_of(page));
		u64 next = page;

		MUST(!v == !model[page].mapped);
		while (next < PAGES && !model[next].mapped)
			next++;
		MUST(!above == (next == PAGES));
		MUST(!above || (v ? above == v : above->start == va_of(next)));
	}
}

static void add(void)
{
	u64 first = rnd(PAGES), n = 0, want = 1 + rnd(20);
	static const u32 kinds[] = {0, VMA_TOUCH, VMA_ROOM, VMA_SHARED, VMA_LOCAL};
	u32 prot = (u32)rnd(3), flags = kinds[rnd(ARRAY_SIZE(kinds))];

	while (n < want && first + n < PAGES && !model[first + n].mapped)
		n++;
	if (!n)
		return;
	s64 ret = vma_add(&mm, va_of(first), va_of(first + n), prot, flags);

	MUST(ret == 0 || (no_memory && ret == -ENOMEM));
	for (u64 i = first; !ret && i < first + n; i++) {
		model[i].mapped = true;
		model[i].prot = prot;
		model[i].flags = flags;
	}
	/* Equal neighbours have become one. */
	if (!ret && first && model[first - 1].mapped && alike(first - 1, first))
		MUST(vma_find(&mm, va_of(first)) == vma_find(&mm, va_of(first - 1)));
}

static void split(void)
{
	u64 page = rnd(PAGES);
	s64 ret = vma_split(&mm, va_of(page));
	const struct vma *v = vma_find(&mm, va_of(page));

	MUST(ret == 0 || (no_memory && ret == -ENOMEM));
	MUST(ret || !v || v->start == va_of(page));
}

static void cut(void)
{
	u64 first = rnd(PAGES), most = first + 1 + rnd(20), end = MIN(most, (u64)PAGES);
	s64 ret = vma_hole(&mm, va_of(first), va_of(end));

	MUST(ret == 0 || (no_memory && ret == -ENOMEM));
	if (ret)
		return;
	vma_cut(&mm, va_of(first), va_of(end));
	for (u64 page = first; page < end; page++)
		model[page].mapped = false;
}

static void take_out(void)
{
	struct vma *v = vma_find_above(&mm, va_of(rnd(PAGES)));

	if (!v)
		return;
	for (u64 va = v->start; va < v->end; va += PAGE_SIZE)
		model[(va - BASE) / PAGE_SIZE].mapped = false;
	vma_remove(&mm, v);
}

static void change(void)
{
	struct vma *v = vma_find_above(&mm, va_of(rnd(PAGES)));
	u32 prot = (u32)rnd(3), flags = rnd(2) ? VMA_ROOM : 0;

	if (!v)
		return;
	vma_change(&mm, v, prot, flags);
	for (u64 page = (v->start - BASE) / PAGE_SIZE; va_of(page) < v->end; page++) {
		model[page].prot = prot;
		model[page].flags = flags;
	}
}

static bool joins(const struct vma *a, const struct vma *b)
{
	return a && b && a->end == b->start && a->prot == b->prot && a->flags == b->flags;
}

/* With its two neighbours, not with theirs. */
static void merge(void)
{
	struct vma *v = vma_find_above(&mm, va_of(rnd(PAGES)));

	if (!v)
		return;
	u64 start = joins(v->prev, v) ? v->prev->start : v->start;
	u64 end = joins(v, v->next) ? v->next->end : v->end;

	v = vma_merge(&mm, v);
	MUST(v->start == start && v->end == end);
}

int main(int argc, char **argv)
{
	u64 steps = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000;

	state = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	for (u64 i = 0; i < steps; i++) {
		static void (*const calls[])(void) = {
			add, add, add, split, split, cut, cut, take_out, merge, change};

		no_memory = rnd(8) == 0;
		calls[rnd(ARRAY_SIZE(calls))]();
		check();
	}
	while (mm.first)
		vma_remove(&mm, mm.first);
	MUST(!mm.tree && !mm.last && !live && !mm.mapped && !mm.data);
	return 0;
}
