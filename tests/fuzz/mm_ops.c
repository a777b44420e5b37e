/* SPDX-License-Identifier: MIT */
/* The process under test: its mappings, its program's touches, its file. */
#include <string.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/process_exec.h"
#include "guest-lwk/vma.h"
#include "guest-lwk/pt.h"
#include "tests/fuzz/mm_call.h"
#include "tests/fuzz/mm_model.h"

/* What vdso_map() maps; nobody looks into it here. */
__asm__(".pushsection .data\n.balign 4096\n.globl vdso_image, vdso_image_end\n"
	"vdso_image: .zero 8192\nvdso_image_end: .byte 0\n"
	".balign 4096\n.globl gate_page, gate_scratch, gate_kernel, gate_end\n"
	".globl gate_waited, futex_waiters\n"
	"gate_page: .zero 2048\ngate_scratch: .zero 1024\ngate_kernel: .zero 1024\ngate_end:\n"
	"gate_waited:\nfutex_waiters: .zero 4096\n.popsection");

const struct mm_config *config;

/* ---- where things happen ---- */

static struct area areas[48];
static u32 nareas;

void area_add(u64 va, u64 len)
{
	if (nareas == ARRAY_SIZE(areas)) {
		struct area old = areas[sim_random(nareas)];

		call_munmap(old.va, old.len);
		areas[sim_random(nareas)] = (struct area){va, len};
		return;
	}
	areas[nareas++] = (struct area){va, len};
}

struct area area_pick(void)
{
	return areas[sim_random(nareas)];
}

/* Mostly small, sometimes as large as the machine has. */
u64 random_len(void)
{
	u64 most = sim_random(8) ? MIN(config->len_max, 4 * BLOCK_SIZE) : config->len_max;

	if (sim_random(2))
		most = 20 * PAGE_SIZE;
	u64 len = PAGE_SIZE * (1 + sim_random(most / PAGE_SIZE));

	if (len > BLOCK_SIZE && sim_random(2))
		len = ALIGN_DOWN(len, BLOCK_SIZE);
	if (len > GIB_SIZE / 2 && sim_random(2))
		len = ALIGN_UP(len, GIB_SIZE);
	return len;
}

static struct area part_of_some(void)
{
	struct area a = area_pick();
	u64 pages = a.len / PAGE_SIZE, first = sim_random(pages),
	    n = 1 + sim_random(pages - first);

	switch (sim_random(6)) {
	case 0:
		return a;
	case 1: /* beyond its end */
		return (struct area){a.va + first * PAGE_SIZE, a.len};
	case 2: /* whole blocks */
		if (a.len >= 3 * BLOCK_SIZE)
			return (struct area){ALIGN_UP(a.va, BLOCK_SIZE),
				BLOCK_SIZE * (1 + sim_random(a.len / BLOCK_SIZE - 2))};
		break;
	default:
		n = MIN(n, 1 + sim_random(40));
	}
	return (struct area){a.va + first * PAGE_SIZE, n * PAGE_SIZE};
}

/* Some part of an area, now and then more than it. */
struct area part_pick(void)
{
	struct area a = part_of_some();

	a.len = MIN(a.len, ABI_STACK_TOP - a.va);
	return a;
}

u32 random_prot(void)
{
	static const u8 prots[] = {0, 1, 2, 3, 3, 3, 3, 5, 7};

	return prots[sim_random(sizeof(prots))];
}

/* The window has a part of a GiB that what is asked for at va (0: anywhere) may come to lie in.
 */
static bool window_in_gibs(u64 va, u64 end)
{
	if (va)
		return window_maps_gib(va, end);
	return window_maps_gib(SIM_LARGE_START, SIM_WINDOW_START) ||
	       window_maps_gib(SIM_WINDOW_END, SIM_LARGE_END);
}

/*
 * A 1 GiB page is one process's, under one GiB of its addresses. So it is of no use in a GiB
 * that has 2 MiB pages already (or the vDSO, or something of the window), nor at address 0. An
 * address that the LWK picks may be in such a GiB: mm_pick() goes by what addresses are free.
 */
static bool short_on(u64 set, u64 va, u64 bytes)
{
	u64 start = va ? va : SIM_LARGE_START, end = va ? va + bytes + 1 : SIM_LARGE_END;

	if (host_free_blocks(set) >= bytes / BLOCK_SIZE + 6)
		return false;
	return host_free_gibs(set) < bytes / GIB_SIZE + 2 || start < GIB_SIZE ||
	       end > ALIGN_DOWN(ABI_VDSO_VA, GIB_SIZE) || host_has_small(start, end) ||
	       window_in_gibs(va, end);
}

