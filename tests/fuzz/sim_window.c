/* SPDX-License-Identifier: MIT */
/* The host's side of the window: files, who refers to which page, what the proxy has mapped. */
#include <stdlib.h>
#include <sys/mman.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/vma.h"
#include "tests/fuzz/sim.h"

/* In the window each chunk of a file has a place of its own, in an order that is not the
 * file's. */
#define CHUNK_PAGES (BLOCK_SIZE / PAGE_SIZE)
#define FILE_CHUNKS (WINDOW_PAGES / CHUNK_PAGES)
#define CHUNKS      (WINDOW_FILES * FILE_CHUNKS)
#define PAGES       (CHUNKS * CHUNK_PAGES)

static u32 file_pages[WINDOW_FILES]; /* its length */
static u32 refs[PAGES];              /* by page of the window */
/* By process and granule: 1 + page of the window; and by GiB, how many there are. */
static u32 *proxies[2][ABI_USER_END / BLOCK_SIZE];
static u32 gib_pages[2][ABI_USER_END / GIB_SIZE];

/* Two chunks of a file follow each other, the next two are elsewhere. */
static u32 chunk_swap(u32 chunk)
{
	return chunk ^ 2;
}

static u32 page_swap(u32 page)
{
	return chunk_swap(page / CHUNK_PAGES) * CHUNK_PAGES + page % CHUNK_PAGES;
}

static u64 page_gpa(u32 page)
{
	return machine.window_gpa + page_swap(page) * PAGE_SIZE;
}

static u32 gpa_page(u64 gpa)
{
	return page_swap((u32)((gpa - machine.window_gpa) / PAGE_SIZE));
}

void window_boot(void)
{
	machine.window_gpa = SIM_GPA + (1ULL << 40);
	machine.window_size = PAGES * PAGE_SIZE;
	for (u32 i = 0; i < WINDOW_FILES; i++)
		file_pages[i] = (u32)sim_random(WINDOW_PAGES);
}

bool window_is(u64 gpa)
{
	return window_has(gpa);
}

void *window_ptr(u32 page)
{
	return gpa_to_ptr(page_gpa(page));
}

bool window_inside(u32 page)
{
	return page % WINDOW_PAGES < file_pages[page / WINDOW_PAGES];
}

void window_truncate(u32 file, u32 pages)
{
	sim_trace("truncate file %u to %u pages", file, pages);
	file_pages[file] = pages;
}

static u32 *page_of(u32 proc, u64 va)
{
	u32 **granule = &proxies[proc][va / BLOCK_SIZE];

	if (!*granule)
		*granule = calloc(CHUNK_PAGES, sizeof(**granule));
	return &(*granule)[va / PAGE_SIZE % CHUNK_PAGES];
}

static u32 *proxy_page(u64 va)
{
	return page_of(sim_proc.index, va);
}

static void proxy_set(u32 proc, u64 va, u32 value)
{
	u32 *at = page_of(proc, va);

	gib_pages[proc][va / GIB_SIZE] += !!value - !!*at;
	*at = value;
}

bool window_maps_gib(u64 start, u64 end)
{
	for (u64 i = start / GIB_SIZE; i < ALIGN_UP(end, GIB_SIZE) / GIB_SIZE; i++)
		if (gib_pages[sim_proc.index][i])
			return true;
	return false;
}

bool window_maps(u64 va, u64 len)
{
	for (u64 at = va; at < va + len; at += PAGE_SIZE)
		if (!proxies[sim_proc.index][at / BLOCK_SIZE])
			at = ALIGN_DOWN(at, BLOCK_SIZE) + BLOCK_SIZE - PAGE_SIZE;
		else if (*proxy_page(at))
			return true;
	return false;
}

void window_log_unmap(u32 proc, u64 va, u64 len)
{
	if (proc == sim_proc.index && sim_tlb_holds_va(va, len))
		sim_fail("log: va %lx is unmapped while a core can still use it", va);
	for (u64 at = va; at < va + len; at += PAGE_SIZE)
		proxy_set(proc, at, 0);
}

void window_log_keep(u32 proc, u64 va, u64 len)
{
	if (proc != sim_child.index || !sim_copying)
		sim_fail("log: va %lx is kept, which is no copy's", va);
	for (u64 at = va; at < va + len; at += PAGE_SIZE)
		proxy_set(proc, at, *proxy_page(at));
}

void window_hold(u64 gpa, u64 len)
{
	for (u64 at = gpa; at < gpa + len; at += PAGE_SIZE)
		if (!window_has(at) || !refs[gpa_page(at)]++)
			sim_fail("hold: page %lx of the window has no reference", at);
}

void window_put(u64 gpa, u64 len)
{
	for (u64 at = gpa; at < gpa + len; at += PAGE_SIZE)
		if (!window_has(at) || !refs[gpa_page(at)]--)
			sim_fail("reclaim: page %lx of the window has no reference left", at);
}

bool window_refuses(u64 gpa)
{
	if (!window_has(gpa) || window_inside(gpa_page(gpa)))
		return false;
	sim_enter();
	if (mm_window_bad(&sim_proc, gpa, PAGE_SIZE))
		sim_fail("no memory to take page %lx out", gpa);
	sim_leave();
	return true;
}

