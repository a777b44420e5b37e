/* SPDX-License-Identifier: MIT */
#include "guest-lwk/vma.h"
#include "guest-lwk/core.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/pmem.h"

/* The vma that was found last, the gaps beside it, and its neighbours: true if va is there. */
static inline bool find_near(const struct mm *mm, u64 va, struct vma **found)
{
	struct vma *v = mm->seen, *other;

	if (!v)
		return false;
	if (va < v->start) {
		other = v->prev;
		*found = !other || other->end <= va ? v : other;
		return *found == v || other->start <= va;
	}
	other = v->next;
	*found = va < v->end ? v : other;
	return *found == v || !other || va < other->end;
}

struct vma *vma_find_above(struct mm *mm, u64 va)
{
	struct vma *v, *best = NULL;

	if (find_near(mm, va, &v))
		return v;
	v = mm->tree;
	while (v) {
		if (v->end > va) {
			best = v;
			if (v->start <= va) {
				mm->seen = v;
				break;
			}
			v = v->left;
		} else {
			v = v->right;
		}
	}
	return best;
}

struct vma *vma_find(struct mm *mm, u64 va)
{
	struct vma *v = vma_find_above(mm, va);

	return v && v->start <= va ? v : NULL;
}

/* Tree before key, tree from key on. */
static void treap_split(struct vma *t, u64 key, struct vma **lo, struct vma **hi)
{
	while (t) {
		if (t->start < key) {
			*lo = t;
			lo = &t->right;
			t = t->right;
		} else {
			*hi = t;
			hi = &t->left;
			t = t->left;
		}
	}
	*lo = *hi = NULL;
}

static struct vma *treap_join(struct vma *lo, struct vma *hi)
{
	struct vma *root = NULL, **at = &root;

	while (lo && hi) {
		if (lo->priority > hi->priority) {
			*at = lo;
			at = &lo->right;
			lo = lo->right;
		} else {
			*at = hi;
			at = &hi->left;
			hi = hi->left;
		}
	}
	*at = lo ? lo : hi;
	return root;
}

static void treap_insert(struct mm *mm, struct vma *vma)
{
	struct vma **at = &mm->tree;

	while (*at && (*at)->priority >= vma->priority)
		at = vma->start < (*at)->start ? &(*at)->left : &(*at)->right;
	treap_split(*at, vma->start, &vma->left, &vma->right);
	*at = vma;
}

static void treap_erase(struct mm *mm, struct vma *vma)
{
	struct vma **at = &mm->tree;

	while (*at != vma)
		at = vma->start < (*at)->start ? &(*at)->left : &(*at)->right;
	*at = treap_join(vma->left, vma->right);
}

/* xorshift: the balance of the tree needs no better. */
static u32 priority_next(void)
{
	static u32 state = 2463534242U;
	u32 x = READ_ONCE(state);

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	WRITE_ONCE(state, x);
	return x;
}

static struct vma *insert_new(struct mm *mm, u64 start, u64 end, u32 prot, u32 flags)
{
	struct vma *vma = kmem_alloc(sizeof(*vma));

	if (!vma)
		return NULL;
	vma->start = start;
	vma->end = end;
	vma->prot = prot;
	vma->flags = flags;
	vma->priority = priority_next();

	struct vma *next = vma_find_above(mm, start);

	vma->next = next;
	if (next) {
		vma->prev = next->prev;
		next->prev = vma;
	} else {
		vma->prev = mm->last;
		mm->last = vma;
	}
	if (vma->prev)
		vma->prev->next = vma;
	else
		mm->first = vma;
	treap_insert(mm, vma);
	mm->seen = vma; /* the next questions are about it */
	return vma;
}

/* What mm->mapped and mm->data say, and how much is local: bytes come, or go. */
static void count(struct mm *mm, u64 bytes, u32 prot, u32 flags, bool come)
{
	u64 change = come ? bytes : -bytes;

	if (!(flags & VMA_ROOM))
		mm->mapped += change;
	if (vma_is_data(prot, flags))
		mm->data += change;
	if (flags & VMA_LOCAL)
		mm_local_count(change);
}

void vma_change(struct mm *mm, struct vma *vma, u32 prot, u32 flags)
{
	u64 len = vma->end - vma->start;

	count(mm, len, vma->prot, vma->flags, false);
	count(mm, len, prot, flags, true);
	vma->prot = prot;
	vma->flags = flags;
}

