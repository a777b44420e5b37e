/* SPDX-License-Identifier: MIT */
#include "guest-lwk/pt.h"
#include "guest-lwk/core.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/process.h"
#include "guest-lwk/pt_range.h"
#include "guest-lwk/pt_window.h"

#define ENTRIES 512

static u64 *table_below(u64 *entry, bool create)
{
	if (!*entry) {
		u64 *table = create ? kpage_alloc() : NULL;

		if (!table)
			return NULL;
		*entry = ptr_to_gpa(table) | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
	}
	return gpa_to_ptr(*entry & PTE_ADDR);
}

/* The same of an upper table, and it is noted for pt_root_destroy(). */
static u64 *upper_below(struct mm *mm, u64 *entry, bool create)
{
	bool fresh = !*entry;
	u64 *table = table_below(entry, create);

	if (!table || !fresh)
		return table;
	if (mm->nupper < MM_UPPER)
		mm->upper[mm->nupper] = table;
	mm->nupper++;
	return table;
}

u64 *pt_granule_walk(struct mm *mm, u64 va, bool create)
{
	u64 *table = gpa_to_ptr(mm->root);

	table = upper_below(mm, &table[va >> 39 & 511], create);
	if (table)
		table = upper_below(mm, &table[va >> 30 & 511], create);
	if (!table)
		return NULL;
	mm->pds[va >> 40 & (MM_PDS - 1)] = (struct pd_seen){.gib = (va >> 30) + 1, .pd = table};
	return &table[va >> 21 & 511];
}

bool pt_gib_empty(struct mm *mm, u64 va)
{
	u64 *table = gpa_to_ptr(mm->root);

	table = table_below(&table[va >> 39 & 511], false);
	if (table)
		table = table_below(&table[va >> 30 & 511], false);
	/* Tables stay when their granules go (mm_unmap). */
	for (u32 i = 0; table && i < ENTRIES; i++)
		if (table[i])
			return false;
	return true;
}

u64 pt_leaf_flags(u32 prot)
{
	u64 flags = PTE_POPULATED;

	if (prot)
		flags |= PTE_PRESENT | PTE_USER | PTE_ACCESSED;
	if (prot & 2)
		flags |= PTE_WRITE | PTE_DIRTY;
	if (!(prot & 4))
		flags |= PTE_NX;
	return flags;
}

static u64 *granule_table(u64 entry)
{
	return entry && !(entry & PTE_LARGE) ? gpa_to_ptr(entry & PTE_ADDR) : NULL;
}

u64 pt_block(u64 entry)
{
	u64 *table = granule_table(entry);

	return (table ? table[0] : entry) & PTE_ADDR & ~(BLOCK_SIZE - 1);
}

static bool whole(u64 start, u64 end)
{
	return !(start & (BLOCK_SIZE - 1)) && end - start == BLOCK_SIZE;
}

static u32 page_index(u64 va)
{
	return va >> 12 & 511;
}

u64 pt_table_entry(const u64 *table)
{
	return ptr_to_gpa(table) | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
}

/*
 * A table that was in use. Caches of upper entries may lead other cores to it until they flush,
 * so it must hold nothing present and be nothing else meanwhile: pt_retired_free(). The link's
 * low bits are 0: not present.
 */
static void table_retire(struct mm *mm, u64 *table)
{
	pmem_zero(ptr_to_gpa(table), PAGE_SIZE);
	table[0] = (u64)mm->retired;
	mm->retired = table;
}

void pt_retired_free(struct mm *mm)
{
	u64 *table;

	while ((table = mm->retired)) {
		mm->retired = (u64 *)table[0];
		table[0] = 0;
		kpage_free(table);
	}
}

s64 pt_split(struct mm *mm, u64 va)
{
	u64 *entry = va & (BLOCK_SIZE - 1) ? pt_granule(mm, va, false) : NULL;

	if (!entry || !(*entry & PTE_LARGE))
		return 0;
	u64 *table = kpage_alloc(), leaf = *entry & ~PTE_LARGE;

	if (!table)
		return -ENOMEM;
	pt_range_fill(table, ENTRIES, leaf);
	/* The entries say the same as the leaf did, so stale TLB entries of the leaf do no
	 * harm. */
	*entry = pt_table_entry(table) | (*entry & PTE_WINDOW);
	return 0;
}

bool pt_any_populated(u64 entry)
{
	return pt_range_any(granule_table(entry), ENTRIES);
}

