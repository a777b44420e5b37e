/* SPDX-License-Identifier: MIT */
/* The memory calls, as Linux has them; refusals and differences are in docs/linux-abi.md. */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mm.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/process.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/vma.h"

#define MAP_PRIVATE         0x02
#define MAP_TYPE            0x0f
#define MAP_FIXED           0x10
#define MAP_ANONYMOUS       0x20
#define MAP_GROWSDOWN       0x100
#define MAP_NORESERVE       0x4000
#define MAP_POPULATE        0x8000
#define MAP_STACK           0x20000
#define MAP_FIXED_NOREPLACE 0x100000

#define PROT_MASK  7
#define PROT_GROWS 0x03000000ULL /* PROT_GROWSDOWN or PROT_GROWSUP, not both */

#define NR_PREAD64 17

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

static bool is_free(struct mm *mm, u64 addr, u64 len)
{
	struct vma *vma = vma_find_above(mm, addr);

	return addr >= ABI_USER_START && addr + len <= ABI_MMAP_TOP &&
	       (!vma || vma->start >= addr + len);
}

/* The proxy must find memory where it is to write; what lies behind the file's end needs none.
 */
static s64 chunk_commit(struct process *proc, u64 start, u64 end)
{
	struct mm *mm = proc->mm;
	s64 ret = 0;

	spin_lock(&mm->lock);
	while (start < end && !ret) {
		struct vma *vma = vma_find(mm, start);
		u64 stop = vma ? MIN(end, vma->end) : end;

		ret = vma ? mm_commit(proc, vma, start, stop) : -ENOMEM;
		start = stop;
	}
	spin_unlock(&mm->lock);
	return ret;
}

#define CHUNK_FIRST (4ULL << 20)

/*
 * The bytes of a private file mapping, read straight into it by the proxy, which may write
 * whatever the protection: how many there were, less than len where the file ends. In chunks
 * that grow, because memory for a library's large .bss, which ld.so maps with the file at
 * first, may not even be there.
 */
static s64 file_fill(struct process *proc, u64 addr, u64 len, u64 fd, u64 off)
{
	u64 done = 0, ready = 0, chunk = CHUNK_FIRST;

	while (done < len) {
		if (done == ready) {
			ready += MIN(chunk, len - ready);
			chunk *= 2;
			if (chunk_commit(proc, addr + done, addr + ready))
				return -ENOMEM;
		}
		u64 arg[6] = {fd, addr + done, ready - done, off + done};
		s64 n = fwd_call(NR_PREAD64, arg, addr + done, addr + ready);

		if (n == -EINTR)
			continue;
		if (n == ABI_NOT_BEGUN) /* a signal waits: the call again after it */
			return -ERESTARTNOINTR;
		if (n == 0)
			break;
		if (n < 0) /* directories and pipes have no pages: as mmap says it */
			return n == -21 || n == -29 ? -ENODEV : n == -EBADF ? -EBADF : -EACCES;
		done += (u64)n;
	}
	return (s64)done;
}

/* Pages that begin after the file's end are SIGBUS, not zeros. */
static s64 beyond_map(struct process *proc, u64 start, u64 end, u64 prot)
{
	s64 ret = mm_unmap(proc, start, end);

	if (!ret)
		ret = mm_mmap(proc, start, end - start, (u32)prot, 0, VMA_BEYOND);
	return ret < 0 ? ret : 0;
}

/* What was mapped here before must not show behind the file's last byte. */
static void tail_zero(struct process *proc, u64 start)
{
	u64 *entry = pt_granule(proc->mm, start, false);

	if (start & (PAGE_SIZE - 1) && entry && *entry)
		pmem_zero(pt_block(*entry) + (start & (BLOCK_SIZE - 1)),
			PAGE_SIZE - (start & (PAGE_SIZE - 1)));
}

static s64 file_map(struct process *proc, u64 addr, u64 len, u64 prot, u64 fd, u64 off)
{
	s64 ret = file_fill(proc, addr, len, fd, off);
	u64 filled = ret > 0 ? ALIGN_UP((u64)ret, PAGE_SIZE) : 0;

	spin_lock(&proc->mm->lock);
	if (ret >= 0)
		tail_zero(proc, addr + (u64)ret);
	if (ret >= 0 && filled < len)
		ret = beyond_map(proc, addr + filled, addr + len, prot);
	if (ret < 0)
		mm_unmap(proc, addr, addr + len);
	spin_unlock(&proc->mm->lock);
	return ret < 0 ? ret : (s64)addr;
}

/*
 * ld.so maps a library whole and then each of its segments over that. There the memory stays
 * and is read over: all of [start, end) is of a file's mapping, or of nothing else than memory.
 */
