/* SPDX-License-Identifier: MIT */
#include "guest-lwk/mm_parts.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/process.h"
#include "guest-lwk/pt_leaves.h"
#include "guest-lwk/pt_window.h"
#include "guest-lwk/vma.h"

bool mm_room(struct process *proc)
{
	while (log_room(proc))
		;
	return !READ_ONCE(proc->exiting);
}

/* Nearly always. Of the window each page can be a record, and something can be pending. */
static bool is_small(const struct process *proc, u64 start, u64 end)
{
	return likely(end - start <= MM_SMALL && !proc->mm->windows);
}

bool mm_ready(struct process *proc, u64 start, u64 end)
{
	bool waited = false;

	if (is_small(proc, start, end))
		return false;
	while (log_room(proc) || mm_window_settle(proc, start, end))
		waited = true;
	return waited;
}

/* Can there be more than MM_PART_BLOCKS records in it? */
static bool may_be_many(struct mm *mm, u64 start, u64 end)
{
	if (end - start <= MM_PART_BLOCKS * PAGE_SIZE)
		return false;
	return mm_window_meets(mm, start, end) ||
	       (end - start > MM_PART_BLOCKS * BLOCK_SIZE &&
		       mm->committed > MM_PART_BLOCKS * BLOCK_SIZE);
}

/* Where the record ends that begins with the granule at `at`, whose part of [at, end) it is. */
static u64 record_end(const u64 *entry, u64 at, u64 end)
{
	u64 next = MIN(end, ALIGN_DOWN(at, BLOCK_SIZE) + BLOCK_SIZE), n = 0;

	if (pt_is_window(*entry))
		return at + pt_window_run(*entry, at, next);
	if (!(at & (BLOCK_SIZE - 1)))
		n = pt_leaves_run(entry, pt_leaves_room(at, (end - at) / BLOCK_SIZE));
	return n ? at + n * BLOCK_SIZE : next;
}

/* As far as there are no more than MM_PART_BLOCKS runs of blocks, or of the window's pages. */
static u64 part_end(struct mm *mm, u64 start, u64 end)
{
	u64 n = 0, next;

	if (!may_be_many(mm, start, end))
		return end;
	for (u64 at = start; at < end; at = next) {
		const u64 *entry = pt_granule(mm, at, false);

		next = entry ? ALIGN_DOWN(at, BLOCK_SIZE) + BLOCK_SIZE
			     : ALIGN_DOWN(at, GIB_SIZE) + GIB_SIZE;
		if (!entry || !*entry)
			continue;
		next = record_end(entry, at, end);
		if (n++ == MM_PART_BLOCKS)
			return at;
	}
	return end;
}

s64 mm_unmap_parts(struct process *proc, u64 start, u64 end)
{
	s64 ret = 0;

	if (is_small(proc, start, end))
		return mm_unmap(proc, start, end);
	for (u64 stop; start < end && !ret; start = stop) {
		mm_ready(proc, start, end);
		if (READ_ONCE(proc->exiting))
			return -EINTR;
		stop = part_end(proc->mm, start, end);
		ret = mm_unmap(proc, start, stop);
	}
	return ret;
}

void mm_vacate(struct process *proc, u64 start, u64 end)
{
	u64 stop;

	/* Failing here is no harm: who replaces all of it is told. */
	while (mm_ready(proc, start, end), (stop = part_end(proc->mm, start, end)) < end) {
		if (READ_ONCE(proc->exiting) || mm_unmap(proc, start, stop) ||
			vma_add(proc->mm, start, stop, 0, VMA_TOUCH))
			return;
		start = stop;
	}
}
