/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/vma.h"
#include "tests/fuzz/mm_model.h"
#include "tests/fuzz/sim.h"

#define PAGES 512

struct granule {
	u64 va;
	bool written; /* some page of it has had a tag */
	struct page page[PAGES];
};

static struct granule **granules; /* by va >> 21 */
static struct granule *list[1 << 17], *child[1 << 17];
static u64 nlist, nchild;

static struct granule *granule(u64 va)
{
	if (!granules)
		granules = mmap(NULL, ABI_USER_END / BLOCK_SIZE * sizeof(*granules),
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			0);

	struct granule **at = &granules[va / BLOCK_SIZE];

	if (!*at) {
		if (nlist == ARRAY_SIZE(list))
			sim_fail("model: too many granules");
		*at = calloc(1, sizeof(**at));
		(*at)->va = ALIGN_DOWN(va, BLOCK_SIZE);
		list[nlist++] = *at;
	}
	return *at;
}

static struct page *page(u64 va)
{
	return &granule(va)->page[va / PAGE_SIZE % PAGES];
}

const struct page *model_page(u64 va)
{
	return page(va);
}

#define FOR_PAGES(p, va, start, end)                                                           \
	for (u64 va = (start); va < (end); va += PAGE_SIZE)                                    \
		for (struct page *p = page(va); p; p = NULL)

bool model_any(u64 start, u64 end, enum page_state state)
{
	FOR_PAGES(p, va, start, end)
	if (p->state == state)
		return true;
	return false;
}

bool model_all(u64 start, u64 end, enum page_state state)
{
	FOR_PAGES(p, va, start, end)
	if (p->state != state)
		return false;
	return true;
}

void model_map(u64 start, u64 end, u32 prot, bool lazy)
{
	FOR_PAGES(p, va, start, end)
	{
		if (p->state != PAGE_UNMAPPED)
			sim_fail("va %lx is given away a second time", va);
		*p = (struct page){.state = PAGE_MAPPED, .prot = (u8)prot, .lazy = lazy};
	}
}

void model_map_kernel(u64 start, u64 end)
{
	FOR_PAGES(p, va, start, end)
	p->state = PAGE_KERNEL;
}

void model_unmap(u64 start, u64 end)
{
	FOR_PAGES(p, va, start, end)
	*p = (struct page){0};
}

void model_protect(u64 start, u64 end, u32 prot)
{
	FOR_PAGES(p, va, start, end)
	p->prot = (u8)prot;
}

void model_discard(u64 start, u64 end)
{
	FOR_PAGES(p, va, start, end)
	p->tag = 0;
}

void model_beyond(u64 start, u64 end)
{
	FOR_PAGES(p, va, start, end)
	p->beyond = true;
}

void model_window(u64 start, u64 end, u32 first, bool nowrite)
{
	FOR_PAGES(p, va, start, end)
	{
		p->window = 1 + first + (u32)((va - start) / PAGE_SIZE);
		p->nowrite = nowrite;
	}
}

bool model_mixed(u64 start, u64 end)
{
	u64 stop = MIN(ALIGN_DOWN(end, BLOCK_SIZE) + BLOCK_SIZE, ABI_USER_END);

	FOR_PAGES(p, va, ALIGN_DOWN(start, BLOCK_SIZE), stop)
	if (p->window)
		return true;
	return false;
}

void model_tag(u64 va, u32 tag)
{
	granule(va)->written = true;
	page(va)->tag = tag;
}

void model_policy(u64 start, u64 end, u32 number)
{
	FOR_PAGES(p, va, start, end)
	p->policy = (u16)number;
}

void model_lazy(u64 start, u64 end)
{
	FOR_PAGES(p, va, start, end)
	p->lazy = p->state == PAGE_MAPPED;
}

void model_fork_flags(u64 start, u64 end, bool nofork, bool wipe)
{
	FOR_PAGES(p, va, start, end)
	{
		p->nofork = nofork;
		p->wipe = wipe;
	}
}

static void page_fork(struct page *p)
{
	if (p->nofork)
		*p = (struct page){0};
	if (p->wipe) {
		p->tag = 0;
		p->lazy = true;
	}
}