/* ---- the calls ---- */

static s64 answer(struct fwd_whole *call, u64 va, u32 page, u64 len, bool writable)
{
	struct abi_window_answer a = {
		.gpa = page_gpa(page), .writable = writable, .huge = 4096};
	/* As far as it is contiguous, or less. */
	u64 most = CHUNK_PAGES * (sim_random(2) + 1) - page % (CHUNK_PAGES * 1);

	if (page / CHUNK_PAGES % 2)
		most = CHUNK_PAGES - page % CHUNK_PAGES;
	a.len = MIN(len, most * PAGE_SIZE);
	for (u64 at = 0; at < a.len; at += PAGE_SIZE, page++) {
		if (host_proxy_ptr(va + at))
			sim_fail("va %lx gets something of the window, and has RAM", va + at);
		proxy_set(sim_proc.index, va + at, 1 + page);
		refs[page]++;
		a.inside += window_inside(page) && a.inside == at ? PAGE_SIZE : 0;
	}
	memcpy(call->arg, &a, sizeof(a));
	return 0;
}

static s64 map_file(struct fwd_whole *call)
{
	const u64 *arg = call->arg;
	u32 file = (u32)(arg[0] - WINDOW_FD);

	if (file >= WINDOW_FILES)
		return -EBADF;
	if (file == WINDOW_FILES - 1 && arg[3] & ABI_PROT_W)
		return -EACCES;
	if (sim_random(16) == 0)
		return -EIO;
	return answer(call, arg[1], file * WINDOW_PAGES + (u32)(arg[5] / PAGE_SIZE), arg[2],
		file != WINDOW_FILES - 1);
}

static s64 grow(struct fwd_whole *call)
{
	const u64 *arg = call->arg;
	u32 held = gpa_page(arg[1]);
	s64 page = (s64)held + (s64)arg[2] / (s64)PAGE_SIZE;

	if (!window_has(arg[1]) || !refs[held])
		sim_fail("WINDOW_GROW: page %lx is not held", arg[1]);
	/* What is beyond a file's longest is the next one's here. */
	if (page / WINDOW_PAGES != held / WINDOW_PAGES ||
		(page + (s64)(arg[3] / PAGE_SIZE) - 1) / WINDOW_PAGES != held / WINDOW_PAGES)
		return -ENOMEM;
	return answer(call, arg[0], (u32)page, arg[3], held / WINDOW_PAGES != WINDOW_FILES - 1);
}

s64 fwd_call_whole(struct fwd_whole *call)
{
	switch (call->nr) {
	case ABI_CALL_MAP_FILE:
		return map_file(call);
	case ABI_CALL_WINDOW_GROW:
		return grow(call);
	case ABI_CALL_WINDOW_FAULT:
		if (*proxy_page(call->arg[0]) != 1 + gpa_page(call->arg[1]))
			sim_fail("WINDOW_FAULT: va %lx has page %u", call->arg[0],
				*proxy_page(call->arg[0]));
		return window_inside(gpa_page(call->arg[1])) ? 0 : -EFAULT;
	case ABI_NR_madvise: /* MADV_REMOVE: never of RAM */
		for (u64 at = 0; at < call->arg[1]; at += PAGE_SIZE)
			if (!*proxy_page(call->arg[0] + at))
				sim_fail("MADV_REMOVE: va %lx is not of the window",
					call->arg[0] + at);
		return 0;
	default:
		sim_fail("call %u", call->nr);
	}
}

/* One thread runs it all: nobody waits for another. */
void sched_prepare(void)
{
	sim_fail("a call waits for another one's mapping");
}

void sched_cancel(void)
{
}
void schedule(void)
{
}

bool sched_wake(struct thread *t)
{
	return t;
}

/* ---- what must be true ---- */

/* The pages that a process has, each where its proxy has it. */
static u64 entries_check(const struct process *proc)
{
	u64 mapped = 0;

	for (const struct vma *v = proc->mm->first; v; v = v->next) {
		for (u64 at = v->start; v->flags & VMA_WINDOW && at < v->end; at += PAGE_SIZE) {
			u64 gpa = mm_window_gpa(proc->mm, at);

			if (!gpa || *page_of(proc->index, at) != 1 + gpa_page(gpa))
				sim_fail("process %u, va %lx: page %lx, the proxy has %u",
					proc->index, at, gpa, *page_of(proc->index, at));
			mapped++;
		}
	}
	return mapped;
}

void window_check(void)
{
	u64 mapped = entries_check(&sim_proc), counted = 0, held = host_window_held();

	if (sim_child.mm)
		mapped += entries_check(&sim_child);
	for (u32 i = 0; i < PAGES; i++)
		counted += refs[i];
	if (counted != mapped + held)
		sim_fail("%lu references: %lu in entries, %lu on their way back", counted,
			mapped, held);
}

void window_check_gone(void)
{
	for (u32 i = 0; i < PAGES; i++)
		if (refs[i])
			sim_fail("page %u of the window has %u references left", i, refs[i]);
}
