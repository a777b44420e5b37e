/* SPDX-License-Identifier: MIT */
/* The memory calls, as Linux has them; refusals and differences are in docs/linux-abi.md. */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/mm_sys.h"
#include "guest-lwk/mm_parts.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/process.h"
#include "guest-lwk/pt_window.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/vma.h"

#define PROT_MASK  7
#define PROT_GROWS 0x03000000ULL /* PROT_GROWSDOWN or PROT_GROWSUP, not both */

static struct mm *current_mm(void)
{
	return current_thread()->proc->mm;
}

/* [addr, addr+len) as whole pages below the end of programs; false: no such range. */
static bool range_ok(u64 addr, u64 *len)
{
	*len = ALIGN_UP(*len, PAGE_SIZE);
	return !(addr & (PAGE_SIZE - 1)) && *len && *len <= ABI_USER_END &&
	       addr <= ABI_USER_END - *len;
}

bool mm_is_free(struct mm *mm, u64 addr, u64 len)
{
	struct vma *vma = vma_find_above(mm, addr);

	return addr >= ABI_USER_START && len <= ABI_MMAP_TOP && addr <= ABI_MMAP_TOP - len &&
	       (!vma || vma->start >= addr + len);
}

/*
 * ld.so maps a library whole and then each of its segments over that. There the memory stays
 * and is read over: all of [start, end) is of a file's mapping, or of nothing else than memory.
 */
static bool can_overlay(struct mm *mm, u64 start, u64 end)
{
	while (start < end) {
		struct vma *vma = vma_find(mm, start);

		if (!vma || vma->flags & ~(u32)(VMA_TOUCH | VMA_LOCAL))
			return false;
		start = vma->end;
	}
	return true;
}

static u32 vma_flags_of(u64 flags)
{
	bool touch =
		!(flags & MAP_ANONYMOUS) || flags & (MAP_NORESERVE | MAP_GROWSDOWN | MAP_STACK);

	return (touch ? VMA_TOUCH : 0) | (flags & MAP_GROWSDOWN ? VMA_STACK : 0) |
	       ((flags & MAP_TYPE) != MAP_PRIVATE ? VMA_SHARED : 0);
}

bool mm_limits_allow(struct process *proc, u64 addr, u64 len, u64 prot, u64 flags)
{
	u32 vma_flags = vma_flags_of(flags);

	return flags & MAP_FIXED ? mm_may_replace(proc, addr, len, (u32)prot, vma_flags)
				 : mm_may_map(proc, len, (u32)prot, vma_flags);
}

/* mm.lock is held. */
static s64 map(struct process *proc, u64 addr, u64 len, u64 prot, u64 flags)
{
	struct mm *mm = proc->mm;
	bool file = !(flags & MAP_ANONYMOUS);
	u32 vma_flags = vma_flags_of(flags);
	u32 how = flags & MAP_POPULATE && prot && !file ? MM_POPULATE : 0;
	struct vma *vma = addr ? vma_find_above(mm, addr) : NULL;
	s64 ret = 0;

	if (flags & MAP_FIXED_NOREPLACE && vma && vma->start < addr + len)
		return -EEXIST;
	if (!mm_limits_allow(proc, addr, len, prot, flags))
		return -ENOMEM;
	if (flags & MAP_FIXED && file && can_overlay(mm, addr, addr + len)) {
		ret = mm_protect(proc, addr, addr + len, (u32)prot);
		return ret ? ret : (s64)addr;
	}
	if (flags & MAP_FIXED) {
		if (prot && mm_window_beside(mm, addr, addr + len))
			return -ENOMEM;
		/* Behind a file's end: a library's .bss. */
		if (vma && vma->start <= addr && vma->flags & VMA_BEYOND)
			vma_flags |= VMA_TOUCH;
		ret = mm_unmap(proc, addr, addr + len);
	} else if (flags & MAP_FIXED_NOREPLACE) {
		if (prot && mm_window_beside(mm, addr, addr + len))
			return -ENOMEM;
	} else if (addr &&
		   (!mm_is_free(mm, addr, len) || mm_window_beside(mm, addr, addr + len))) {
		addr = 0;
	}
	/* Not among the reservations that are never filled. */
	if (!addr && file)
		addr = mm_pick(mm, len, 0);
	return ret ? ret : mm_mmap(proc, addr, len, (u32)prot, how, vma_flags);
}

/* map() is going to replace what is there in one step, if it neither refuses nor keeps it. */
static void make_way(struct process *proc, u64 addr, u64 len, u64 prot, u64 flags)
{
	mm_ready(proc, addr, addr + len);
	if ((flags & MAP_ANONYMOUS || !can_overlay(proc->mm, addr, addr + len)) &&
		!(prot && mm_window_beside(proc->mm, addr, addr + len)) &&
		mm_limits_allow(proc, addr, len, prot, flags))
		mm_vacate(proc, addr, addr + len);
}

