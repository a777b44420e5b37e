/* SPDX-License-Identifier: MIT */
/* A process's page tables as a whole: made, loaded by a core, flushed, destroyed. */
#include "guest-lwk/core.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/process.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/pt_leaves.h"

#define ENTRIES      512
#define KERNEL_FIRST 256 /* slot of ABI_DIRECT_VA in the top table */
#define KERNEL_LAST  511 /* slot of ABI_IMAGE_VA */

static u64 boot_root;

static u64 cr3_read(void)
{
	u64 value;

	__asm__ volatile("mov %%cr3, %0" : "=r"(value));
	return value & PTE_ADDR;
}

u64 pt_root_create(void)
{
	if (!boot_root)
		boot_root = cr3_read();
	u64 *root = kpage_alloc(), *boot = gpa_to_ptr(boot_root);

	if (!root)
		return 0;
	/* The direct map takes one top entry for each 512 GiB of guest-physical space; the rest
	 * is 0. */
	for (u32 i = KERNEL_FIRST; boot[i]; i++)
		root[i] = boot[i];
	root[KERNEL_LAST] = boot[KERNEL_LAST];
	return ptr_to_gpa(root);
}

static void table_free(u64 *table)
{
	pmem_zero(ptr_to_gpa(table), PAGE_SIZE);
	kpage_free(table);
}

/* The first of table's entries from i on, of n, that is not 0; n: none. */
static u64 entry_used(const u64 *table, u64 i, u64 n)
{
	return i + pt_leaves_empty(&table[i], n - i);
}

/* There are more than were noted. */
static void upper_free(u64 *top)
{
	for (u64 i = 0; (i = entry_used(top, i, KERNEL_FIRST)) < KERNEL_FIRST; i++) {
		u64 *pdpt = gpa_to_ptr(top[i] & PTE_ADDR);

		for (u64 j = 0; (j = entry_used(pdpt, j, ENTRIES)) < ENTRIES; j++)
			table_free(gpa_to_ptr(pdpt[j] & PTE_ADDR));
		table_free(pdpt);
	}
}

/* Upper tables only: granules have been forgotten before. */
void pt_root_destroy(struct mm *mm)
{
	u64 *top = gpa_to_ptr(mm->root);

	if (mm->nupper > MM_UPPER)
		upper_free(top);
	for (u32 i = 0; i < mm->nupper && mm->nupper <= MM_UPPER; i++)
		table_free(mm->upper[i]);
	table_free(top);
}

void mm_load(struct process *proc)
{
	struct core *core = this_core();

	struct mm *mm = proc ? proc->mm : NULL;

	if (core->mm == mm)
		return;
	/*
	 * Owner first, fence, then the generation: a flusher that does not see the new owner
	 * yet has changed its entries before we load the tables.
	 */
	WRITE_ONCE(core->mm, mm);
	fence_full();
	core->tlb_seen = mm ? READ_ONCE(mm->tlb_gen) : 0;
	cr3_write(mm ? mm->root : boot_root);
}

void mm_flush_self(struct core *core)
{
	const struct mm *mm = core->mm;
	u64 gen = mm ? READ_ONCE(mm->tlb_gen) : 0;

	if (!mm || core->tlb_seen == gen)
		return;
	cr3_write(mm->root);
	/* Published after the flush: mm_flush() may hand the memory away once it sees this. */
	store_release(&core->tlb_seen, gen);
}

/*
 * Entries were changed; then the generation goes up; full fence; then we look at each core's
 * in_user and uaccess. A core sets one of these, full fence, then compares the generation and
 * flushes (trap.c, uaccess.c). So either it sees the new generation, or we see that it may hold
 * old entries, kick it out of the program, and wait. A core that is in the kernel otherwise
 * does not touch programs' addresses. A core that takes a fault inside uaccess clears the flag
 * before it asks for mm.lock, which we hold.
 */
void mm_flush(struct mm *mm)
{
	struct core *self = this_core();
	u64 gen = __atomic_add_fetch(&mm->tlb_gen, 1, __ATOMIC_SEQ_CST);

	if (self->mm == mm)
		mm_flush_self(self);
	for (u32 i = 0; i < ncores; i++) {
		struct core *core = &cores[i];

		if (core == self || READ_ONCE(core->mm) != mm)
			continue;
		core_kick(core);
		while (READ_ONCE(core->mm) == mm && load_acquire(&core->tlb_seen) < gen &&
			(READ_ONCE(core->share->in_user) || READ_ONCE(core->uaccess)))
			cpu_pause();
	}
	pt_retired_free(mm);
}
