/* SPDX-License-Identifier: MIT */
#include "guest-lwk/pt_window.h"
#include "guest-lwk/pmem.h"

#define ENTRIES 512

static u64 *table_of(u64 entry)
{
	return gpa_to_ptr(entry & PTE_ADDR);
}

static u64 *page_entry(u64 entry, u64 va)
{
	return &table_of(entry)[va >> 12 & (ENTRIES - 1)];
}

s64 pt_window_begin(u64 *entry)
{
	u64 *table = kpage_alloc();

	if (!table)
		return -ENOMEM;
	*entry = pt_table_entry(table) | PTE_WINDOW;
	return 0;
}

static u64 leaf(u64 gpa, u32 prot, bool absent)
{
	u64 flags = pt_leaf_flags(prot) | PTE_WINDOW;

	return gpa | (absent ? (flags & ~PTE_PRESENT) | PTE_ABSENT : flags);
}

s64 pt_window_set(u64 *entry, u64 start, u64 end, u64 gpa, u64 absent, u32 prot)
{
	if (*entry && (!pt_is_window(*entry) || pt_is_large(*entry)))
		return -ENOMEM;
	if (!*entry && end - start == BLOCK_SIZE && !(gpa & (BLOCK_SIZE - 1)) &&
		absent >= end) {
		*entry = leaf(gpa, prot, false) | PTE_LARGE;
		return 0;
	}
	if (!*entry && pt_window_begin(entry))
		return -ENOMEM;
	for (u64 at = start; at < end; at += PAGE_SIZE, gpa += PAGE_SIZE)
		*page_entry(*entry, at) = leaf(gpa, prot, at >= absent);
	return 0;
}

void pt_window_protect(u64 *entry, u64 start, u64 end, u32 prot)
{
	if (pt_is_large(*entry)) {
		*entry = leaf(*entry & PTE_ADDR, prot, false) | PTE_LARGE;
		return;
	}
	for (u64 at = start; at < end; at += PAGE_SIZE) {
		u64 *e = page_entry(*entry, at);

		if (*e)
			*e = leaf(*e & PTE_ADDR, prot, *e & PTE_ABSENT);
	}
}

u64 pt_window_run(u64 entry, u64 va, u64 end)
{
	u64 at = va + PAGE_SIZE, gpa;

	if (!entry || pt_is_large(entry)) /* no entry: a large leaf, taken */
		return end - va;
	gpa = *page_entry(entry, va) & PTE_ADDR;
	while (at < end && (*page_entry(entry, at) & PTE_ADDR) == (gpa ? gpa + (at - va) : 0))
		at += PAGE_SIZE;
	return at - va;
}

u64 pt_window_take(u64 *entry, u64 va, u64 end, u64 *gpa)
{
	u64 len = pt_window_run(*entry, va, end);

	if (!*entry || pt_is_large(*entry)) {
		*gpa = *entry & PTE_ADDR;
		*entry = 0;
		return len;
	}
	*gpa = *page_entry(*entry, va) & PTE_ADDR;
	for (u64 at = va; at < va + len; at += PAGE_SIZE)
		*page_entry(*entry, at) = 0;
	return len;
}

u64 pt_window_copy(u64 *to, u64 entry, u64 va, u64 end, u64 *gpa)
{
	u64 at = va;

	/* Perhaps of several mappings, of which each counts its own part. */
	if (pt_is_large(entry)) {
		*gpa = pt_window_leaf(entry, va) & PTE_ADDR;
		*to = entry;
		return end - va;
	}
	if (!*to && pt_window_begin(to))
		return 0;
	*gpa = *page_entry(entry, va) & PTE_ADDR;
	do {
		*page_entry(*to, at) = *page_entry(entry, at);
		at += PAGE_SIZE;
	} while (at < end &&
		 (*page_entry(entry, at) & PTE_ADDR) == (*gpa ? *gpa + (at - va) : 0));
	return at - va;
}

u64 pt_window_leaf(u64 entry, u64 va)
{
	if (!entry)
		return 0;
	return pt_is_large(entry)
		       ? (entry & ~PTE_LARGE) + (va & (BLOCK_SIZE - 1) & ~(PAGE_SIZE - 1))
		       : *page_entry(entry, va);
}

void pt_window_arrived(u64 *entry, u64 va, u32 prot)
{
	u64 *e = page_entry(*entry, va);

	*e = leaf(*e & PTE_ADDR, prot, false);
}

s64 pt_window_gone(struct mm *mm, u64 *entry, u64 va, u64 gpa, u64 len)
{
	if (pt_is_large(*entry)) {
		u64 block = *entry & PTE_ADDR;

		if (block + BLOCK_SIZE <= gpa || block >= gpa + len)
			return 0;
		if (pt_split(mm, va + PAGE_SIZE))
			return -ENOMEM;
	}
	u64 *table = table_of(*entry);

	for (u32 i = 0; i < ENTRIES; i++)
		if (table[i] && (table[i] & PTE_ADDR) - gpa < len)
			table[i] = (table[i] & ~PTE_PRESENT) | PTE_ABSENT;
	return 0;
}