static s64 map_anywhere(struct process *proc, u64 addr, u64 len, u64 prot, u64 flags)
{
	spin_lock(&proc->mm->lock);
	if (flags & MAP_FIXED)
		make_way(proc, addr, len, prot, flags);
	s64 ret = map(proc, addr, len, prot, flags);

	spin_unlock(&proc->mm->lock);
	return ret;
}

s64 sys_mmap(u64 addr, u64 len, u64 prot, u64 flags, u64 fd, u64 off)
{
	struct process *proc = current_thread()->proc;
	bool file = !(flags & MAP_ANONYMOUS);
	u64 type = flags & MAP_TYPE;

	if (!len || type < 1 || type > 3 || off & (PAGE_SIZE - 1))
		return -EINVAL;
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
		addr = ALIGN_DOWN(addr, PAGE_SIZE);
	if (!range_ok(addr, &len))
		return flags & MAP_FIXED && addr & (PAGE_SIZE - 1) ? -EINVAL : -ENOMEM;
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) && addr < ABI_USER_START)
		return -EPERM;
	prot &= PROT_MASK;
	if (type != MAP_PRIVATE && machine.window_size)
		return window_mmap(addr, len, prot, flags, fd, off);
	/* Without a window shared anonymous memory is the process's own. */
	if (file && type != MAP_PRIVATE)
		return -ENODEV;
	s64 ret = map_anywhere(proc, addr, len, prot, flags);

	return ret < 0 || !file ? ret : mm_file_map(proc, (u64)ret, len, prot, fd, off);
}

s64 sys_munmap(u64 addr, u64 len)
{
	struct process *proc = current_thread()->proc;

	if (!range_ok(addr, &len))
		return -EINVAL;
	spin_lock(&proc->mm->lock);
	s64 ret = mm_unmap_parts(proc, addr, addr + len);

	spin_unlock(&proc->mm->lock);
	return ret;
}

/* How far prot can be given, from start on, at most to end; *err says why not further. */
static u64 protect_until(struct mm *mm, u64 start, u64 end, u32 prot, s64 *err)
{
	*err = 0;
	while (start < end && !*err) {
		struct vma *vma = vma_find(mm, start);

		if (!vma)
			*err = -ENOMEM;
		else if (vma->flags & VMA_NOWRITE && prot & ABI_PROT_W)
			*err = -EACCES;
		else
			start = MIN(vma->end, end);
	}
	return start;
}

s64 sys_mprotect(u64 addr, u64 len, u64 prot)
{
	struct process *proc = current_thread()->proc;

	if (addr & (PAGE_SIZE - 1) || prot & ~(PROT_GROWS | PROT_MASK) ||
		(prot & PROT_GROWS) == PROT_GROWS)
		return -EINVAL;
	if (!len)
		return 0;
	if (!range_ok(addr, &len))
		return -ENOMEM;
	spin_lock(&proc->mm->lock);
	mm_ready(proc, addr, addr + len);
	prot &= PROT_MASK;
	/* Up to where it cannot be done, as Linux does it. */
	s64 err;
	u64 end = protect_until(proc->mm, addr, addr + len, (u32)prot, &err);
	s64 ret = mm_may_protect(proc, addr, end, (u32)prot)
			  ? mm_protect(proc, addr, end, (u32)prot)
			  : -ENOMEM;

	spin_unlock(&proc->mm->lock);
	return ret ? ret : err;
}

enum {
	MADV_DONTNEED = 4,
	MADV_DONTFORK = 10,
	MADV_DOFORK = 11,
	MADV_WIPEONFORK = 18,
	MADV_KEEPONFORK = 19,
	MADV_POPULATE_READ = 22,
	MADV_POPULATE_WRITE = 23
};

/* mm.lock is held. [start, *stop) lies in vma; *stop becomes how far it went. */
static s64 part_advise(
	struct process *proc, const struct vma *vma, u64 start, u64 *stop, u64 advice)
{
	struct mm *mm = proc->mm;
	u64 end = *stop;

	switch (advice) {
	case MADV_DONTNEED:
		if (vma->flags & VMA_FIXED_KERNEL)
			return -EINVAL;
		*stop = mm_discard(proc, start, end);
		return 0;
	case MADV_DONTFORK:
		return mm_set_fork(mm, vma, start, end, VMA_NOFORK, 0);
	case MADV_DOFORK:
		return mm_set_fork(mm, vma, start, end, 0, VMA_NOFORK);
	case MADV_WIPEONFORK:
		/* Private memory alone. */
		if (vma->flags & (VMA_SHARED | VMA_FIXED_KERNEL))
			return -EINVAL;
		return mm_set_fork(mm, vma, start, end, VMA_WIPE, 0);
	case MADV_KEEPONFORK:
		return mm_set_fork(mm, vma, start, end, 0, VMA_WIPE);
	default:
		return 0;
	}
}

