/* SPDX-License-Identifier: MIT */
/* The calls on mappings of the window: what is under way while mm.lock is not held. */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/mm_parts.h"
#include "guest-lwk/mm_sys.h"
#include "guest-lwk/mm_window_fill.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/pt_window.h"
#include "guest-lwk/vma.h"

/* The gpa of an absent page, 0: whatever is there, it is not that. mm.lock is held. */
static u64 absent_gpa(struct mm *mm, u64 page)
{
	const u64 *entry = pt_granule(mm, page, false);
	u64 leaf = entry && pt_is_window(*entry) ? pt_window_leaf(*entry, page) : 0;

	return leaf & PTE_ABSENT && !mm_window_pending(mm, page, page + PAGE_SIZE)
		       ? leaf & PTE_ADDR
		       : 0;
}

s64 mm_window_wait(struct process *proc, u64 va)
{
	struct mm *mm = proc->mm;
	u64 page = ALIGN_DOWN(va, PAGE_SIZE);

	spin_lock(&mm->lock);
	mm_window_settle(proc, page, page + PAGE_SIZE);
	u64 gpa = absent_gpa(mm, page);

	spin_unlock(&mm->lock);
	if (!gpa)
		return 0;

	struct fwd_whole call = {.nr = ABI_CALL_WINDOW_FAULT, .arg = {page, gpa}};
	s64 ret = fwd_call_whole(&call);

	spin_lock(&mm->lock);
	if (absent_gpa(mm, page) != gpa)
		ret = 0; /* another mapping by now: its own fault will tell */
	else if (!ret)
		pt_window_arrived(pt_granule(mm, page, false), page, vma_find(mm, page)->prot);
	spin_unlock(&mm->lock);
	return ret ? -ENOMEM : 0;
}

/* ---- the proxy maps what is reserved ---- */

/* What is left after n bytes of it have been mapped, of which gpa is the first page. */
static void advance(struct fwd_whole *call, u64 n, u64 gpa, bool writable)
{
	u64 *arg = call->arg;

	if (call->nr == ABI_CALL_MAP_FILE && (s32)arg[0] >= 0) {
		arg[1] += n;
		arg[2] -= n;
		arg[5] += n;
	} else if (call->nr == ABI_CALL_WINDOW_GROW) { /* arg[1] stays held */
		arg[0] += n;
		arg[2] += n;
		arg[3] -= n;
	} else if (call->nr != ABI_CALL_SHMAT) { /* more of what has no descriptor */
		u64 va = arg[1], len = call->len;

		call->nr = ABI_CALL_WINDOW_GROW;
		memcpy(arg, (const u64[6]){va + n, gpa, n, len - n, writable},
			6 * sizeof(*arg));
	}
	call->len -= n;
}

static bool is_huge(const struct abi_window_answer *a)
{
	return a->huge > PAGE_SIZE;
}

/*
 * An answer that the kernel cannot use must not become entries. A segment is attached whole; of
 * huge pages there are whole ones.
 */
static bool answer_good(const struct abi_window_answer *a, u64 va, const struct fwd_whole *call)
{
	u64 len = call->len;

	if (call->nr == ABI_CALL_SHMAT && a->len != len)
		return false;
	if (a->huge > BLOCK_SIZE || (is_huge(a) && (va | a->len) & (BLOCK_SIZE - 1)))
		return false;
	return !((a->gpa | a->len) & (PAGE_SIZE - 1)) && a->len && a->len <= len &&
	       window_has(a->gpa) &&
	       a->len <= machine.window_gpa + machine.window_size - a->gpa;
}

s64 window_fill(struct process *proc, u64 va, u32 prot, struct fwd_whole *call)
{
	struct mm *mm = proc->mm;
	u64 start = va, end = va + call->len;
	struct abi_window_answer a = {0};
	u32 vma_flags = 0;
	s64 ret = 0;

	while (va < end && !ret) {
		struct fwd_whole made = *call;

		ret = fwd_call_whole(&made);
		memcpy(&a, made.arg, sizeof(a));
		if (ret)
			break;
		if (!answer_good(&a, va, call)) {
			ret = -EIO;
			break;
		}
		spin_lock(&mm->lock);
		ret = mm_window_enter(proc, va, &a, prot);
		spin_unlock(&mm->lock);
		vma_flags |= (a.writable ? 0 : VMA_NOWRITE) | (is_huge(&a) ? VMA_HUGE : 0);
		advance(call, a.len, a.gpa, a.writable);
		va += a.len;
	}
	spin_lock(&mm->lock);
	if (ret)
		mm_window_undo(proc, start, end);
	else
		mm_window_done(mm, start, end, prot, vma_flags);
	mm_window_wake(mm);
	spin_unlock(&mm->lock);
	return ret ? ret : (s64)start;
}

