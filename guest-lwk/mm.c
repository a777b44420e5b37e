/* SPDX-License-Identifier: MIT */
#include "guest-lwk/mm.h"
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mempolicy.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/mm_parts.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/process.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/pt_leaves.h"
#include "guest-lwk/pt_window.h"
#include "guest-lwk/sys.h"
#include "guest-lwk/vma.h"

/*
 * Where a GiB gets a whole 1 GiB block at once: elsewhere only when 2 MiB blocks have run out,
 * which is too late for one that holds some of them.
 */
static bool wants_slot(const struct vma *vma, u64 va, u64 want)
{
	u64 gib = ALIGN_DOWN(va, GIB_SIZE);

	if (vma->flags & VMA_LOCAL)
		return false;
	return mm_in_large_area(va) || (vma->start <= gib && vma->end - gib >= GIB_SIZE) ||
	       want > pmem_free_blocks() / 2;
}

/* Blocks for up to want granules of vma from va on, announced to the proxy. 0: none. */
static u64 blocks_get(struct process *proc, const struct vma *vma, u64 va, u64 want, u64 *got)
{
	struct gib_slot *slot = mm_slot_find(proc->mm, va);
	struct placement place;
	u64 gpa = 0;

	if (!slot) {
		bool gib = wants_slot(vma, va, want) && pmem_has_gib();

		mempolicy_place(proc, vma, va, gib ? GIB_SIZE : BLOCK_SIZE, &place);
		if (gib)
			slot = mm_slot_create(proc, va, &place);
	}
	while (!slot && !(gpa = pmem_alloc_run(&place, want, got))) {
		if (mm_warm_drop(proc))
			continue;
		slot = mm_slot_create(proc, va, &place);
		proc->mm->starved = !slot && proc->mm->patient;
		if (!slot && (proc->mm->patient || !pmem_wait()))
			return 0;
	}
	if (slot) {
		*got = want;
		return slot->gpa + (va - slot->va);
	}
	mm_account(proc, *got * BLOCK_SIZE);
	log_append(proc, ABI_LOG_MAP, va, *got * BLOCK_SIZE, gpa);
	return gpa;
}

s64 mm_blocks_return(struct process *proc, u64 va, u64 gpa, u64 n)
{
	if (n && !mm_slot_find(proc->mm, va)) {
		u64 pos = log_append(proc, ABI_LOG_UNMAP, va, n * BLOCK_SIZE, 0);

		mm_account(proc, -(n * BLOCK_SIZE));
		pmem_free(gpa, n * BLOCK_SIZE, va, proc->index, pos);
	}
	return -ENOMEM;
}

/*
 * A block that is kept warm for the granule at g, on whatever node it was once wanted: where
 * there are several, it goes back, and the granule gets one from where vma's policy says.
 */
static void warm_check(struct process *proc, u64 *entry, u64 g)
{
	struct mm *mm = proc->mm;

	if (nodes.nmemory == 1 || !*entry || pt_is_large(*entry) || pt_is_window(*entry))
		return;
	for (u32 i = 0; i < MM_WARM; i++)
		if (mm->warm[i] == g && !pt_any_populated(*entry) && !mm_slot_find(mm, g))
			mm_warm_release(proc, entry, g);
}

/* Who has asked for a block: the program by its touch, or a call of its in advance. */
enum who { TOUCHED, IN_ADVANCE };

/*
 * The granules from g on that have no block, and are to get one of `left` side by side: of
 * those that are vma's as a whole and may be committed with [.., end), how many have got it.
 */
static u64 populate_leaves(struct mm *mm, const struct vma *vma, u64 *entry, u64 g, u64 end,
	u64 block, u64 left, enum who who)
{
	u64 stop = MIN(ALIGN_UP(end, BLOCK_SIZE), vma->end), n;

	if (g < vma->start || stop < g + BLOCK_SIZE)
		return 0;
	n = MIN(left, (stop - g) / BLOCK_SIZE);
	pt_leaves_fill(mm, entry, n, block, vma->prot, who == TOUCHED);
	return n;
}

