/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/mm_call.h"
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/vma.h"
#include "tests/fuzz/mm_model.h"

enum {
	MAP_PRIVATE = 2,
	MAP_FIXED = 0x10,
	MAP_ANONYMOUS = 0x20,
	MAP_NORESERVE = 0x4000,
	MAP_POPULATE = 0x8000,
	MAP_NOREPLACE = 0x100000,
	MREMAP_MAYMOVE = 1,
	MREMAP_FIXED = 2
};

static bool lazy_mode(void)
{
	return config->commit == 2;
}

/* ---- mmap ---- */

static s64 mmap_expected(u64 va, u64 len, u64 flags)
{
	if (flags & MAP_NOREPLACE)
		return model_all(va, va + len, PAGE_UNMAPPED) ? (s64)va : -EEXIST;
	if (flags & MAP_FIXED)
		return (s64)va;
	/* Beside the window no wish is heard. */
	return va && va >= ABI_USER_START && va + len <= ABI_MMAP_TOP &&
			       !model_mixed(va, va + len) &&
			       model_all(va, va + len, PAGE_UNMAPPED)
		       ? (s64)va
		       : 0;
}

static void mapped(u64 va, u64 len, u32 prot, u64 flags, u64 off)
{
	bool file = !(flags & MAP_ANONYMOUS);
	/* Behind a file's end: a library's .bss. */
	bool bss = flags & MAP_FIXED && model_page(va)->beyond;

	if (flags & MAP_FIXED)
		model_unmap(va, va + len);
	/* Of a file only what is read is committed; what is lazy may still be. */
	model_map(va, va + len, prot, file || bss || lazy_mode() || flags & MAP_NORESERVE);
	for (u64 at = 0; file && at < len; at += PAGE_SIZE) {
		if (off + at < FILE_PAGES * PAGE_SIZE)
			model_tag(va + at, FILE_TAG(off + at));
		else
			model_beyond(va + at, va + at + PAGE_SIZE);
	}
	area_add(va, len);
}

static void do_mmap(u64 va, u64 len, u32 prot, u64 flags, u64 fd, u64 off)
{
	if (va && va + len > ABI_STACK_TOP)
		return;
	s64 wanted = mmap_expected(va, len, flags);
	bool excused = short_of(va, len) || (va && model_mixed(va, va + len)) ||
		       (!(flags & (MAP_FIXED | MAP_NOREPLACE)) && short_of(0, len));
	policy_for(0, true);
	s64 ret = CALL(sys_mmap(va, len, prot, flags, fd, off));

	policy_for(0, false);

	sim_trace("mmap %lx %lx prot %u flags %lx fd %lu = %lx", va, len, prot, flags, fd,
		(u64)ret);
	bool refused = !(flags & MAP_ANONYMOUS) && fd == FILE_DIRECTORY && ret == -ENODEV;

	if (ret == -EEXIST && wanted == ret)
		return;
	if ((ret == -ENOMEM && excused) || refused) {
		if (flags & MAP_FIXED && refused)
			model_unmap(va, va + len);
		else if (flags & MAP_FIXED)
			model_resync(va, va + len, true, prot);
		return;
	}
	if (ret < 0 || ((u64)ret & (PAGE_SIZE - 1)) || (wanted && ret != wanted))
		sim_fail("mmap: %ld (%lx) instead of %lx", ret, (u64)ret, (u64)wanted);
	if (!wanted && ((u64)ret < ABI_USER_START || (u64)ret + len > ABI_MMAP_TOP))
		sim_fail("mmap: at %lx", (u64)ret);
	mapped((u64)ret, len, prot, flags, off);
}

static void call_mmap(void)
{
	u64 flags = MAP_PRIVATE | MAP_ANONYMOUS, len = random_len(), va = 0;
	struct area part = part_pick();

	if (sim_random(8) == 0)
		flags |= MAP_NORESERVE;
	if (sim_random(8) == 0)
		flags |= MAP_POPULATE;
	switch (sim_random(8)) {
	case 0:
		va = part.va;
		break;
	case 1:
	case 2:
		va = part.va;
		len = part.len;
		flags |= MAP_FIXED;
		break;
	case 3:
		va = part.va + part.len;
		flags |= MAP_NOREPLACE;
		break;
	default:
		break;
	}
	do_mmap(va, len, random_prot(), flags, 0, 0);
}

