/* SPDX-License-Identifier: MIT */
/* The set of vmas of one address space: a treap by address, threaded in order. Caller holds
 * mm.lock. */
#ifndef LWK_VMA_H
#define LWK_VMA_H

#include "guest-lwk/abi/share.h"
#include "guest-lwk/mm.h"

/* The vma that contains va, NULL: none. */
struct vma *vma_find(struct mm *mm, u64 va);
/* The first vma that ends above va (it contains va or lies above it). */
struct vma *vma_find_above(struct mm *mm, u64 va);
/* Adds [start, end), which must be unmapped; merges with equal neighbours. -ENOMEM. */
s64 vma_add(struct mm *mm, u64 start, u64 end, u32 prot, u32 flags);
/* Makes va a boundary: the vma across it is split. -ENOMEM. */
s64 vma_split(struct mm *mm, u64 va);
/* The same as a vma of another address space, but not pending. -ENOMEM. */
s64 vma_copy(struct mm *mm, const struct vma *of);
/* Gives one vma another protection and other flags. */
void vma_change(struct mm *mm, struct vma *vma, u32 prot, u32 flags);
/* As Linux counts for RLIMIT_DATA: private and writable, but for stacks. */
static inline bool vma_is_data(u32 prot, u32 flags)
{
	return prot & ABI_PROT_W &&
	       !(flags & (VMA_STACK | VMA_ROOM | VMA_SHARED | VMA_FIXED_KERNEL));
}
/*
 * Takes [start, end) away, whole vmas and ends of others. vma_hole() first: from the middle of
 * one it makes two, for which there may be no memory (-ENOMEM).
 */
s64 vma_hole(struct mm *mm, u64 start, u64 end);
void vma_cut(struct mm *mm, u64 start, u64 end);
/* Takes out and frees one vma. */
void vma_remove(struct mm *mm, struct vma *vma);
/* Merges vma with its neighbours where they are alike; returns the vma that is left of it. */
struct vma *vma_merge(struct mm *mm, struct vma *vma);

#endif