/* Commits what of vma lies in the granules that [start, end) touches. */
static s64 populate(struct process *proc, struct vma *vma, u64 start, u64 end, enum who who)
{
	struct mm *mm = proc->mm;
	u64 block = 0, left = 0;

	for (u64 g = ALIGN_DOWN(start, BLOCK_SIZE); g < end; g += BLOCK_SIZE) {
		u64 *entry = pt_granule(mm, g, true);
		u64 from = MAX(g, vma->start), to = MIN(g + BLOCK_SIZE, vma->end);

		if (!entry)
			return mm_blocks_return(proc, g, block, left);
		if (pt_is_window(*entry)) /* never both in a granule: mm_window.h */
			return -ENOMEM;
		warm_check(proc, entry, g);
		if (!*entry && !left) {
			u64 want = (ALIGN_UP(end, BLOCK_SIZE) - g) / BLOCK_SIZE;

			want = pt_leaves_empty(entry, pt_leaves_room(g, want));
			block = blocks_get(proc, vma, g, want, &left);
			if (!block)
				return -ENOMEM;
		}
		u64 n = *entry ? 0 : populate_leaves(mm, vma, entry, g, end, block, left, who);

		if (n) {
			block += n * BLOCK_SIZE;
			left -= n;
			g += (n - 1) * BLOCK_SIZE;
			continue;
		}
		if (*entry) {
			if (pt_populate(mm, entry, 0, from, to, vma->prot))
				return -ENOMEM;
		} else {
			if (pt_populate(mm, entry, block, from, to, vma->prot))
				return mm_blocks_return(proc, g, block, left);
			block += BLOCK_SIZE;
			left--;
		}
		if (who == TOUCHED && mm->watch)
			pt_mark_touched(entry);
	}
	return 0;
}

#define STARVES_NS 1000000 /* until it looks again */

static bool prot_allows(const struct vma *vma, bool write, bool exec)
{
	return vma->prot && !(vma->flags & VMA_BEYOND) && (!write || vma->prot & ABI_PROT_W) &&
	       (!exec || vma->prot & ABI_PROT_X);
}

/* Entries are made with the mapping: one that is not there waits for a call. */
static s64 window_fault(struct mm *mm, const struct vma *vma, u64 va, bool allowed)
{
	const u64 *entry = pt_granule(mm, va, false);

	if (vma->flags & VMA_PENDING)
		return -EAGAIN;
	if (!allowed)
		return -EACCES;
	return entry && !(pt_window_leaf(*entry, va) & PTE_ABSENT) ? 0 : -EAGAIN;
}

/* mm.lock is held. */
static s64 fault(struct process *proc, u64 va, bool write, bool exec)
{
	s64 ret = -EFAULT;
	struct vma *vma = mm_vma(proc, va);

	if (vma && vma->flags & VMA_BEYOND)
		ret = -ENOMEM;
	else if (vma && vma->flags & VMA_WINDOW)
		ret = window_fault(proc->mm, vma, va, prot_allows(vma, write, exec));
	else if (vma && !(vma->flags & VMA_FIXED_KERNEL))
		ret = prot_allows(vma, write, exec) ? populate(proc, vma, va, va + 1, TOUCHED)
						    : -EACCES;
	else if (vma)
		ret = -EACCES;
	return ret;
}

/* How long a thread has waited for blocks while none came back at all. */
struct starving {
	u64 until, came;
};

/*
 * Blocks were missing and are on their way back: sleeps without mm.lock, and is to be tried
 * again, until none has come back, to anybody, for a second. A program must not keep a core in
 * the kernel while the janitor works, or waits for a proxy that is stopped; only what cannot be
 * left half done, or holds another lock, spins (pmem_wait). mm.lock is held.
 */
