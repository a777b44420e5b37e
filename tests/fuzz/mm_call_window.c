/* SPDX-License-Identifier: MIT */
/* Files mapped shared, and what happens to the files. */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/vma.h"
#include "tests/fuzz/mm_call.h"
#include "tests/fuzz/mm_model.h"

enum { MAP_SHARED = 1, MAP_FIXED = 0x10 };

/* RAM in the granules that [va, va+len) has a part of, or a GiB of it: then it may be refused.
 */
static bool beside_ram(u64 va, u64 len)
{
	u64 lo = ALIGN_DOWN(va, BLOCK_SIZE), hi = ALIGN_UP(va + len, BLOCK_SIZE);

	for (const struct gib_slot *s = sim_proc.mm->slots; s; s = s->next)
		if (s->va < va + len && va < s->va + GIB_SIZE)
			return true;
	for (u64 at = lo; at < hi; at += PAGE_SIZE)
		if ((at < va || at >= va + len) && model_page(at)->state != PAGE_UNMAPPED &&
			!model_page(at)->window)
			return true;
	return false;
}

static void map_window(u64 va, u64 len, u64 flags, u32 prot, u32 file, u64 off)
{
	bool bad = file >= WINDOW_FILES, denied = file == WINDOW_FILES - 1 && prot & ABI_PROT_W;
	bool excused = short_of(0, len) || (va && (beside_ram(va, len) || short_of(va, 0)));
	s64 ret = CALL(sys_mmap(va, len, prot, MAP_SHARED | flags, WINDOW_FD + file, off));

	sim_trace("mmap %lx %lx prot %u shared %lx file %u off %lx = %lx", va, len, prot, flags,
		file, off, (u64)ret);
	if ((bad && ret == -EBADF) || (denied && ret == -EACCES) || ret == -EIO ||
		(ret == -ENOMEM && excused)) {
		if (flags & MAP_FIXED)
			model_resync(va, va + len, true, prot);
		return;
	}
	if (ret < 0 || bad || denied || (flags & MAP_FIXED && ret != (s64)va))
		sim_fail("mmap: %ld", ret);
	if (!va && ((u64)ret ^ off) & (BLOCK_SIZE - 1))
		sim_fail("mmap: %lx is not congruent to its offset", (u64)ret);
	if (flags & MAP_FIXED)
		model_unmap((u64)ret, (u64)ret + len);
	model_map((u64)ret, (u64)ret + len, prot, false);
	model_window((u64)ret, (u64)ret + len, file * WINDOW_PAGES + (u32)(off / PAGE_SIZE),
		file == WINDOW_FILES - 1);
	area_add((u64)ret, len);
}

void call_window(void)
{
	u32 file = (u32)sim_random(WINDOW_FILES + (sim_random(8) == 0 ? 3 : 0));
	u64 pages = 1 + sim_random(sim_random(2) ? 20 : WINDOW_PAGES / 2), va = 0, flags = 0;
	u64 off = PAGE_SIZE * sim_random(WINDOW_PAGES / 2);
	struct area part = part_pick();

	if (sim_random(4) == 0) {
		file = (u32)sim_random(WINDOW_FILES);
		window_truncate(file, (u32)sim_random(WINDOW_PAGES));
		return;
	}
	if (sim_random(2))
		off = ALIGN_DOWN(off, BLOCK_SIZE);
	if (sim_random(3) == 0) {
		va = part.va;
		pages = MIN(part.len / PAGE_SIZE, WINDOW_PAGES / 2);
		flags = MAP_FIXED;
	}
	map_window(va, pages * PAGE_SIZE, flags, random_prot(), file, off);
}