static void call_mmap_file(void)
{
	u64 len = PAGE_SIZE * (1 + sim_random(700)),
	    off = PAGE_SIZE * sim_random(FILE_PAGES + 10), va = 0;
	u64 flags = MAP_PRIVATE;

	if (sim_random(4) == 0) {
		va = area_pick().va;
		flags |= MAP_FIXED;
	}
	do_mmap(va, len, random_prot(), flags, sim_random(8) ? FILE_FD : FILE_DIRECTORY, off);
}

/* ---- munmap, mprotect, brk ---- */

void call_munmap(u64 va, u64 len)
{
	bool excused = short_of(va, 0);
	s64 ret = CALL(sys_munmap(va, len));

	sim_trace("munmap %lx %lx = %ld", va, len, ret);
	if (ret == -ENOMEM && excused) {
		model_resync(va, va + len, false, 0xff);
		return;
	}
	expect("munmap", ret, 0);
	model_unmap(va, va + len);
}

static s64 mprotect_wanted(u64 start, u64 end, u32 prot)
{
	for (u64 va = start; va < end; va += PAGE_SIZE) {
		const struct page *p = model_page(va);

		if (p->state != PAGE_MAPPED)
			return p->state == PAGE_UNMAPPED ? -ENOMEM : 0;
		if (p->nowrite && prot & ABI_PROT_W)
			return -EACCES;
	}
	return 0;
}

static void call_mprotect(void)
{
	struct area a = part_pick();
	u32 prot = random_prot();
	bool excused = short_of(a.va, a.len);
	s64 wanted = mprotect_wanted(a.va, a.va + a.len, prot);
	s64 ret = CALL(sys_mprotect(a.va, a.len, prot));

	sim_trace("mprotect %lx %lx prot %u = %ld", a.va, a.len, prot, ret);
	if (ret == -ENOMEM && excused) {
		model_resync(a.va, a.va + a.len, false, prot);
		return;
	}
	expect("mprotect", ret, wanted);
	/* Up to the first page where it cannot be done. */
	for (u64 at = a.va; at < a.va + a.len; at += PAGE_SIZE) {
		if (model_any(at, at + PAGE_SIZE, PAGE_UNMAPPED) ||
			(model_page(at)->nowrite && prot & ABI_PROT_W))
			break;
		model_protect(at, at + PAGE_SIZE, prot);
	}
}

/* Another thread's break, between what it was and what it is to be. */
static u64 other_brk;

static void brk_meanwhile(void)
{
	s64 ret = sys_brk(other_brk);

	sim_trace("meanwhile brk %lx = %lx", other_brk, (u64)ret);
	expect("brk", ret, (s64)other_brk);
}

static void call_brk(void)
{
	struct mm *mm = sim_proc.mm;
	u64 old = mm->brk, old_end = ALIGN_UP(old, PAGE_SIZE);
	u64 to = sim_random(2) ? old + sim_random(random_len())
			       : mm->brk_start + sim_random(old - mm->brk_start + 1);

	if (!sim_random(8)) /* in parts, where these are small */
		to = old + 3 * BLOCK_SIZE + sim_random(2 * BLOCK_SIZE);

	u64 end = ALIGN_UP(to, PAGE_SIZE);
	bool grows = end > old_end, free = !grows || model_all(old_end, end, PAGE_UNMAPPED);
	bool excused = short_of(old_end, grows ? end - old_end : 0);

	if (grows && free && !excused && sim_random(2)) {
		other_brk = old + sim_random(to - old);
		sim_meanwhile = brk_meanwhile;
	}
	policy_for(0, true);
	s64 ret = CALL(sys_brk(to));

	policy_for(0, false);
	sim_meanwhile = NULL;

	sim_trace("brk %lx = %lx", to, (u64)ret);
	if (ret == (s64)old && (!free || excused))
		return;
	expect("brk", ret, (s64)to);
	/* Whichever came last: it has what is below, and nothing above. */
	if (mm->brk != to && mm->brk != other_brk)
		sim_fail("the break is at %lx", mm->brk);
	end = ALIGN_UP(mm->brk, PAGE_SIZE);
	if (end > old_end) {
		model_map(old_end, end, 3, lazy_mode());
		area_add(old_end, end - old_end);
	} else {
		model_unmap(end, old_end);
	}
	other_brk = 0;
}

/* ---- mremap ---- */

/* One protection all over, and all of it mapped. */
static bool alike(u64 va, u64 len, bool *lazy)
{
	const struct page *first = model_page(va);

	*lazy = false;
	for (u64 at = va; at < va + len; at += PAGE_SIZE) {
		const struct page *p = model_page(at);

		if (p->state != PAGE_MAPPED || p->prot != first->prot ||
			p->beyond != first->beyond ||
			p->window !=
				(first->window ? first->window + (at - va) / PAGE_SIZE : 0))
			return false;
		*lazy |= p->lazy;
	}
	return true;
}