static bool starves(struct process *proc, struct starving *s)
{
	struct mm *mm = proc->mm;
	bool starved = mm->starved;

	mm->starved = false;
	u64 came = pmem_came();

	if (!s->until || came != s->came)
		*s = (struct starving){rdtsc() + machine.tsc_hz, came};
	if (!starved || READ_ONCE(proc->exiting) || rdtsc() >= s->until || !pmem_comes())
		return false;
	spin_unlock(&mm->lock);
	sleep_deaf(STARVES_NS);
	spin_lock(&mm->lock);
	return true;
}

s64 mm_fault(struct process *proc, u64 va, bool write, bool exec)
{
	struct mm *mm = proc->mm;
	struct starving s = {0};
	s64 ret;

	if (va >= ABI_USER_END)
		return -EFAULT;
	spin_lock(&mm->lock);
	do {
		mm->patient = true;
		ret = fault(proc, va, write, exec);
		mm->patient = false;
	} while (unlikely(ret == -ENOMEM) && starves(proc, &s));
	spin_unlock(&mm->lock);
	return ret;
}

static s64 commit(struct process *proc, struct vma *vma, u64 start, u64 end, enum who who)
{
	for (u64 g = ALIGN_DOWN(start, BLOCK_SIZE); g < end; g += BLOCK_SIZE) {
		u64 s = MAX(g, start), e = MIN(g + BLOCK_SIZE, end);
		u64 *entry = pt_granule(proc->mm, g, false);

		if (!entry || !*entry || !pt_all_populated(*entry, s, e))
			return populate(proc, vma, s, end, who);
		if (who == TOUCHED && proc->mm->watch)
			pt_mark_touched(entry);
	}
	return 0;
}

s64 mm_commit(struct process *proc, struct vma *vma, u64 start, u64 end)
{
	return commit(proc, vma, start, end, TOUCHED);
}

/* mm.lock is held. */
static bool check(struct process *proc, u64 start, u64 end, u32 prot)
{
	while (start < end) {
		struct vma *vma = mm_vma(proc, start);

		if (!vma || !prot_allows(vma, prot & ABI_PROT_W, prot & ABI_PROT_X))
			return false;
		u64 stop = MIN(end, vma->end);

		if (!(vma->flags & (VMA_FIXED_KERNEL | VMA_WINDOW)) &&
			mm_commit(proc, vma, start, stop))
			return false;
		start = stop;
	}
	return true;
}

static bool check_parts(struct process *proc, u64 start, u64 end, u32 prot)
{
	u64 stop;

	for (; start < end; start = stop) {
		stop = MIN(end, ALIGN_DOWN(start, MM_PART) + MM_PART);
		if (!mm_room(proc) || !check(proc, start, stop, prot))
			return false;
	}
	return true;
}

/* By the vmas, and with the memory that is missing. */
static APART bool check_slowly(struct process *proc, u64 va, u64 len, u32 prot)
{
	u64 start = ALIGN_DOWN(va, PAGE_SIZE), end = ALIGN_UP(va + len, PAGE_SIZE);

	return end - start <= MM_SMALL ? check(proc, start, end, prot)
				       : check_parts(proc, start, end, prot);
}

bool mm_check(struct process *proc, u64 va, u64 len, u32 prot)
{
	struct mm *mm = proc->mm;
	bool good;

	if (!len)
		return true;
	if (va >= ABI_USER_END || len > ABI_USER_END - va)
		return false;
	spin_lock(&mm->lock);
	/*
	 * A buffer has been used before, as a rule, and then its entries say all: they never
	 * allow what its vma does not. Not where a use has to be noted (watch), nor for code.
	 */
	good = !mm->watch && !(prot & ABI_PROT_X) && pt_usable(mm, va, len, prot & ABI_PROT_W);
	if (!good)
		good = check_slowly(proc, va, len, prot);
	spin_unlock(&mm->lock);
	return good;
}

