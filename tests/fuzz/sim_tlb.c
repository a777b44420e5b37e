/* SPDX-License-Identifier: MIT */
/* The processor's way from a program's address to memory: page tables, and what each core keeps
 * of them. */
#include <stdlib.h>
#include <string.h>

#include "guest-lwk/pmem.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/pt.h"
#include "tests/fuzz/sim.h"

#define TLB_SIZE 512

struct tlb_entry {
	u64 page; /* va, 0: empty */
	u64 leaf; /* gpa of the page, PTE_WRITE, PTE_NX */
};

static struct {
	struct tlb_entry tlb[TLB_SIZE];
	u32 flushed; /* flushes of all cores, before and with its own last one */
} hw[SIM_CORES];

static u64 ram;
static u32 nflushes,
	*seen; /* by page of RAM: the last flush at which it was a granule's table */

void tlb_boot(u64 first, u64 size)
{
	ram = first;
	seen = calloc(size / PAGE_SIZE, sizeof(*seen));
}

/* A core may cache the way to any table that there is, whether its program goes there or not.
 */
static void tables_see(const u64 *table, int shift)
{
	for (u32 i = 0; i < (shift == 39 ? 256 : 512); i++) {
		if (!(table[i] & PTE_PRESENT) || table[i] & PTE_LARGE)
			continue;
		if (shift > 21)
			tables_see(gpa_to_ptr(table[i] & PTE_ADDR), shift - 9);
		else
			seen[((table[i] & PTE_ADDR) - ram) / PAGE_SIZE] = nflushes;
	}
}

void sim_table_check(u64 gpa)
{
	for (u32 i = 0; i < SIM_CORES; i++) {
		const struct core *core = &cores[i];
		bool flushes = !core->share->in_user && core->tlb_seen != sim_proc.mm->tlb_gen;

		if (core->mm && !flushes && seen[(gpa - ram) / PAGE_SIZE] >= hw[i].flushed)
			sim_fail("page table %lx is freed while core %u may have the way to it "
				 "in its caches",
				gpa, i);
	}
}

void tlb_flush(u32 core, u64 root)
{
	hw[core].flushed = ++nflushes;
	if (root)
		tables_see(gpa_to_ptr(root), 39);
	memset(hw[core].tlb, 0, sizeof(hw[core].tlb));
}

/* The leaf of va's 4 KiB page: its gpa with PTE_WRITE and PTE_NX; 0: not present. To use it is
 * to mark it. */
static u64 walk(u64 va, bool use)
{
	u64 *table = gpa_to_ptr(sim_proc.mm->root);

	for (int shift = 39; shift >= 12; shift -= 9) {
		u64 entry = table[va >> shift & 511];

		if (!(entry & PTE_PRESENT))
			return 0;
		if (!(entry & PTE_USER))
			sim_fail("va %lx: an entry without the user bit: %lx", va, entry);
		if (shift == 12 || (shift == 21 && entry & PTE_LARGE)) {
			u64 size = 1ULL << shift;

			if (use)
				table[va >> shift & 511] |= PTE_ACCESSED;
			if (shift == 12 && entry & PTE_LARGE)
				sim_fail("va %lx: PAT bit in a 4 KiB entry: %lx", va, entry);
			return (((entry & PTE_ADDR & ~(size - 1)) + (va & (size - 1))) &
				       PTE_ADDR) |
			       (entry & (PTE_WRITE | PTE_NX));
		}
		if (!(entry & PTE_WRITE) || entry & (PTE_NX | PTE_LARGE))
			sim_fail("va %lx: a table's entry is %lx", va, entry);
		table = gpa_to_ptr(entry & PTE_ADDR);
	}
	return 0;
}

static struct tlb_entry *tlb_slot(u32 core, u64 page)
{
	return &hw[core].tlb[page / PAGE_SIZE % TLB_SIZE];
}

static bool leaf_allows(u64 leaf, enum sim_kind kind)
{
	return leaf && (kind != SIM_WRITE || leaf & PTE_WRITE) &&
	       (kind != SIM_EXEC || !(leaf & PTE_NX));
}

static u64 lookup(u64 page, enum sim_kind kind)
{
	struct tlb_entry *slot = tlb_slot(this_core()->index, page);

	if (slot->page == page && leaf_allows(slot->leaf, kind))
		return slot->leaf;
	/* A fault removes the entry that it came by, as on hardware. */
	if (slot->page == page)
		slot->page = 0;
	u64 leaf = walk(page, true);

	if (leaf)
		*slot = (struct tlb_entry){page, leaf};
	return leaf_allows(leaf, kind) ? leaf : 0;
}

s64 sim_touch(u64 va, enum sim_kind kind, void **ptr, bool *faulted)
{
	u64 page = ALIGN_DOWN(va, PAGE_SIZE), leaf;

	*faulted = false;
	while (!(leaf = lookup(page, kind)) || window_refuses(leaf & PTE_ADDR)) {
		if (leaf)
			continue;
		if (*faulted)
			sim_fail(
				"va %lx: mm_fault() has made it good, and it faults again", va);
		*faulted = true;
		sim_enter();
		s64 ret = mm_fault(&sim_proc, va, kind == SIM_WRITE, kind == SIM_EXEC);

		if (ret == -EAGAIN)
			ret = mm_window_wait(&sim_proc, va);

		sim_leave();
		if (ret)
			return ret;
	}
	*ptr = (u8 *)gpa_to_ptr(leaf & PTE_ADDR) + (va - page);
	return 0;
}

void sim_tlb_check(void)
{
	for (u32 i = 0; i < SIM_CORES; i++) {
		if (!cores[i].share->in_user)
			continue;
		for (u32 n = 0; n < TLB_SIZE; n++) {
			const struct tlb_entry *t = &hw[i].tlb[n];

			if (!t->page)
				continue;
			u64 leaf = walk(t->page, false);
			u64 same = (leaf ^ t->leaf) & PTE_ADDR;
			bool more = !leaf || same || (t->leaf & ~leaf & PTE_WRITE) ||
				    (leaf & ~t->leaf & PTE_NX);

			if (more)
				sim_fail("core %u: TLB has %lx for va %lx, the tables %lx", i,
					t->leaf, t->page, leaf);
		}
	}
}

static bool any_entry(
	bool (*is)(const struct tlb_entry *, u64, u64, bool), u64 at, u64 len, bool writable)
{
	for (u32 i = 0; i < SIM_CORES; i++)
		for (u32 n = 0; n < TLB_SIZE && cores[i].share->in_user; n++)
			if (hw[i].tlb[n].page && is(&hw[i].tlb[n], at, len, writable))
				return true;
	return false;
}

static bool is_of_gpa(const struct tlb_entry *t, u64 gpa, u64 len, bool writable)
{
	return (t->leaf & PTE_ADDR) + PAGE_SIZE > gpa && (t->leaf & PTE_ADDR) < gpa + len &&
	       (!writable || t->leaf & PTE_WRITE);
}

static bool is_of_va(const struct tlb_entry *t, u64 va, u64 len, bool writable)
{
	return t->page >= va && t->page < va + len && (!writable || t->leaf & PTE_WRITE);
}

bool sim_tlb_holds(u64 gpa, u64 len, bool writable)
{
	return any_entry(is_of_gpa, gpa, len, writable);
}

bool sim_tlb_holds_va(u64 va, u64 len)
{
	return any_entry(is_of_va, va, len, false);
}
