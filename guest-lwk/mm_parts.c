/* SPDX-License-Identifier: MIT */
#include "guest-lwk/mm_parts.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/process.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/vma.h"

bool mm_room(struct process *proc)
{
	while (log_room(proc))
		;
	return !READ_ONCE(proc->exiting);
}

bool mm_ready(struct process *proc, u64 start, u64 end)
{
	bool waited = false;

	while ((end - start > MM_SMALL && log_room(proc)) || mm_window_settle(proc, start, end))
		waited = true;
	return waited;
}

/* As far as there are no more than MM_PART_BLOCKS granules with a block. */
static u64 part_end(struct mm *mm, u64 start, u64 end)
{
	u64 n = 0;

	if (end - start <= MM_PART_BLOCKS * BLOCK_SIZE ||
		(mm->committed <= MM_PART_BLOCKS * BLOCK_SIZE && !mm->windows))
		return end;
	for (u64 g = ALIGN_DOWN(start, BLOCK_SIZE); g < end; g += BLOCK_SIZE) {
		const u64 *entry = pt_granule(mm, g, false);

		if (!entry)
			g = ALIGN_DOWN(g, GIB_SIZE) + GIB_SIZE - BLOCK_SIZE;
		else if (*entry && n++ == MM_PART_BLOCKS)
			return g;
	}
	return end;
}

s64 mm_unmap_parts(struct process *proc, u64 start, u64 end)
{
	s64 ret = 0;

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
