/* SPDX-License-Identifier: MIT */
/*
 * System V shared memory: the host's own segments, attached by the proxy at the same address
 * and by the VMM to the window; permissions, ipcs and the end of a segment are the host's.
 */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/mm_parts.h"
#include "guest-lwk/mm_sys.h"
#include "guest-lwk/mm_window_fill.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/vma.h"

#define SHM_RDONLY 010000
#define SHM_RND    020000
#define SHM_REMAP  040000
#define SHM_EXEC   0100000

struct attach {
	u64 va, len;
	struct attach *next;
};

void mm_shm_forget(struct mm *mm)
{
	struct attach *a;

	while ((a = mm->attached)) {
		mm->attached = a->next;
		kmem_free(a, sizeof(*a));
	}
}

s64 mm_shm_copy(struct mm *to, const struct mm *from)
{
	struct attach **at = &to->attached;

	for (const struct attach *old = from->attached; old; old = old->next) {
		struct attach *a = kmem_alloc(sizeof(*a));

		if (!a)
			return -ENOMEM;
		*a = (struct attach){.va = old->va, .len = old->len};
		*at = a;
		at = &a->next;
	}
	return 0;
}

static s64 segment_size(u64 id)
{
	struct fwd_whole call = {.nr = ABI_CALL_SHMSIZE, .arg = {id}};

	return fwd_call_whole(&call);
}

/* mm.lock is held. */
static s64 reserve(struct process *proc, u64 addr, u64 len, u32 prot, u64 flags)
{
	struct mm *mm = proc->mm;
	bool replace = addr && flags & SHM_REMAP;
	s64 ret;

	if (replace)
		mm_ready(proc, addr, addr + len);
	else if (addr && !mm_is_free(mm, addr, len))
		return -EINVAL;
	if (!mm_may_map(proc, len, prot, VMA_SHARED))
		return -ENOMEM;
	if (!addr)
		addr = mm_pick_window(mm, len, 0);
	if (!addr)
		return -ENOMEM;
	if (replace && mm_window_fits(proc, addr, len))
		mm_vacate(proc, addr, addr + len);
	ret = mm_window_reserve(proc, addr, len, VMA_SHM, replace, 0);
	return ret ? ret : (s64)addr;
}

/* What lay in [va, va+len) as a whole has gone: shmdt must not find it. mm.lock is held. */
static void forget_replaced(struct mm *mm, u64 va, u64 len)
{
	struct attach **at = &mm->attached, *old;

	while ((old = *at)) {
		if (old->va >= va && old->va + old->len <= va + len) {
			*at = old->next;
			kmem_free(old, sizeof(*old));
		} else {
			at = &old->next;
		}
	}
}

static s64 attach(struct process *proc, struct attach *a, u64 id, u64 addr, u64 flags)
{
	u32 prot = ABI_PROT_R | (flags & SHM_RDONLY ? 0 : ABI_PROT_W) |
		   (flags & SHM_EXEC ? ABI_PROT_X : 0);
	struct mm *mm = proc->mm;

	spin_lock(&mm->lock);
	mm_window_change(proc);
	s64 va = reserve(proc, addr, a->len, prot, flags);

	spin_unlock(&mm->lock);
	if (va < 0) {
		mm_window_changed(proc);
		return va;
	}

	struct fwd_whole call = {
		.nr = ABI_CALL_SHMAT, .arg = {id, (u64)va, flags, a->len}, .len = a->len};

	va = window_fill(proc, (u64)va, prot, &call);
	if (va >= 0) {
		a->va = (u64)va;
		spin_lock(&mm->lock);
		forget_replaced(mm, a->va, a->len);
		a->next = mm->attached;
		mm->attached = a;
		spin_unlock(&mm->lock);
	}
	mm_window_changed(proc);
	return va;
}

/* Neither sum may wrap: the address is the program's, the size the proxy's word. */
static bool may_lie(u64 addr, u64 size)
{
	if (size > ABI_MMAP_TOP)
		return false;
	return !addr ||
	       (addr >= ABI_USER_START && addr <= ABI_MMAP_TOP - ALIGN_UP(size, PAGE_SIZE));
}

s64 sys_shmat(u64 id, u64 addr, u64 flags)
{
	struct process *proc = current_thread()->proc;
	struct attach *a;
	s64 size, ret;

	if (addr & (PAGE_SIZE - 1) && flags & SHM_RND)
		addr = ALIGN_DOWN(addr, PAGE_SIZE);
	if (addr & (PAGE_SIZE - 1) || (!addr && flags & SHM_REMAP) || !machine.window_size)
		return machine.window_size ? -EINVAL : -ENOSYS;
	size = segment_size(id);
	if (size < 0)
		return size;
	if (!size || !may_lie(addr, (u64)size))
		return -EINVAL;
	a = kmem_alloc(sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->len = ALIGN_UP((u64)size, PAGE_SIZE);
	ret = attach(proc, a, id, addr, flags & ~(u64)SHM_RND);
	if (ret < 0)
		kmem_free(a, sizeof(*a));
	return ret;
}

/* What is left of the segment at [start, end). */
static s64 detach(struct process *proc, u64 start, u64 end)
{
	struct vma *vma = vma_find_above(proc->mm, start);
	s64 ret = 0;

	while (vma && vma->start < end && !ret) {
		u64 lo = MAX(vma->start, start), hi = MIN(vma->end, end);

		if (vma->flags & VMA_SHM)
			ret = mm_unmap(proc, lo, hi);
		vma = vma_find_above(proc->mm, hi);
	}
	return ret;
}

static struct attach **attach_find(struct mm *mm, u64 addr)
{
	struct attach **at = &mm->attached;

	while (*at && (*at)->va != addr)
		at = &(*at)->next;
	return at;
}

s64 sys_shmdt(u64 addr)
{
	struct process *proc = current_thread()->proc;
	struct mm *mm = proc->mm;
	struct attach **at, *a;
	s64 ret = -EINVAL;

	spin_lock(&mm->lock);
	/* A fork that we wait for copies it: so it is in the list until then, and may not be
	 * any more afterwards. */
	do {
		at = attach_find(mm, addr);
		a = *at;
	} while (a && mm_window_settle(proc, addr, addr + a->len));
	if (a) {
		*at = a->next;
		ret = detach(proc, addr, addr + a->len);
		kmem_free(a, sizeof(*a));
	}
	spin_unlock(&mm->lock);
	return ret;
}
