/* SPDX-License-Identifier: MIT */
#include "guest-lwk/gate.h"
#include "guest-lwk/process_exec.h"
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mempolicy.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/vma.h"

extern char vdso_image[], vdso_image_end[];

/* A GiB that holds this much of a program is worth a whole 1 GiB block. */
#define SLOT_WORTH  (32ULL << 20)
#define STACK_LEAST (128ULL << 10)
#define STACK_MOST  GIB_SIZE

static bool seg_ok(const struct abi_exec_seg *seg, u64 above)
{
	return !(seg->va & (PAGE_SIZE - 1)) && !(seg->len & (PAGE_SIZE - 1)) && seg->len &&
	       seg->va >= above && seg->va >= ABI_USER_START && seg->va < ABI_MMAP_TOP &&
	       seg->len <= ABI_MMAP_TOP - seg->va && seg->file_len <= seg->len &&
	       seg->prot <= 7;
}

static bool segs_ok(const struct abi_exec *exec)
{
	u64 above = 0;

	for (u32 i = 0; i < exec->nsegs; i++) {
		if (!seg_ok(&exec->seg[i], above))
			return false;
		above = exec->seg[i].va + exec->seg[i].len;
	}
	return true;
}

/*
 * Core 0 appends to the log of a process that nobody runs yet, before each step of half the log
 * at most: a proxy that is stopped is refused, not waited for.
 */
static s64 slots_prepare(struct process *proc, const struct abi_exec *exec)
{
	struct placement place;
	u64 gib = 0, sum = 0;

	mempolicy_place_near(proc, &place);
	for (u32 i = 0; i < exec->nsegs; i++) {
		u64 end = exec->seg[i].va + exec->seg[i].len;

		for (u64 at = exec->seg[i].va; at < end;) {
			u64 stop = MIN(end, ALIGN_DOWN(at, GIB_SIZE) + GIB_SIZE);

			if (gib != at / GIB_SIZE + 1) {
				gib = at / GIB_SIZE + 1;
				sum = 0;
			}
			sum += stop - at;
			if (!log_drains(proc))
				return -ENOMEM;
			if (sum >= SLOT_WORTH && !mm_slot_find(proc->mm, at))
				mm_slot_create(proc, at, &place);
			at = stop;
		}
	}
	return 0;
}

static s64 map_touch(struct process *proc, u64 start, u64 end, u32 prot, u32 flags)
{
	return vma_add(proc->mm, start, end, prot, VMA_TOUCH | flags);
}

/* As far as its file goes, GiB by GiB: the proxy applies the log meanwhile. */
static s64 seg_commit(struct process *proc, const struct abi_exec_seg *seg)
{
	u64 end = seg->va + ALIGN_UP(seg->file_len, PAGE_SIZE);

	for (u64 at = seg->va, stop; at < end; at = stop) {
		stop = MIN(end, ALIGN_DOWN(at, GIB_SIZE) + GIB_SIZE);
		if (!log_drains(proc) || mm_commit(proc, vma_find(proc->mm, seg->va), at, stop))
			return -ENOMEM;
	}
	return 0;
}

static s64 segs_map(struct process *proc, const struct abi_exec *exec)
{
	for (u32 i = 0; i < exec->nsegs; i++) {
		const struct abi_exec_seg *seg = &exec->seg[i];

		if (map_touch(proc, seg->va, seg->va + seg->len, seg->prot, 0) ||
			seg_commit(proc, seg))
			return -ENOMEM;
	}
	if (exec->brk & (PAGE_SIZE - 1) || exec->brk < ABI_USER_START ||
		exec->brk > ABI_MMAP_TOP)
		return -EINVAL;
	proc->mm->brk_start = proc->mm->brk = exec->brk;
	return 0;
}

static s64 stack_map(struct process *proc, struct abi_exec *exec)
{
	u64 size = ALIGN_DOWN(MIN(MAX(exec->stack_max, STACK_LEAST), STACK_MOST), PAGE_SIZE);
	u64 need = ALIGN_UP(exec->stack_need, PAGE_SIZE);

	if (need > size / 2)
		return -EINVAL;
	if (map_touch(proc, ABI_STACK_TOP - size, ABI_STACK_TOP, ABI_PROT_R | ABI_PROT_W,
		    VMA_STACK | VMA_ROOM))
		return -ENOMEM;
	exec->stack_top = ABI_STACK_TOP;
	struct vma *vma = mm_vma(proc, ABI_STACK_TOP - need);

	if (!vma || !log_drains(proc))
		return -ENOMEM;
	return mm_commit(proc, vma, ABI_STACK_TOP - need, ABI_STACK_TOP);
}