bool short_of(u64 va, u64 bytes)
{
	bool is = short_on(~0ULL, va, bytes) || (va && model_mixed(va, va + bytes));

	for (u32 node = 0; node < nodes.count && policies_strict(); node++)
		is |= short_on(1ULL << node, va, bytes);
	return is;
}

/* ---- touches ---- */

static bool prot_allows(u32 prot, enum sim_kind kind)
{
	return prot && (kind != SIM_WRITE || prot & ABI_PROT_W) &&
	       (kind != SIM_EXEC || prot & ABI_PROT_X);
}

/* Mapped for good, but where the file ends. */
static void touch_window(u64 va, enum sim_kind kind, const struct page *p, s64 expect)
{
	bool inside = window_inside(p->window - 1), faulted;
	void *ptr;
	s64 ret = sim_touch(va, kind, &ptr, &faulted);

	if (ret != (expect || inside ? expect : -ENOMEM))
		sim_fail("touch %d of va %lx, page %u of the window: %ld", kind, va,
			p->window - 1, ret);
	if (!ret && ptr != window_ptr(p->window - 1))
		sim_fail("touch of va %lx: not page %u of the window", va, p->window - 1);
}

static void touch(u64 va, enum sim_kind kind)
{
	static u32 last_tag;
	const struct page *p = model_page(va);
	s64 expect = p->state == PAGE_UNMAPPED    ? -EFAULT
		     : prot_allows(p->prot, kind) ? 0
						  : -EACCES;
	bool faulted, excused = p->lazy && !p->tag && short_of(va, 0);
	void *ptr;

	if (p->state == PAGE_KERNEL)
		return;
	if (p->window) {
		touch_window(va, kind, p, expect);
		return;
	}
	if (p->beyond)
		expect = -ENOMEM;
	policy_for(p->policy, true);
	s64 ret = sim_touch(va, kind, &ptr, &faulted);

	policy_for(0, false);

	if (ret == -ENOMEM && !expect && excused)
		return;
	if (ret != expect)
		sim_fail("touch %d of va %lx: %ld instead of %ld", kind, va, ret, expect);
	if (ret)
		return;
	if (faulted && !p->lazy)
		sim_fail("touch %d of va %lx: a fault, though it was committed on request",
			kind, va);
	if (ptr != host_proxy_ptr(va))
		sim_fail("touch of va %lx: the program has %p, its proxy %p", va, ptr,
			host_proxy_ptr(va));
	if (!model_has(ptr, p->tag))
		sim_fail("touch of va %lx: not its content (tag %u)", va, p->tag);
	if (kind == SIM_WRITE) {
		model_tag(va, ++last_tag);
		model_fill(ptr, last_tag);
	}
}

static void touch_some(void)
{
	struct area a = area_pick();
	u64 start = a.va, pages = a.len / PAGE_SIZE;

	for (u64 n = 1 + sim_random(12); n; n--) {
		/* Ends of areas and neighbours are where mistakes show. */
		u64 at = start + PAGE_SIZE * sim_random(pages);

		if (sim_random(4) == 0)
			at = start - PAGE_SIZE + a.len * sim_random(2) +
			     PAGE_SIZE * sim_random(2);
		touch(at, sim_random(2) ? SIM_WRITE : (enum sim_kind)sim_random(3));
	}
}

/* ---- the file that programs map: FILE_PAGES pages, read in pieces ---- */

s64 fwd_call(u32 nr, const u64 arg[6], u64 lo, u64 hi)
{
	u64 at = arg[1], off = arg[3], end = MIN(arg[3] + arg[2], FILE_PAGES * PAGE_SIZE);

	if (nr != 17 || lo != at || hi < at + arg[2] || ((at | off) & (PAGE_SIZE - 1)))
		sim_fail("fwd_call %u at %lx off %lx, hull %lx-%lx", nr, at, off, lo, hi);
	if (arg[0] == FILE_DIRECTORY)
		return -21;
	if (sim_random(4) == 0)
		return -EINTR;
	if (off >= end)
		return 0;
	if (sim_random(2))
		end = off + PAGE_SIZE * (1 + sim_random((end - off) / PAGE_SIZE));
	for (; off < end; off += PAGE_SIZE, at += PAGE_SIZE) {
		if (!host_proxy_ptr(at))
			sim_fail("a read into va %lx, where the proxy has nothing", at);
		model_fill(host_proxy_ptr(at), FILE_TAG(off));
	}
	return (s64)(end - arg[3]);
}