static bool can_overlay(struct mm *mm, u64 start, u64 end)
{
	while (start < end) {
		struct vma *vma = vma_find(mm, start);

		if (!vma || vma->flags & ~(u32)VMA_TOUCH)
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

static bool limits_allow(struct process *proc, u64 addr, u64 len, u64 prot, u64 flags)
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
	struct vma *vma = vma_find_above(mm, addr);
	s64 ret = 0;

	if (flags & MAP_FIXED_NOREPLACE && vma && vma->start < addr + len)
		return -EEXIST;
	if (!limits_allow(proc, addr, len, prot, flags))
		return -ENOMEM;
	if (flags & MAP_FIXED && file && can_overlay(mm, addr, addr + len)) {
		ret = mm_protect(proc, addr, addr + len, (u32)prot);
		return ret ? ret : (s64)addr;
	}
	if (flags & MAP_FIXED) {
		/* Behind a file's end: a library's .bss. */
		if (vma && vma->start <= addr && vma->flags & VMA_BEYOND)
			vma_flags |= VMA_TOUCH;
		ret = mm_unmap(proc, addr, addr + len);
	} else if (addr && !(flags & MAP_FIXED_NOREPLACE) && !is_free(mm, addr, len)) {
		addr = 0;
	}
	/* Not among the reservations that are never filled. */
	if (!addr && file)
		addr = mm_pick(mm, len, false);
	return ret ? ret : mm_mmap(proc, addr, len, (u32)prot, how, vma_flags);
}

static s64 map_anywhere(struct process *proc, u64 addr, u64 len, u64 prot, u64 flags)
{
	spin_lock(&proc->mm->lock);
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
	/* Shared files need the window (design.md, 'Shared memory'); shared anonymous memory is
	   private here until a program can fork. */
	if (file && type != 2)
		return -ENODEV;
	prot &= PROT_MASK;
	s64 ret = map_anywhere(proc, addr, len, prot, flags);

	return ret < 0 || !file ? ret : file_map(proc, (u64)ret, len, prot, fd, off);
}

s64 sys_munmap(u64 addr, u64 len)
{
	struct process *proc = current_thread()->proc;

	if (!range_ok(addr, &len))
		return -EINVAL;
	spin_lock(&proc->mm->lock);
	s64 ret = mm_unmap(proc, addr, addr + len);

	spin_unlock(&proc->mm->lock);
	return ret;
}

/* The end of what is mapped without a hole from start on, at most end; mm.lock is held. */
static u64 mapped_until(struct mm *mm, u64 start, u64 end)
{
	while (start < end) {
		struct vma *vma = vma_find(mm, start);

		if (!vma)
			break;
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
	prot &= PROT_MASK;
	/* Up to a hole, as Linux does it. */
	u64 end = mapped_until(proc->mm, addr, addr + len);
	s64 ret = mm_may_protect(proc, addr, end, (u32)prot)
			  ? mm_protect(proc, addr, end, (u32)prot)
			  : -ENOMEM;

	spin_unlock(&proc->mm->lock);
	return ret || end == addr + len ? ret : -ENOMEM;
}

#define BRK_PROT (ABI_PROT_R | ABI_PROT_W)

s64 sys_brk(u64 addr)
{
	struct process *proc = current_thread()->proc;
	struct mm *mm = proc->mm;

	spin_lock(&mm->lock);
	u64 old_end = ALIGN_UP(mm->brk, PAGE_SIZE), new_end = ALIGN_UP(addr, PAGE_SIZE);
	s64 ret = 0;

	if (addr < mm->brk_start || addr >= ABI_USER_END)
		ret = -ENOMEM;
	else if (new_end > old_end)
		ret = is_free(mm, old_end, new_end - old_end) &&
				      mm_may_map(proc, new_end - old_end, BRK_PROT, 0)
			      ? mm_mmap(proc, old_end, new_end - old_end, BRK_PROT, 0, 0)
			      : -ENOMEM;
	else if (new_end < old_end)
		ret = mm_unmap(proc, new_end, old_end);
	if (ret >= 0)
		mm->brk = addr;
	ret = (s64)mm->brk;
	spin_unlock(&mm->lock);
	return ret;
}

enum { MADV_DONTNEED = 4, MADV_FREE = 8, MADV_POPULATE_READ = 22, MADV_POPULATE_WRITE = 23 };

s64 sys_madvise(u64 addr, u64 len, u64 advice)
{
	struct process *proc = current_thread()->proc;
	s64 ret = 0;

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
	/* What is mapped gets the advice, whatever is missing in between. */
	for (u64 at = addr; at < addr + len;) {
		struct vma *vma = vma_find_above(proc->mm, at);
		u64 start = vma ? MAX(vma->start, at) : addr + len;
		u64 end = vma ? MIN(vma->end, addr + len) : addr + len;

		if (start > at)
			ret = -ENOMEM;
		if (start >= addr + len)
			break;
		if (advice == MADV_DONTNEED && vma->flags & VMA_FIXED_KERNEL) {
			ret = -EINVAL;
			break;
		}
		if (advice == MADV_DONTNEED)
			mm_discard(proc, start, end);
		at = end;
	}
	spin_unlock(&proc->mm->lock);
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
		u8 in = entry && *entry && pt_all_populated(*entry, at, at + PAGE_SIZE);

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
	return range_mapped(addr, len);
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