/* The time page, and behind it the vDSO's pages, out of the kernel's image. */
static s64 vdso_map(struct process *proc, struct abi_exec *exec)
{
	u64 pages = (u64)(vdso_image_end - vdso_image + PAGE_SIZE - 1) / PAGE_SIZE;
	u64 va = ABI_VDSO_VA, gpa = (u64)vdso_image - ABI_IMAGE_VA;

	if (vma_add(proc->mm, va, va + PAGE_SIZE, ABI_PROT_R, VMA_FIXED_KERNEL) ||
		pt_map_foreign(proc->mm, va, ptr_to_gpa(&machine.share->time), ABI_PROT_R))
		return -ENOMEM;
	va += PAGE_SIZE;
	if (vma_add(proc->mm, va, va + pages * PAGE_SIZE, ABI_PROT_R | ABI_PROT_X,
		    VMA_FIXED_KERNEL))
		return -ENOMEM;
	for (u64 i = 0; i < pages; i++)
		if (pt_map_foreign(proc->mm, va + i * PAGE_SIZE, gpa + i * PAGE_SIZE,
			    ABI_PROT_R | ABI_PROT_X))
			return -ENOMEM;
	exec->vdso = va;
	return gate_map(proc->mm, proc->share->trace);
}

s64 exec_map_kernel(struct process *proc)
{
	static struct abi_exec unused; /* large; core 0 alone is here */

	return vdso_map(proc, &unused);
}

s64 exec_map(struct process *proc, struct abi_exec *shared)
{
	/* Copy in once, then validate the copy: the proxy can write to the share area at any
	 * time. */
	static struct abi_exec exec;
	s64 ret;

	exec = *shared;
	if (exec.nsegs > ABI_EXEC_SEGS || exec.stack_need > STACK_MOST || !segs_ok(&exec))
		return -EINVAL;
	memcpy(proc->limits, exec.limit, sizeof(proc->limits));
	spin_lock(&proc->mm->lock);
	ret = slots_prepare(proc, &exec);
	if (!ret)
		ret = segs_map(proc, &exec);
	if (!ret)
		ret = stack_map(proc, &exec);
	if (!ret)
		ret = vdso_map(proc, &exec);
	spin_unlock(&proc->mm->lock);
	shared->stack_top = exec.stack_top;
	shared->vdso = exec.vdso;
	return ret;
}

void exec_regs(struct regs *regs, const struct abi_exec *exec)
{
	*regs = (struct regs){
		.rip = exec->entry < ABI_USER_END ? exec->entry : 0,
		.rsp = exec->rsp < ABI_USER_END ? exec->rsp : 0,
		.cs = USER_CS,
		.ss = USER_DS,
		.rflags = 0x202,
	};
}

s64 mm_create(struct process *proc)
{
	struct mm *mm = kmem_alloc(sizeof(*mm));

	if (!mm)
		return -ENOMEM;
	mm->root = pt_root_create();
	if (!mm->root) {
		kmem_free(mm, sizeof(*mm));
		return -ENOMEM;
	}
	proc->mm = mm;
	mm->touch = proc->share->commit ? proc->share->commit == 2 : machine.first_touch;
	mm->watch = !mm->touch && nodes.nmemory > 1;
	return 0;
}

/*
 * By granules in which something is, not at once: to look into each GiB of an address space
 * takes seconds where ring 0 is emulated.
 */
static void unmap_all(struct process *proc)
{
	struct mm *mm = proc->mm;

	while (mm->first) {
		u64 start = ALIGN_DOWN(mm->first->start, BLOCK_SIZE);
		u64 end = start + BLOCK_SIZE;

		for (struct vma *v = mm->first; v && v->start <= end; v = v->next)
			end = MAX(end, ALIGN_UP(v->end, BLOCK_SIZE));
		if (mm_unmap(proc, start, end))
			return; /* no memory to split a vma: there is none to be split */
	}
	while (mm->slots)
		mm_slot_free(proc, mm->slots);
}

void mm_destroy(struct process *proc)
{
	struct mm *mm = proc->mm;
	u64 *entry;

	if (!mm)
		return;
	spin_lock(&mm->lock);
	entry = pt_granule(mm, ABI_VDSO_VA, false);
	/* No entry may be present in a table that the VMM clears, and fills again (pt_range.h).
	 */
	for (struct vma *vma = mm->first; vma; vma = vma->next) {
		if (vma->flags & VMA_FIXED_KERNEL && entry && *entry)
			pt_hide(entry, vma->start, vma->end);
		vma->flags &= ~(u32)VMA_FIXED_KERNEL;
	}
	if (entry && *entry)
		pt_forget(mm, entry);
	unmap_all(proc);
	mm_shm_forget(mm);
	mm_warm_drop(proc);
	pt_retired_free(mm);
	pt_root_destroy(mm);
	mempolicy_free(mm);
	spin_unlock(&mm->lock);
	proc->mm = NULL;
	kmem_free(mm, sizeof(*mm));
}
