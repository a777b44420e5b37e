/* SPDX-License-Identifier: MIT */
/* Private mappings of files: memory of the program's own, into which the proxy reads. */
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mm_parts.h"
#include "guest-lwk/mm_sys.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/process.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/vma.h"

/* The proxy must find memory where it is to write; what lies behind the file's end needs none.
 */
static s64 chunk_commit(struct process *proc, u64 start, u64 end)
{
	struct mm *mm = proc->mm;
	s64 ret = 0;

	spin_lock(&mm->lock);
	if (!mm_room(proc))
		ret = -ENOMEM;
	while (start < end && !ret) {
		struct vma *vma = vma_find(mm, start);
		u64 stop = vma ? MIN(end, vma->end) : end;

		/* Of the window: another thread has mapped a file there meanwhile. */
		ret = vma && !(vma->flags & VMA_WINDOW) ? mm_commit(proc, vma, start, stop)
							: -ENOMEM;
		start = stop;
	}
	spin_unlock(&mm->lock);
	return ret;
}

#define CHUNK_FIRST (4ULL << 20)
#define CHUNK_MOST  (MM_PART / 2) /* one part, wherever it begins */

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
			chunk = MIN(chunk * 2, CHUNK_MOST);
			if (chunk_commit(proc, addr + done, addr + ready))
				return -ENOMEM;
		}
		u64 arg[6] = {fd, addr + done, ready - done, off + done};
		s64 n = fwd_call(ABI_NR_pread64, arg, addr + done, addr + ready);

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

	if (start & (PAGE_SIZE - 1) && entry && *entry && !pt_is_window(*entry))
		pmem_zero(pt_block(*entry) + (start & (BLOCK_SIZE - 1)),
			PAGE_SIZE - (start & (PAGE_SIZE - 1)));
}

s64 mm_file_map(struct process *proc, u64 addr, u64 len, u64 prot, u64 fd, u64 off)
{
	s64 ret = file_fill(proc, addr, len, fd, off);
	u64 filled = ret > 0 ? ALIGN_UP((u64)ret, PAGE_SIZE) : 0;

	spin_lock(&proc->mm->lock);
	if (ret >= 0 && filled < len && !mm_window_meets(proc->mm, addr, addr + len))
		mm_vacate(proc, addr + filled, addr + len);
	/* The lock was given up: another thread may have mapped a file of the window instead,
	 * which is not ours to clear, or to take away. */
	mm_window_settle(proc, addr, addr + len);
	if (mm_window_meets(proc->mm, addr, addr + len)) {
		spin_unlock(&proc->mm->lock);
		return -ENOMEM;
	}
	if (ret >= 0)
		tail_zero(proc, addr + (u64)ret);
	if (ret >= 0 && filled < len)
		ret = beyond_map(proc, addr + filled, addr + len, prot);
	if (ret < 0)
		mm_unmap_parts(proc, addr, addr + len);
	spin_unlock(&proc->mm->lock);
	return ret < 0 ? ret : (s64)addr;
}