/* ---- life ---- */

static void exec_make(struct abi_exec *exec)
{
	u64 va = sim_random(2) ? 0x400000 : ABI_PIE_BASE,
	    bss = MIN(config->len_max, random_len());
	u32 i = 0;

	*exec = (struct abi_exec){.stack_max = 8 << 20, .stack_need = 3 * PAGE_SIZE};
	exec->seg[i++] = (struct abi_exec_seg){va, 9 * PAGE_SIZE, 9 * PAGE_SIZE, 5, 0};
	va += 9 * PAGE_SIZE;
	exec->seg[i++] = (struct abi_exec_seg){va, 4 * PAGE_SIZE - 100, 4 * PAGE_SIZE, 1, 0};
	va += (4 + sim_random(3)) * PAGE_SIZE;
	exec->seg[i++] = (struct abi_exec_seg){va, 2 * PAGE_SIZE, 2 * PAGE_SIZE + bss, 3, 0};
	exec->nsegs = i;
	for (i = 0; i < ABI_LIMITS; i++)
		exec->limit[i] = (struct abi_limit){~0ULL, ~0ULL};
	exec->brk = va + 2 * PAGE_SIZE + bss;
}

void ops_begin(const struct mm_config *with)
{
	struct abi_exec *exec = &sim_proc.share->exec;
	u64 vdso = ABI_VDSO_VA;

	config = with;
	policies_begin();
	for (u32 i = 0; i < SIM_CORES; i++)
		cores[i].current->policy = (struct mempolicy){0};
	sim_proc.share->commit = config->commit;
	sim_trace("begin");
	sim_enter();
	exec_make(exec);
	if (mm_create(&sim_proc) || exec_map(&sim_proc, exec))
		sim_fail("no process");
	sim_leave();
	nareas = 0;
	for (u32 i = 0; i < exec->nsegs; i++) {
		const struct abi_exec_seg *seg = &exec->seg[i];

		model_map(seg->va, seg->va + seg->len, seg->prot, true);
		area_add(seg->va, seg->len);
	}
	model_map(exec->stack_top - (8 << 20), exec->stack_top, 3, true);
	area_add(exec->stack_top - (8 << 20), 8 << 20);
	model_map_kernel(vdso, vdso + 3 * PAGE_SIZE);
	if (exec->vdso != vdso + PAGE_SIZE)
		sim_fail("vDSO at %lx", exec->vdso);
}

static void check_counts(const struct mm *mm)
{
	u64 mapped = 0, data = 0;

	for (const struct vma *vma = mm->first; vma; vma = vma->next) {
		u64 len = vma->end - vma->start;

		mapped += vma->flags & VMA_ROOM ? 0 : len;
		data += vma_is_data(vma->prot, vma->flags) ? len : 0;
	}
	if (mapped != mm->mapped || data != mm->data)
		sim_fail("%lx mapped, of it %lx data, but counted %lx, %lx", mapped, data,
			mm->mapped, mm->data);
}

static void check(void)
{
	sim_tlb_check();
	host_check(sim_proc.mm->committed + (sim_child.mm ? sim_child.mm->committed : 0));
	check_counts(sim_proc.mm);
	if (sim_child.mm)
		check_counts(sim_child.mm);
	window_check();
	policy_verify();
}

void ops_step(void)
{
	if (sim_random(3) == 0)
		sim_switch_core();
	if (sim_random(2))
		touch_some();
	else
		call_random();
	check();
	if (sim_random(8) == 0)
		host_janitor(false);
	if (sim_random(64) == 0)
		model_verify();
}

/* Often the program unmaps everything first; the rest is what exit leaves to the kernel. */
void ops_end(void)
{
	model_verify();
	if (sim_random(2)) {
		for (u32 i = 0; i < nareas; i++)
			call_munmap(areas[i].va, areas[i].len);
		check();
	}
	sim_trace("end");
	fork_end();
	for (u32 i = 0; i < SIM_CORES; i++)
		sim_core_idle(i);
	mm_destroy(&sim_proc);
	model_clear();
	host_check_gone();
	host_janitor(true);
	host_check_gone();
	window_check_gone();
}