static void take_out(struct mm *mm, struct vma *vma)
{
	if (mm->seen == vma)
		mm->seen = NULL;
	treap_erase(mm, vma);
	if (vma->prev)
		vma->prev->next = vma->next;
	else
		mm->first = vma->next;
	if (vma->next)
		vma->next->prev = vma->prev;
	else
		mm->last = vma->prev;
	kmem_free(vma, sizeof(*vma));
}

void vma_remove(struct mm *mm, struct vma *vma)
{
	count(mm, vma->end - vma->start, vma->prot, vma->flags, false);
	take_out(mm, vma);
}

s64 vma_hole(struct mm *mm, u64 start, u64 end)
{
	const struct vma *vma = vma_find(mm, start);

	return vma && vma->start < start && vma->end > end ? vma_split(mm, end) : 0;
}

void vma_cut(struct mm *mm, u64 start, u64 end)
{
	struct vma *next;

	for (struct vma *vma = vma_find_above(mm, start); vma && vma->start < end; vma = next) {
		u64 lo = MAX(start, vma->start), hi = MIN(end, vma->end);

		next = vma->next;
		if (lo == vma->start && hi == vma->end) {
			vma_remove(mm, vma);
			continue;
		}
		/* One end of it stays, and with that its place in the tree. */
		count(mm, hi - lo, vma->prot, vma->flags, false);
		if (lo == vma->start)
			vma->start = hi;
		else
			vma->end = lo;
	}
}

static bool alike(const struct vma *a, const struct vma *b)
{
	return !(a->flags & VMA_PENDING) && a->end == b->start && a->prot == b->prot &&
	       a->flags == b->flags && a->mapping == b->mapping;
}

/* Does [start, end), next to vma, of no mapping of its own, become part of it? */
static bool extends(const struct vma *vma, u32 prot, u32 flags)
{
	return vma->prot == prot && vma->flags == flags && !vma->mapping &&
	       !(flags & VMA_PENDING);
}

struct vma *vma_merge(struct mm *mm, struct vma *vma)
{
	struct vma *other = vma->next;

	if (other && alike(vma, other)) {
		u64 end = other->end;

		take_out(mm, other);
		vma->end = end;
	}
	other = vma->prev;
	if (other && alike(other, vma)) {
		u64 end = vma->end;

		take_out(mm, vma);
		other->end = end;
		return other;
	}
	return vma;
}

s64 vma_add(struct mm *mm, u64 start, u64 end, u32 prot, u32 flags)
{
	struct vma *next = vma_find_above(mm, start), *prev = next ? next->prev : mm->last;

	/* Growing a neighbour needs no memory and no tree work: the common cases of a heap, and
	 * of mappings that go down from one another. */
	if (prev && prev->end == start && extends(prev, prot, flags)) {
		prev->end = end;
		count(mm, end - start, prot, flags, true);
		mm->seen = vma_merge(mm, prev);
		return 0;
	}
	if (next && next->start == end && extends(next, prot, flags)) {
		next->start = start;
		count(mm, end - start, prot, flags, true);
		mm->seen = next;
		return 0;
	}
	struct vma *vma = insert_new(mm, start, end, prot, flags);

	if (!vma)
		return -ENOMEM;
	count(mm, end - start, prot, flags, true);
	vma_merge(mm, vma);
	return 0;
}

s64 vma_copy(struct mm *mm, const struct vma *of)
{
	u32 flags = of->flags & ~(u32)VMA_PENDING;
	struct vma *vma = insert_new(mm, of->start, of->end, of->prot, flags);

	if (!vma)
		return -ENOMEM;
	vma->mapping = of->mapping;
	count(mm, vma->end - vma->start, vma->prot, flags, true);
	return 0;
}

s64 vma_split(struct mm *mm, u64 va)
{
	struct vma *vma = vma_find(mm, va);

	if (!vma || vma->start == va)
		return 0;
	u64 end = vma->end;

	vma->end = va;
	struct vma *rest = insert_new(mm, va, end, vma->prot, vma->flags);

	if (rest) {
		rest->mapping = vma->mapping;
		return 0;
	}
	vma->end = end;
	return -ENOMEM;
}
