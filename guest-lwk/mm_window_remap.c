/* SPDX-License-Identifier: MIT */
/*
 * mremap of a mapping of the window: more of the same file is mapped, at the old mapping's end
 * or, all of it, elsewhere; the old one goes when the new one is there. The old one is pending
 * meanwhile, so that it is still what was asked about, and those who would change it wait; its
 * entries serve whoever uses it.
 */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/mm_parts.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/mm_sys.h"
#include "guest-lwk/mm_window_fill.h"
#include "guest-lwk/vma.h"

struct remap {
	u64 addr, old_len, new_len;
	u64 to, len;  /* what is to be mapped; len 0: nothing */
	u64 held;     /* gpa of a page */
	u64 distance; /* from it in the file to what goes to `to` */
	u32 prot, flags;
};

/* In place: the part that the mapping grows by. */
static s64 grow_begin(struct process *proc, struct remap *r)
{
	struct mm *mm = proc->mm;
	u64 end = r->addr + r->old_len;

	if (!mm_is_free(mm, end, r->new_len - r->old_len))
		return -ENOMEM;
	r->to = end;
	r->len = r->new_len - r->old_len;
	r->held = mm_window_gpa(mm, end - PAGE_SIZE);
	r->distance = PAGE_SIZE;
	return mm_window_reserve(
		proc, r->to, r->len, r->flags, false, vma_find(mm, r->addr)->mapping);
}

/* Elsewhere: all of it, congruent to where it was. */
static s64 move_begin(struct process *proc, struct remap *r, u64 new_addr, bool fixed)
{
	struct mm *mm = proc->mm;

	r->to = fixed ? new_addr : mm_pick_window(mm, r->new_len, r->addr);
	r->len = r->new_len;
	r->held = mm_window_gpa(mm, r->addr);
	r->distance = 0;
	if (!r->to)
		return -ENOMEM;
	return mm_window_reserve(proc, r->to, r->len, r->flags, fixed, 0);
}

static s64 old_pending(struct mm *mm, const struct remap *r)
{
	u64 end = r->addr + r->old_len;

	if (vma_split(mm, r->addr) || vma_split(mm, end))
		return -ENOMEM;
	for (struct vma *vma = vma_find(mm, r->addr); vma && vma->start < end; vma = vma->next)
		vma->flags |= VMA_PENDING;
	return 0;
}

/* What is to be done, and begins it; mm.lock is held. To shrink is done, perhaps in parts. */
static s64 remap_begin(struct process *proc, struct remap *r, u64 flags, u64 new_addr)
{
	struct mm *mm = proc->mm;
	const struct vma *vma = vma_find(mm, r->addr);
	bool fixed = flags & MREMAP_FIXED;
	s64 ret;

	if (!vma || !(vma->flags & VMA_WINDOW) || vma->end < r->addr + r->old_len)
		return -EFAULT;
	r->prot = vma->prot;
	r->flags = vma->flags & ~(u32)VMA_PENDING;
	if (!fixed && r->new_len <= r->old_len)
		return mm_unmap_parts(proc, r->addr + r->new_len, r->addr + r->old_len);
	if (r->new_len > r->old_len &&
		!mm_may_map(proc, r->new_len - r->old_len, r->prot, r->flags))
		return -ENOMEM;
	if (!fixed && vma->end == r->addr + r->old_len && !grow_begin(proc, r))
		return 0;
	if (!(flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	ret = move_begin(proc, r, new_addr, fixed);
	if (!ret && old_pending(mm, r)) {
		mm_window_undo(proc, r->to, r->to + r->len);
		ret = -ENOMEM;
	}
	return ret;
}

/* The new mapping is made, and then the old one goes. */
static s64 remap_fill(struct process *proc, const struct remap *r)
{
	struct mm *mm = proc->mm;
	struct fwd_whole call = {.nr = ABI_CALL_WINDOW_GROW, .len = r->len};
	s64 ret;

	memcpy(call.arg,
		(const u64[6]){r->to, r->held, r->distance, r->len, !(r->flags & VMA_NOWRITE)},
		sizeof(call.arg));
	ret = window_fill(proc, r->to, r->prot, &call);
	if (r->distance)
		return ret < 0 ? ret : (s64)r->addr;
	spin_lock(&mm->lock);
	/* Not pending any more, else the parts would wait for it. No fork begins: `changes`. */
	mm_window_done(mm, r->addr, r->addr + r->old_len, r->prot, 0);
	mm_window_wake(mm);
	if (ret >= 0)
		mm_unmap_parts(proc, r->addr, r->addr + r->old_len);
	spin_unlock(&mm->lock);
	return ret;
}

s64 window_mremap(u64 addr, u64 old_len, u64 new_len, u64 flags, u64 new_addr)
{
	struct process *proc = current_thread()->proc;
	struct remap r = {.addr = addr, .old_len = old_len, .new_len = new_len};
	struct mm *mm = proc->mm;
	s64 ret;

	/* No wait: sys_mremap() has settled it, so that no fork copies, though one may be about
	 * to. */
	mm->changes++;
	ret = remap_begin(proc, &r, flags, new_addr);
	spin_unlock(&mm->lock);
	if (!ret)
		ret = r.len ? remap_fill(proc, &r) : (s64)addr;
	mm_window_changed(proc);
	return ret;
}
