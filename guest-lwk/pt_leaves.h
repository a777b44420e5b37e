/* SPDX-License-Identifier: MIT */
/*
 * Runs of granules that are wholly one vma's, each a large leaf over a block of its own, the
 * blocks side by side: nearly all memory of a program is so. Every run lies in one PD. As in
 * pt_range.h, the VMM writes what no processor can be using, and we what is present.
 */
#ifndef LWK_PT_LEAVES_H
#define LWK_PT_LEAVES_H

#include "guest-lwk/pt.h"

/* Granules from va's on, of at most n, that are in va's PD. */
static inline u64 pt_leaves_room(u64 va, u64 n)
{
	return MIN(n, 512 - (va >> 21 & 511));
}

/* How many of n granules from entry on have no block, up to the first that has one. */
u64 pt_leaves_empty(const u64 *entry, u64 n);
/* n empty granules get blocks from `block` on. They count as untouched if mm->watch, unless
 * `touched`. */
void pt_leaves_fill(const struct mm *mm, u64 *entry, u64 n, u64 block, u32 prot, bool touched);
/* How many of n granules from entry on are alike, over blocks side by side; 0: the first is no
 * large leaf over RAM. */
u64 pt_leaves_run(const u64 *entry, u64 n);
/* First half of an unmapping, of a run: PRESENT goes. Second half: the blocks go. */
void pt_leaves_hide(u64 *entry, u64 n);
void pt_leaves_forget(u64 *entry, u64 n);

#endif