static s64 reserve(struct process *proc, u64 addr, u64 len, u64 prot, u64 flags, u64 off)
{
	struct mm *mm = proc->mm;
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	bool replace = flags & MAP_FIXED && !(flags & MAP_FIXED_NOREPLACE);
	s64 ret;

	if (replace)
		mm_ready(proc, addr, addr + len);
	if (flags & MAP_FIXED_NOREPLACE && !mm_is_free(mm, addr, len))
		return -EEXIST;
	if (!mm_limits_allow(proc, addr, len, prot, flags))
		return -ENOMEM;
	if (!fixed && !(addr && mm_is_free(mm, addr, len) && mm_window_fits(proc, addr, len)))
		addr = mm_pick_window(mm, len, off);
	if (!addr)
		return -ENOMEM;
	if (replace && mm_window_fits(proc, addr, len))
		mm_vacate(proc, addr, addr + len);
	ret = mm_window_reserve(proc, addr, len, 0, replace, 0);
	return ret ? ret : (s64)addr;
}

/* Memory in huge pages: as many as len needs, where they can be. */
static s64 huge_pages(u64 *addr, u64 *len, u64 flags)
{
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);

	*len = ALIGN_UP(*len, BLOCK_SIZE);
	if (*addr & (BLOCK_SIZE - 1)) {
		if (fixed)
			return -EINVAL;
		*addr = 0;
	}
	return *len > ABI_USER_END || *addr > ABI_USER_END - *len ? -ENOMEM : 0;
}

s64 window_mmap(u64 addr, u64 len, u64 prot, u64 flags, u64 fd, u64 off)
{
	struct process *proc = current_thread()->proc;
	bool file = !(flags & MAP_ANONYMOUS);
	s64 va = !file && flags & MAP_HUGETLB ? huge_pages(&addr, &len, flags) : 0;

	if (va)
		return va;
	spin_lock(&proc->mm->lock);
	mm_window_change(proc);
	va = reserve(proc, addr, len, prot, flags, file ? off : 0);

	spin_unlock(&proc->mm->lock);
	if (va < 0) {
		mm_window_changed(proc);
		return va;
	}

	struct fwd_whole call = {.nr = ABI_CALL_MAP_FILE, .len = len};

	memcpy(call.arg,
		(const u64[6]){file ? (u64)(s64)(s32)fd : ~0ULL, (u64)va, len, prot, flags,
			file ? off : (u64)va & (BLOCK_SIZE - 1)},
		sizeof(call.arg));
	va = window_fill(proc, (u64)va, (u32)prot, &call);
	mm_window_changed(proc);
	return va;
}

/* ---- calls on what is mapped ---- */

/* The next part of [*start, end) that is of the window; NULL: none. mm.lock is held. */
static struct vma *part_find(struct mm *mm, u64 *start, u64 end, u64 *stop)
{
	struct vma *vma;

	for (vma = vma_find_above(mm, *start); vma && vma->start < end; vma = vma->next)
		if (vma->flags & VMA_WINDOW)
			break;
	if (!vma || vma->start >= end)
		return NULL;
	*start = MAX(*start, vma->start);
	*stop = MIN(end, vma->end);
	return vma;
}

static bool next_part(struct process *proc, u64 *start, u64 end, u64 *stop)
{
	spin_lock(&proc->mm->lock);
	bool found = part_find(proc->mm, start, end, stop);

	spin_unlock(&proc->mm->lock);
	return found;
}

s64 window_forward(struct process *proc, u32 nr, u64 start, u64 end, u64 arg2)
{
	s64 ret = 0;
	u64 stop;

	while (!ret && start < end && READ_ONCE(proc->mm->windows) &&
		next_part(proc, &start, end, &stop)) {
		const u64 arg[6] = {start, stop - start, arg2};

		ret = fwd_call(nr, arg, start, stop);
		if (ret == ABI_NOT_BEGUN)
			return -ERESTARTNOINTR;
		start = stop;
	}
	return ret;
}

/* The next part is pending: what is mapped there cannot become RAM. 1, 0: none, -ENOMEM. */
static s64 part_begin(struct process *proc, u64 *start, u64 end, u64 *stop, u32 *prot)
{
	struct mm *mm = proc->mm;
	struct vma *vma;
	s64 ret = 0;

	spin_lock(&mm->lock);
	mm_window_settle(proc, *start, end);
	vma = part_find(mm, start, end, stop);
	if (vma)
		ret = vma_split(mm, *start) || vma_split(mm, *stop) ? -ENOMEM : 1;
	if (ret > 0) {
		vma = vma_find(mm, *start);
		vma->flags |= VMA_PENDING;
		*prot = vma->prot;
	}
	spin_unlock(&mm->lock);
	return ret;
}

s64 window_remove(struct process *proc, u64 start, u64 end)
{
	struct mm *mm = proc->mm;
	s64 ret = 0;
	u64 stop;
	u32 prot;

	while (!ret && start < end && READ_ONCE(mm->windows)) {
		s64 found = part_begin(proc, &start, end, &stop, &prot);

		if (found <= 0)
			return found;
		struct fwd_whole call = {
			.nr = ABI_NR_madvise, .arg = {start, stop - start, MADV_REMOVE}};

		ret = fwd_call_whole(&call);
		spin_lock(&mm->lock);
		mm_window_done(mm, start, stop, prot, 0);
		mm_window_wake(mm);
		spin_unlock(&mm->lock);
		start = stop;
	}
	return ret;
}