static void remapped(u64 from, u64 old_len, u64 to, u64 new_len, bool fixed, bool lazy)
{
	u32 prot = model_page(from)->prot;
	bool beyond = model_page(from)->beyond;
	u32 policy = model_page(from)->policy, window = model_page(from)->window;
	bool nowrite = model_page(from)->nowrite, nofork = model_page(from)->nofork;
	bool wipe = model_page(from)->wipe;

	if (to == from) {
		if (new_len < old_len)
			model_unmap(from + new_len, from + old_len);
		else
			model_map(from + old_len, from + new_len, prot, lazy);
		model_policy(from, from + new_len, policy);
		if (beyond)
			model_beyond(from, from + new_len);
		if (window)
			model_window(from, from + new_len, window - 1, nowrite);
		model_fork_flags(from, from + new_len, nofork, wipe);
		return;
	}
	if (fixed)
		model_unmap(to, to + new_len);
	model_map(to, to + new_len, prot, lazy);
	model_policy(to, to + new_len, policy);
	model_copy(from, to, MIN(old_len, new_len));
	if (beyond)
		model_beyond(to, to + new_len);
	if (window)
		model_window(to, to + new_len, window - 1, nowrite);
	model_fork_flags(to, to + new_len, nofork, wipe);
	model_unmap(from, from + old_len);
	area_add(to, new_len);
}

static void call_mremap(void)
{
	struct area a = part_pick(), other = part_pick();
	u64 new_len = sim_random(2) ? random_len() : a.len + PAGE_SIZE * sim_random(8),
	    flags = sim_random(2);
	u64 to = 0;
	bool lazy, fits = alike(a.va, a.len, &lazy);
	const struct vma *vma = vma_find(sim_proc.mm, a.va);

	if (sim_random(3) == 0) {
		flags = MREMAP_FIXED | MREMAP_MAYMOVE;
		to = other.va;
		if ((to < a.va + a.len && a.va < to + new_len) || to + new_len > ABI_STACK_TOP)
			return;
	}
	bool room = new_len <= a.len ||
		    (fits && model_all(a.va + a.len, a.va + new_len, PAGE_UNMAPPED));
	bool excused = short_of(to, 2 * MAX(new_len, a.len)) || short_of(a.va, a.len) ||
		       (!flags && (!room || a.va + new_len > ABI_MMAP_TOP));
	/* Of the nodes' small memory, of which a child may have as much, no more may be had. */
	excused |=
		!flags && vma && vma->flags & VMA_LOCAL && !mm_local_fits(sim_proc.mm, new_len);
	/* Alike pages may still be two mappings, with different modes of commitment. */
	bool whole = vma && vma->end >= a.va + a.len;
	policy_for(model_page(a.va)->policy, true);
	s64 ret = CALL(sys_mremap(a.va, a.len, new_len, flags, to));

	policy_for(0, false);

	sim_trace("mremap %lx %lx -> %lx flags %lu %lx = %lx", a.va, a.len, new_len, flags, to,
		(u64)ret);
	if (ret == -EFAULT && (!fits || !whole))
		return;
	excused |= model_page(a.va)->window != 0;
	if (ret == -ENOMEM && excused) {
		if (fits)
			model_resync(a.va, a.va + a.len, false, 0xff);
		if (to)
			model_resync(to, to + new_len, true, 0xff);
		return;
	}
	if (!fits || ret < 0 || ((u64)ret & (PAGE_SIZE - 1)) || (to && ret != (s64)to))
		sim_fail("mremap: %ld", ret);
	remapped(a.va, a.len, (u64)ret, new_len, to, lazy);
}

void call_random(void)
{
	struct area a = part_pick();

	switch (sim_random(25)) {
	case 0 ... 2:
		call_mmap();
		break;
	case 3:
		call_mmap_file();
		break;
	case 4 ... 6:
		call_munmap(a.va, a.len);
		break;
	case 7 ... 8:
		call_mprotect();
		break;
	case 9 ... 10:
		call_mremap();
		break;
	case 11:
		call_brk();
		break;
	case 12:
		call_madvise();
		break;
	case 13:
		call_mincore();
		break;
	case 14:
		call_check();
		break;
	case 20 ... 23:
		call_window();
		break;
	case 24:
		call_fork();
		break;
	case 15:
		call_on_vdso();
		break;
	default:
		call_policy();
	}
}
