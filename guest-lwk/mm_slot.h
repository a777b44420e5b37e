/* SPDX-License-Identifier: MIT */
/*
 * Where the host's pages are 1 GiB a proxy maps whole ones only, so a 1 GiB block goes to one
 * process, under one GiB of its addresses; requests are packed into it. Caller holds mm.lock.
 */
#ifndef LWK_MM_SLOT_H
#define LWK_MM_SLOT_H

#include "guest-lwk/mm.h"
#include "guest-lwk/pmem.h"

struct gib_slot *mm_slot_find(struct mm *mm, u64 va);
/* Gives va's GiB a block if it has no tables yet and there is one. NULL: it stays in 2 MiB
 * granules. */
struct gib_slot *mm_slot_create(struct process *proc, u64 va, const struct placement *place);
/* Takes the block back; no vma is left in it and its granules are forgotten. */
void mm_slot_free(struct process *proc, struct gib_slot *slot);

/* mm_va.c: an address for len bytes of what was asked for with vma_flags, 0: none. */
u64 mm_pick(struct mm *mm, u64 len, u32 vma_flags);
/* The same for the window: whole granules, congruent to off; 0: none. */
u64 mm_pick_window(struct mm *mm, u64 len, u64 off);
/* May so much more be local (VMA_LOCAL)? */
bool mm_local_fits(const struct mm *mm, u64 len);
/* Bytes of local vmas come, or go (negative). */
void mm_local_count(u64 change);
/* What a vma's flags were when it was asked for. */
u32 mm_flags_asked(const struct mm *mm, const struct vma *vma);
/* A hole has come to be. */
void mm_pick_freed(struct mm *mm, u64 end);
/* In the area of requests of 2 MiB and more, where GiB slots are made. */
bool mm_in_large_area(u64 va);

#endif
