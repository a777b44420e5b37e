/* SPDX-License-Identifier: MIT */
/* mremap: in place where there is room, else a new place and a copy by physical address. */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/mm_sys.h"
#include "guest-lwk/mm_parts.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/process.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/vma.h"

/* What is populated at `from` is copied to `to`, which is committed; at most one granule a
 * step. */
static s64 copy_pages(struct process *proc, u64 to, u64 from, u64 len)
{
	struct mm *mm = proc->mm;

	while (len) {
		u64 step = MIN(len, BLOCK_SIZE - (from & (BLOCK_SIZE - 1)));

		step = MIN(step, BLOCK_SIZE - (to & (BLOCK_SIZE - 1)));
		u64 *source = pt_granule(mm, from, false);

		/* Beside the window there is nothing of RAM. */
		if (source && *source && !pt_is_window(*source)) {
			struct vma *vma = vma_find(mm, to);

			if (mm_commit(proc, vma, to, to + step))
				return -ENOMEM;
			u64 *target = pt_granule(mm, to, false);

			pmem_copy(pt_block(*target) + (to & (BLOCK_SIZE - 1)),
				pt_block(*source) + (from & (BLOCK_SIZE - 1)), step);
		}
		to += step;
		from += step;
		len -= step;
	}
	return 0;
}

static s64 move(struct process *proc, u64 addr, u64 old_len, u64 new_len, u64 to)
{
	struct vma *vma = vma_find(proc->mm, addr);
	u32 prot = vma->prot, flags = vma->flags;
	s64 ret = mm_mmap(proc, to, new_len, prot, MM_AT_ONCE, mm_flags_asked(proc->mm, vma));

	if (ret < 0)
		return ret;
	/* No core may write to the old pages while they are copied. */
	s64 err = mm_rights(proc, addr, addr + old_len, prot & ~(u32)ABI_PROT_W);

	if (!err && !(flags & VMA_BEYOND))
		err = copy_pages(proc, (u64)ret, addr, MIN(old_len, new_len));
	if (!err)
		err = mm_unmap(proc, addr, addr + old_len);
	if (err) {
		mm_unmap(proc, (u64)ret, (u64)ret + new_len);
		mm_rights(proc, addr, addr + old_len, prot);
		return err;
	}
	return ret;
}

static bool may_grow(struct process *proc, const struct vma *vma, u64 old_len, u64 new_len)
{
	return new_len <= old_len || mm_may_map(proc, new_len - old_len, vma->prot, vma->flags);
}

static bool is_whole(const struct vma *vma, u64 addr, u64 len)
{
	return vma && vma->end >= addr + len && !(vma->flags & VMA_FIXED_KERNEL);
}

/* What is local has a share of few blocks: it grows within its last one, or as far as that
 * goes.
 */
static bool may_stay_local(const struct mm *mm, const struct vma *vma, u64 end)
{
	return !(vma->flags & VMA_LOCAL) || end <= ALIGN_UP(vma->end, BLOCK_SIZE) ||
	       mm_local_fits(mm, end - vma->start);
}

static s64 remap(
	struct process *proc, u64 addr, u64 old_len, u64 new_len, u64 flags, u64 new_addr)
{
	struct mm *mm = proc->mm;
	struct vma *vma = mm_vma(proc, addr);

	if (!is_whole(vma, addr, old_len))
		return -EFAULT;
	if (flags & MREMAP_FIXED) {
		if (mm_window_beside(mm, new_addr, new_addr + new_len))
			return -ENOMEM;

		s64 err = mm_unmap(proc, new_addr, new_addr + new_len);

		/* The vma may have been split, or be another one. */
		if (!err && !may_grow(proc, vma_find(mm, addr), old_len, new_len))
			err = -ENOMEM;
		return err ? err : move(proc, addr, old_len, new_len, new_addr);
	}
	if (new_len <= old_len) {
		s64 err = new_len < old_len
				  ? mm_unmap_parts(proc, addr + new_len, addr + old_len)
				  : 0;

		return err ? err : (s64)addr;
	}
	if (!may_grow(proc, vma, old_len, new_len))
		return -ENOMEM;
	struct vma *next = vma_find_above(mm, addr + old_len);

	if (vma->end == addr + old_len && addr + new_len <= ABI_MMAP_TOP &&
		may_stay_local(mm, vma, addr + new_len) &&
		(!next || next->start >= addr + new_len) &&
		!mm_window_beside(mm, addr + old_len, addr + new_len)) {
		s64 ret = mm_mmap(
			proc, addr + old_len, new_len - old_len, vma->prot, 0, vma->flags);

		return ret < 0 ? ret : (s64)addr;
	}
	return flags & MREMAP_MAYMOVE ? move(proc, addr, old_len, new_len, 0) : -ENOMEM;
}

/* What is refused must change nothing: so nothing is vacated for it. */
static bool may_move(struct process *proc, u64 addr, u64 old_len, u64 new_addr, u64 new_len)
{
	return is_whole(mm_vma(proc, addr), addr, old_len) &&
	       !mm_window_meets(proc->mm, addr, addr + old_len) &&
	       !mm_window_beside(proc->mm, new_addr, new_addr + new_len);
}

s64 sys_mremap(u64 addr, u64 old_len, u64 new_len, u64 flags, u64 new_addr)
{
	struct process *proc = current_thread()->proc;

	old_len = ALIGN_UP(old_len, PAGE_SIZE);
	new_len = ALIGN_UP(new_len, PAGE_SIZE);
	if (addr & (PAGE_SIZE - 1) || !new_len || !old_len || flags & ~3ULL ||
		(flags & 3) == MREMAP_FIXED || addr >= ABI_USER_END ||
		old_len > ABI_USER_END - addr)
		return -EINVAL;
	if (new_len > ABI_USER_END)
		return -ENOMEM;
	if (flags & MREMAP_FIXED &&
		(new_addr & (PAGE_SIZE - 1) || new_addr < ABI_USER_START ||
			new_addr > ABI_USER_END - new_len ||
			(new_addr < addr + old_len && addr < new_addr + new_len)))
		return -EINVAL;
	spin_lock(&proc->mm->lock);
	mm_ready(proc, addr, addr + old_len);
	if (flags & MREMAP_FIXED && may_move(proc, addr, old_len, new_addr, new_len))
		mm_vacate(proc, new_addr, new_addr + new_len);
	while (mm_ready(proc, addr, addr + MAX(old_len, new_len)) ||
		(flags & MREMAP_FIXED && mm_ready(proc, new_addr, new_addr + new_len)))
		;
	if (mm_window_meets(proc->mm, addr, addr + old_len))
		return window_mremap(addr, old_len, new_len, flags, new_addr);
	s64 ret = remap(proc, addr, old_len, new_len, flags, new_addr);

	spin_unlock(&proc->mm->lock);
	return ret;
}
