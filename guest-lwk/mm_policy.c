/* SPDX-License-Identifier: MIT */
/*
 * Policies of ranges, and where pages are. Blocks that are committed do not move: a host thread
 * may work on them by a call of the program's, and futexes are known by their place. But what
 * was committed in advance (mmap under --commit request) and was never touched has been seen by
 * nobody: it is given back and committed anew, so that mmap, mbind, touch places by the policy
 * in both commit modes. Where the host's pages are 1 GiB the first commit in a GiB decides.
 */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/mempolicy.h"
#include "guest-lwk/mm_parts.h"
#include "guest-lwk/process.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/vma.h"

static bool all_mapped(struct mm *mm, u64 start, u64 end)
{
	for (u64 at = start; at < end;) {
		struct vma *vma = vma_find(mm, at);

		if (!vma || vma->flags & VMA_FIXED_KERNEL)
			return false;
		at = vma->end;
	}
	return true;
}

/* Pages of [start, end) in one granule that are committed on one of the nodes. */
static u64 granule_pages(u64 entry, u64 start, u64 end, u64 set)
{
	u64 n = 0;

	if (!entry || pt_is_window(entry) || !(set >> pmem_node(pt_block(entry)) & 1))
		return 0;
	if (pt_is_large(entry))
		return (end - start) / PAGE_SIZE;
	for (u64 at = start; at < end; at += PAGE_SIZE)
		n += pt_all_populated(entry, at, at + PAGE_SIZE);
	return n;
}

static u64 pages_on(struct mm *mm, u64 start, u64 end, u64 set)
{
	u64 n = 0;

	for (struct vma *vma = vma_find_above(mm, start); vma && vma->start < end;
		vma = vma->next) {
		u64 lo = MAX(vma->start, start), hi = MIN(vma->end, end);

		if (vma->flags & VMA_FIXED_KERNEL)
			continue;
		for (u64 g = ALIGN_DOWN(lo, BLOCK_SIZE); g < hi; g += BLOCK_SIZE) {
			u64 *entry = pt_granule(mm, g, false);

			if (!entry)
				g = ALIGN_DOWN(g, GIB_SIZE) + GIB_SIZE - BLOCK_SIZE;
			else
				n += granule_pages(
					*entry, MAX(g, lo), MIN(g + BLOCK_SIZE, hi), set);
		}
	}
	return n;
}

u64 mm_pages_on(struct mm *mm, u64 set)
{
	return pages_on(mm, 0, ABI_USER_END, set);
}

static void policy_write(struct mm *mm, u64 start, u64 end, u32 number)
{
	for (struct vma *vma = vma_find(mm, start); vma && vma->start < end; vma = vma->next)
		vma->flags = (vma->flags & ~VMA_POLICY(~0U)) | VMA_POLICY(number);
}

static void merge_range(struct mm *mm, u64 start, u64 end)
{
	for (struct vma *vma = vma_find(mm, start); vma && vma->start <= end; vma = vma->next)
		vma = vma_merge(mm, vma);
}

/* GiB by GiB, as the log has room: so what is mapped may have changed when it is done. */
static void release_parts(struct process *proc, u64 start, u64 end)
{
	for (u64 at = start, stop; at < end; at = stop) {
		stop = MIN(end, ALIGN_DOWN(at, MM_PART) + MM_PART);
		if (end - start > MM_SMALL && !mm_room(proc))
			return;
		mm_untouched_release(proc, at, stop);
	}
}

s64 mm_set_policy(
	struct process *proc, u64 start, u64 end, const struct mempolicy *policy, u32 how)
{
	struct mm *mm = proc->mm;
	bool misplaced = false;

	if (!all_mapped(mm, start, end))
		return -EFAULT;
	if (mm->watch) {
		release_parts(proc, start, end);
		if (!all_mapped(mm, start, end))
			return -EFAULT;
	}
	s64 number = mempolicy_number(mm, policy);

	if (number < 0 || vma_split(mm, start) || vma_split(mm, end))
		return -ENOMEM;
	if (how & MPOL_MF_STRICT && policy->mode != MPOL_DEFAULT)
		misplaced = pages_on(mm, start, end, nodes.memory & ~policy->asked);
	if (!misplaced || how & (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		policy_write(mm, start, end, (u32)number);
	/* What finds no memory on these nodes now is committed, or not, at its first touch. */
	if (mm->watch)
		mm_commit_asked(proc, start, end);
	merge_range(mm, start, end);
	return misplaced ? -EIO : 0;
}

/* One vma's policy with another home; its neighbours are merged afterwards. */
static s64 home_write(struct process *proc, struct vma *vma, u32 home)
{
	struct mempolicy policy = *mempolicy_of(proc->mm, vma);

	if (policy.mode != MPOL_BIND && policy.mode != MPOL_PREFERRED_MANY)
		return -EOPNOTSUPP;
	policy.home = home;

	s64 number = mempolicy_number(proc->mm, &policy);

	if (number < 0)
		return number;
	vma->flags = (vma->flags & ~VMA_POLICY(~0U)) | VMA_POLICY(number);
	return 0;
}

s64 mm_set_home(struct process *proc, u64 start, u64 end, u32 home)
{
	struct mm *mm = proc->mm;
	s64 ret = -ENOENT;

	if (vma_split(mm, start) || vma_split(mm, end))
		return -ENOMEM;
	for (struct vma *vma = vma_find_above(mm, start); vma && vma->start < end;
		vma = vma->next) {
		if (!mempolicy_of(mm, vma))
			continue;
		ret = home_write(proc, vma, home);
		if (ret)
			break;
	}
	if (mm->watch && !ret) {
		release_parts(proc, start, end);
		mm_commit_asked(proc, start, end);
	}
	struct vma *first = vma_find_above(mm, start);

	if (first)
		merge_range(mm, first->start, end);
	return ret;
}

/* Around va all pages have the same answer, but where a table says more of them. */
struct span {
	u64 lo, len;
	const u64 *table; /* the granule's entry, if that is a table; or NULL */
	s32 node;
};

static struct span span_of(struct mm *mm, u64 va)
{
	const struct vma *vma = va < ABI_USER_END ? vma_find(mm, va) : NULL;
	u64 granule = ALIGN_DOWN(va, BLOCK_SIZE);

	if (!vma || vma->flags & VMA_FIXED_KERNEL)
		return (struct span){.lo = va, .len = 1, .node = -EFAULT};

	const u64 *entry = pt_granule(mm, va, false);
	struct span span = {.lo = MAX(vma->start, granule), .node = -ENOENT};

	span.len = MIN(vma->end, granule + BLOCK_SIZE) - span.lo;
	/* Pages of the window are the host's to place. */
	if (entry && *entry && !pt_is_window(*entry)) {
		span.node = (s32)pmem_node(pt_block(*entry));
		span.table = pt_is_large(*entry) ? NULL : entry;
	}
	return span;
}

/* Programs ask for thousands of pages in a row, and ring 0 may be emulated: the inner loops are
 * short. */
void mm_where(struct mm *mm, const u64 *page, s32 *node, u32 n)
{
	for (u32 i = 0; i < n;) {
		struct span span = span_of(mm, page[i]);

		if (!span.table)
			for (; i < n && page[i] - span.lo < span.len; i++)
				node[i] = span.node;
		for (; span.table && i < n && page[i] - span.lo < span.len; i++) {
			u64 va = ALIGN_DOWN(page[i], PAGE_SIZE);

			node[i] = pt_all_populated(*span.table, va, va + PAGE_SIZE) ? span.node
										    : -ENOENT;
		}
	}
}