u64 mm_gpa(struct process *proc, u64 va, bool write)
{
	struct mm *mm = proc->mm;

	/* The page tables first: futexes come here, and their words are nearly always
	 * committed. */
	for (int tries = 0; tries < 2 && va < ABI_USER_END; tries++) {
		spin_lock(&mm->lock);
		u64 *entry = pt_granule(mm, va, false);
		u64 gpa = entry ? pt_gpa(*entry, va, write) : 0;

		if (gpa && mm->watch)
			pt_mark_touched(entry);
		spin_unlock(&mm->lock);
		if (gpa)
			return gpa;
		if (!mm_check(proc, va, 1, write ? ABI_PROT_W : ABI_PROT_R))
			return 0;
	}
	return 0;
}

/* Where memory is committed when it is asked for: not stacks, .bss, reservations, PROT_NONE. */
static bool commits_now(const struct vma *vma)
{
	return vma->prot && !(vma->flags & (VMA_TOUCH | VMA_BEYOND | VMA_WINDOW));
}

static bool commits_ever(const struct vma *vma)
{
	return vma->prot && !(vma->flags & (VMA_BEYOND | VMA_WINDOW | VMA_FIXED_KERNEL));
}

static s64 commit_patiently(
	struct process *proc, struct vma *vma, u64 start, u64 end, enum who who)
{
	proc->mm->patient = true;
	s64 ret = commit(proc, vma, start, end, who);

	proc->mm->patient = false;
	return ret;
}

/*
 * GiB by GiB, as the log has room (mm_room, which may give mm.lock up): so each time what is
 * there is looked up. If it has become another thread's meanwhile, that does no harm.
 */
static s64 commit_parts(struct process *proc, u64 start, u64 end, enum who who,
	bool (*commits)(const struct vma *vma))
{
	bool large = end - start > MM_SMALL;
	struct starving s = {0};

	for (u64 at = start, stop; at < end; at = stop) {
		if (large && !mm_room(proc))
			return -ENOMEM;

		struct vma *vma = vma_find_above(proc->mm, at);

		if (!vma || vma->start >= end)
			return 0;
		at = MAX(at, vma->start);
		stop = MIN(vma->end, end);
		if (!commits(vma))
			continue;
		stop = MIN(stop, ALIGN_DOWN(at, MM_PART) + MM_PART);
		if (!commit_patiently(proc, vma, at, stop, who))
			continue;
		if (!starves(proc, &s))
			return -ENOMEM;
		stop = at;
	}
	return 0;
}

s64 mm_mmap(struct process *proc, u64 addr, u64 len, u32 prot, u32 flags, u32 vma_flags)
{
	struct mm *mm = proc->mm;
	s64 err;

	if (!addr) {
		if (!(vma_flags & VMA_TOUCH) && mm_local_fits(mm, len))
			vma_flags |= VMA_LOCAL;
		addr = mm_pick(mm, len, vma_flags);
	}
	if (mm->touch)
		vma_flags |= VMA_TOUCH;
	if (!addr || vma_add(mm, addr, addr + len, prot, vma_flags))
		return -ENOMEM;
	struct vma *vma = vma_find(mm, addr);

	if (flags & MM_POPULATE)
		err = commit_parts(proc, addr, addr + len, TOUCHED, commits_ever);
	else if (!commits_now(vma))
		return (s64)addr;
	else if (flags & MM_AT_ONCE)
		err = commit(proc, vma, addr, addr + len, IN_ADVANCE);
	else
		err = commit_parts(proc, addr, addr + len, IN_ADVANCE, commits_now);
	if (!err)
		return (s64)addr;
	if (flags & MM_AT_ONCE)
		mm_unmap(proc, addr, addr + len);
	else
		mm_unmap_parts(proc, addr, addr + len);
	return -ENOMEM;
}

s64 mm_commit_asked(struct process *proc, u64 start, u64 end)
{
	return commit_parts(proc, start, end, IN_ADVANCE, commits_now);
}