s64 pt_populate(struct mm *mm, u64 *entry, u64 block, u64 start, u64 end, u32 prot)
{
	u64 flags = pt_leaf_flags(prot);
	u64 large = PTE_LARGE | (mm->watch ? flags & ~PTE_ACCESSED : flags);

	if (!*entry && whole(start, end)) {
		*entry = block | large;
		return 0;
	}
	if (*entry & PTE_LARGE)
		return 0;
	u64 *table = granule_table(*entry);

	if (table) {
		block = pt_block(*entry);
		if (whole(start, end) &&
			!pt_any_populated(*entry)) { /* a warm granule (mm_unmap.c) */
			*entry = block | large;
			table_retire(mm, table);
			return 0;
		}
	} else {
		table = kpage_alloc();
		if (!table)
			return -ENOMEM;
		table[0] = block;
		*entry = pt_table_entry(table);
	}
	u32 i = page_index(start);

	pt_range_fill(
		&table[i], (u32)((end - start) / PAGE_SIZE), (block + i * PAGE_SIZE) | flags);
	return 0;
}

void pt_protect(u64 *entry, u64 start, u64 end, u32 prot)
{
	u64 flags = pt_leaf_flags(prot);

	if (pt_is_window(*entry)) {
		pt_window_protect(entry, start, end, prot);
		return;
	}
	if ((*entry & PTE_LARGE) && whole(start, end)) {
		*entry = (*entry & (PTE_ADDR | PTE_LARGE)) | flags;
		return;
	}
	u64 *table = granule_table(*entry);

	BUG_ON(!table);

	pt_range_protect(&table[page_index(start)], (u32)((end - start) / PAGE_SIZE), flags);
}

void pt_hide(u64 *entry, u64 start, u64 end)
{
	if ((*entry & PTE_LARGE) && whole(start, end)) {
		*entry &= ~PTE_PRESENT;
		return;
	}
	u64 *table = granule_table(*entry);

	BUG_ON(!table);

	pt_range_hide(&table[page_index(start)], (u32)((end - start) / PAGE_SIZE));
}

void pt_depopulate(u64 *entry, u64 start, u64 end, u64 *lo, u64 *hi)
{
	u64 *table = granule_table(*entry);
	u64 block = pt_block(*entry);

	*lo = *hi = 0;
	if (!table) { /* a hidden large leaf: whole */
		*lo = block;
		*hi = block + BLOCK_SIZE;
		return;
	}
	u32 i = page_index(start), first, behind;

	pt_range_clear(&table[i], (u32)((end - start) / PAGE_SIZE), &first, &behind);
	if (!i)
		table[0] = block;
	if (!behind)
		return;
	*lo = block + (i + first) * PAGE_SIZE;
	*hi = block + (i + behind) * PAGE_SIZE;
}

void pt_forget(struct mm *mm, u64 *entry)
{
	u64 *table = granule_table(*entry);

	*entry = 0;
	if (table)
		table_retire(mm, table);
}

u64 pt_gpa(u64 entry, u64 va, bool write)
{
	u64 *table = granule_table(entry);
	u64 leaf = table ? table[page_index(va)] : entry;
	u64 want = PTE_PRESENT | (write ? PTE_WRITE : 0);

	if ((leaf & want) != want)
		return 0;
	return table ? (leaf & PTE_ADDR) + (va & (PAGE_SIZE - 1))
		     : pt_block(entry) + (va & (BLOCK_SIZE - 1));
}

bool pt_all_populated(u64 entry, u64 start, u64 end)
{
	u64 *table = granule_table(entry);

	if (!table)
		return entry & PTE_POPULATED;
	return pt_range_populated(&table[page_index(start)], (u32)((end - start) / PAGE_SIZE));
}

#define FEW_PAGES 4

bool pt_usable(struct mm *mm, u64 va, u64 len, bool write)
{
	u64 missing = 0, last = va + len - 1, pages = (last >> 12) - (va >> 12);
	const u64 *granule = pt_granule(mm, va, false), *leaf;
	u64 entry = granule ? *granule : 0;

	if (!entry || (va ^ last) >> 21)
		return false;
	if (pt_is_large(entry)) {
		missing = ~entry;
	} else {
		if (pages >= FEW_PAGES)
			return false;
		leaf = (const u64 *)gpa_to_ptr(entry & PTE_ADDR) + page_index(va);
		do
			missing |= ~*leaf++;
		while (pages--);
	}
	return !(missing & (PTE_PRESENT | (write ? PTE_WRITE : 0)));
}

s64 pt_map_foreign(struct mm *mm, u64 va, u64 gpa, u32 prot)
{
	u64 *entry = pt_granule(mm, va, true);

	if (!entry)
		return -ENOMEM;
	u64 *table = table_below(entry, true);

	if (!table)
		return -ENOMEM;
	table[page_index(va)] = gpa | pt_leaf_flags(prot);
	return 0;
}