void model_fork(void)
{
	for (nchild = 0; nchild < nlist; nchild++) {
		struct granule *g = malloc(sizeof(*g));

		*g = *list[nchild];
		for (u64 i = 0; i < PAGES; i++)
			page_fork(&g->page[i]);
		child[nchild] = g;
	}
}

void model_forget_child(void)
{
	while (nchild)
		free(child[--nchild]);
}

void model_become_child(void)
{
	model_clear();
	for (; nlist < nchild; nlist++) {
		list[nlist] = child[nlist];
		granules[list[nlist]->va / BLOCK_SIZE] = list[nlist];
	}
	nchild = 0;
}

void model_each_tag(u64 start, u64 end, void (*fn)(u64 va))
{
	for (u64 at = start; at < end; at += BLOCK_SIZE) {
		const struct granule *g = granules[at / BLOCK_SIZE];

		for (u64 i = 0; g && i < PAGES; i++)
			if (g->page[i].tag)
				fn(at + i * PAGE_SIZE);
	}
}

void model_copy(u64 from, u64 to, u64 len)
{
	for (u64 at = 0; at < len; at += PAGE_SIZE)
		if (page(from + at)->tag)
			model_tag(to + at, page(from + at)->tag);
}

/* ---- contents ---- */

static u64 word(u32 tag, u64 i)
{
	if (!tag || (i != 0 && i != PAGES - 1 && i != tag % PAGES))
		return 0;
	return (tag + i) * 0x9e3779b97f4a7c15ULL;
}

void model_fill(u64 *words, u32 tag)
{
	for (u64 i = 0; i < PAGES; i++)
		words[i] = word(tag, i);
}

bool model_has(const u64 *words, u32 tag)
{
	u64 rest = words[0] ^ word(tag, 0);

	for (u64 i = 1; i < PAGES; i++)
		rest |= words[i] ^ word(tag, i);
	return !rest;
}

static void page_verify(const struct page *p, u64 va)
{
	const void *words = host_proxy_ptr(va);

	if (p->state == PAGE_KERNEL || p->window || (!words && !p->tag))
		return;
	if (!words)
		sim_fail("va %lx: was written to and has no memory", va);
	if (!model_has(words, p->tag))
		sim_fail("va %lx (%s): content is not what it was (tag %u)", va,
			p->state == PAGE_MAPPED ? "mapped" : "unmapped part of a block",
			p->tag);
}

void model_verify(void)
{
	u64 whole = 0;

	for (u64 n = 0, first = sim_random(nlist); n < nlist; n++) {
		const struct granule *g = list[(first + n) % nlist];

		if (!g->written)
			continue;
		bool all = whole++ < 4;

		for (u64 i = 0; i < PAGES; i++)
			if (all || g->page[i].tag)
				page_verify(&g->page[i], g->va + i * PAGE_SIZE);
	}
}

void model_clear(void)
{
	for (u64 i = 0; i < nlist; i++) {
		granules[list[i]->va / BLOCK_SIZE] = NULL;
		free(list[i]);
	}
	nlist = 0;
}

/* What was of the window and is not mapped any more. */
static void model_window_forget(u64 start, u64 end)
{
	FOR_PAGES(p, va, start, end)
	if (p->window && !vma_find(sim_proc.mm, va))
		p->window = p->nowrite = 0;
}

void model_resync(u64 start, u64 end, bool may_be_unmapped, u32 prot)
{
	if (model_mixed(start, end))
		model_window_forget(start, end);
	FOR_PAGES(p, va, start, end)
	{
		const struct vma *vma = vma_find(sim_proc.mm, va);

		if (!vma && p->state == PAGE_MAPPED && may_be_unmapped)
			*p = (struct page){0};
		if (!vma != (p->state == PAGE_UNMAPPED))
			sim_fail("va %lx: %s after a call that failed", va,
				vma ? "mapped" : "unmapped");
		if (!vma || p->state == PAGE_KERNEL)
			continue;
		if (vma->prot != p->prot && vma->prot != prot)
			sim_fail("va %lx: protection %u after a call that failed", va,
				vma->prot);
		p->prot = (u8)vma->prot;
		p->lazy = true;
	}
}