/* Others want mm.lock, and the core. */
static void step_over(struct process *proc)
{
	spin_unlock(&proc->mm->lock);
	host_breathe();
	spin_lock(&proc->mm->lock);
}

/* What is mapped gets the advice, whatever is missing in between. */
static s64 range_advise(struct process *proc, u64 addr, u64 len, u64 advice)
{
	s64 missing = 0;

	for (u64 at = addr; at < addr + len;) {
		struct vma *vma = vma_find_above(proc->mm, at);
		u64 start = vma ? MAX(vma->start, at) : addr + len;
		u64 end = vma ? MIN(vma->end, addr + len) : addr + len;

		if (start > at)
			missing = -ENOMEM;
		if (start >= addr + len)
			break;
		at = end;
		s64 ret = part_advise(proc, vma, start, &at, advice);

		if (ret)
			return ret;
		if (at < end)
			step_over(proc);
	}
	return missing;
}

s64 sys_madvise(u64 addr, u64 len, u64 advice)
{
	struct process *proc = current_thread()->proc;
	s64 ret;

	if (addr & (PAGE_SIZE - 1))
		return -EINVAL;
	if (!len)
		return 0;
	if (!range_ok(addr, &len))
		return -ENOMEM;
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return mm_check(proc, addr, len,
			       advice == MADV_POPULATE_WRITE ? ABI_PROT_W : ABI_PROT_R)
			       ? 0
			       : -ENOMEM;
	if (advice > 25 && advice != 100 && advice != 101)
		return -EINVAL;
	spin_lock(&proc->mm->lock);
	if (advice == MADV_DONTFORK || advice == MADV_DOFORK)
		mm_window_settle(proc, addr, addr + len);
	ret = range_advise(proc, addr, len, advice);
	spin_unlock(&proc->mm->lock);
	if (!ret && advice == MADV_REMOVE)
		ret = window_remove(proc, addr, addr + len);
	return ret;
}

s64 sys_mincore(u64 addr, u64 len, u64 vec)
{
	struct mm *mm = current_mm();

	if (addr & (PAGE_SIZE - 1))
		return -EINVAL;
	if (!range_ok(addr, &len))
		return len ? -ENOMEM : 0;
	for (u64 at = addr; at < addr + len; at += PAGE_SIZE, vec++) {
		spin_lock(&mm->lock);
		bool mapped = vma_find(mm, at);
		u64 *entry = pt_granule(mm, at, false);
		u8 in = entry && *entry && pt_all_populated(*entry, at, at + PAGE_SIZE) &&
			!(pt_is_window(*entry) && pt_window_leaf(*entry, at) & PTE_ABSENT);

		spin_unlock(&mm->lock);
		if (!mapped)
			return -ENOMEM;
		if (user_write(vec, &in, 1))
			return -EFAULT;
	}
	return 0;
}

/* Every page is resident for good: these check the range, as Linux does, and are done. */
static s64 range_mapped(u64 addr, u64 len)
{
	struct mm *mm = current_mm();
	s64 ret = 0;

	if (!len)
		return 0;
	if (!range_ok(addr, &len))
		return -ENOMEM;
	spin_lock(&mm->lock);
	for (u64 at = addr; at < addr + len && !ret;) {
		struct vma *vma = vma_find(mm, at);

		ret = vma ? 0 : -ENOMEM;
		at = vma ? vma->end : at;
	}
	spin_unlock(&mm->lock);
	return ret;
}

s64 sys_msync(u64 addr, u64 len, u64 flags)
{
	if (addr & (PAGE_SIZE - 1) || flags & ~7ULL || (flags & 5) == 5)
		return -EINVAL;
	s64 ret = range_mapped(addr, len);

	return ret ? ret
		   : window_forward(current_thread()->proc, ABI_NR_msync, addr,
			     addr + ALIGN_UP(len, PAGE_SIZE), flags);
}

s64 sys_mlock(u64 addr, u64 len)
{
	u64 start = ALIGN_DOWN(addr, PAGE_SIZE);

	return range_mapped(start, len + (addr - start));
}

#define MLOCK_ONFAULT 1

s64 sys_mlock2(u64 addr, u64 len, u64 flags)
{
	return flags & ~(u64)MLOCK_ONFAULT ? -EINVAL : sys_mlock(addr, len);
}

/* There are no keys but the default one, which -1 stands for. */
s64 sys_pkey_mprotect(u64 addr, u64 len, u64 prot, u64 key)
{
	return (s32)key == -1 ? sys_mprotect(addr, len, prot) : -EINVAL;
}
