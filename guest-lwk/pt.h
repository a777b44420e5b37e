/* SPDX-License-Identifier: MIT */
/*
 * Page tables of programs. The unit is the granule, 2 MiB of program space: it has a block or
 * it has not. Its PD entry is 0 (no block), a large leaf (whole granule alike) or a table over
 * the same block.
 *
 * Entries keep the block's address when they are not present: bit POPULATED says that the page
 * belongs to a vma (with PROT_NONE it is not present). Entry 0 of a table always carries the
 * address. Caller holds mm.lock throughout.
 */
#ifndef LWK_PT_H
#define LWK_PT_H

#include "guest-lwk/core.h"
#include "guest-lwk/mm.h"

#define PTE_PRESENT   0x001ULL
#define PTE_WRITE     0x002ULL
#define PTE_USER      0x004ULL
#define PTE_ACCESSED  0x020ULL
#define PTE_DIRTY     0x040ULL
#define PTE_LARGE     ABI_PTE_LARGE
#define PTE_POPULATED ABI_PTE_POPULATED
#define PTE_WINDOW                                                                             \
	0x400ULL /* software bit: of the window (pt_window.h), also in a table's entry */
#define PTE_NX   (1ULL << 63)
#define PTE_ADDR 0x000ffffffffff000ULL

/* Remembers the kernel's half; the boot tables are what is loaded now. */
u64 pt_root_create(void); /* gpa, 0: no memory */
void pt_root_destroy(struct mm *mm);

/* The granule's PD entry. With create, tables are made on the way (NULL: no memory). */
u64 *pt_granule_walk(struct mm *mm, u64 va, bool create);
static inline u64 *pt_granule(struct mm *mm, u64 va, bool create)
{
	const struct pd_seen *seen = &mm->pds[va >> 40 & (MM_PDS - 1)];

	/* A table of granules stays until the address space goes. */
	if (likely(seen->gib == (va >> 30) + 1))
		return &seen->pd[va >> 21 & 511];
	return pt_granule_walk(mm, va, create);
}

/* True if the program can use [va, va + len), of a page or a few, as it stands: all is there,
 * and may be written with `write`. */
bool pt_usable(struct mm *mm, u64 va, u64 len, bool write);
/* True if no granule of the GiB that contains va has a block (so it may become one whole
 * block). */
bool pt_gib_empty(struct mm *mm, u64 va);

/* The granule holds pages of the window, not RAM: only pt_window.h may look for its block. */
static inline bool pt_is_window(u64 entry)
{
	return entry & PTE_WINDOW;
}

static inline bool pt_is_large(u64 entry)
{
	return entry & PTE_LARGE;
}

/* The granule's block, 0: none. */
u64 pt_block(u64 entry);
/*
 * Populates [start, end) of the granule over its block, or over `block` if it has none; what is
 * populated already stays. A whole granule counts as untouched where mm->watch. -ENOMEM.
 */
s64 pt_populate(struct mm *mm, u64 *entry, u64 block, u64 start, u64 end, u32 prot);
/* Makes va a boundary of entries: a large leaf across it becomes a table. -ENOMEM. */
s64 pt_split(struct mm *mm, u64 va);
/* What a PD entry says of a table; what a leaf says of a page with this protection. */
u64 pt_table_entry(const u64 *table);
u64 pt_leaf_flags(u32 prot);
/* Changes the protection of what is populated in [start, end), which pt_split() has made
 * boundaries. */
void pt_protect(u64 *entry, u64 start, u64 end, u32 prot);
/* First half of an unmapping: entries of [start, end), which are boundaries, lose PRESENT,
 * nothing else. */
void pt_hide(u64 *entry, u64 start, u64 end);
/*
 * Second half, after the TLBs are clean: entries of [start, end) lose POPULATED. [*lo, *hi)
 * becomes the hull of what had been populated, to be zeroed.
 */
void pt_depopulate(u64 *entry, u64 start, u64 end, u64 *lo, u64 *hi);
/* Takes the block out of the granule, whose pages are all depopulated or to be forgotten. */
void pt_forget(struct mm *mm, u64 *entry);
/* Frees tables that were in use: every core has flushed, or left, since they were taken out. */
void pt_retired_free(struct mm *mm);
/* Where va is, as the processor would find it (with write: writable); 0: not present so. */
u64 pt_gpa(u64 entry, u64 va, bool write);
/* A table over the block: is any page of it populated? */
bool pt_any_populated(u64 entry);
/*
 * Whether a whole granule was touched since it was populated, where mm->watch says that this is
 * looked at: the ACCESSED bit of its large leaf, which the processor sets, or we do for what
 * the host will use. A granule with a table counts as touched.
 */
static inline void pt_mark_touched(u64 *entry)
{
	if (pt_is_large(*entry))
		__atomic_or_fetch(entry, PTE_ACCESSED, __ATOMIC_RELAXED);
}

/* If the granule was not touched it loses PRESENT: nobody has used it, nor will. */
static inline bool pt_hide_untouched(u64 *entry)
{
	u64 old = READ_ONCE(*entry);

	/* The processor sets ACCESSED, in a present entry only, before it uses or keeps it. */
	return (old & (PTE_LARGE | PTE_PRESENT | PTE_ACCESSED)) == (PTE_LARGE | PTE_PRESENT) &&
	       __atomic_compare_exchange_n(entry, &old, old & ~PTE_PRESENT, false,
		       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* True if all of [start, end) of the granule is populated. */
bool pt_all_populated(u64 entry, u64 start, u64 end);
/* Maps one page that is no block's (the vDSO), read-only. -ENOMEM. */
s64 pt_map_foreign(struct mm *mm, u64 va, u64 gpa, u32 prot);

/*
 * After entries were taken away: no core uses the old ones when this returns. mm.lock is held.
 */
void mm_flush(struct mm *mm);
/* This core, on its way to the program or to a program's memory: flush if mm_flush() asks for
 * it. */
void mm_flush_self(struct core *core);

#endif
