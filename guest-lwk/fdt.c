/* SPDX-License-Identifier: MIT */
/*
 * A single pass over the structure block (Devicetree Specification 0.4, section 5.4): ring 0
 * may be emulated, so no searching back and forth.
 */
#include "guest-lwk/fdt.h"
#include "guest-lwk/core.h"
#include "guest-lwk/node.h"
#include "guest-lwk/pmem.h"

enum { FDT_BEGIN_NODE = 1, FDT_END_NODE, FDT_PROP, FDT_NOP, FDT_END = 9 };

struct walk {
	const char *strings;
	u32 depth;
	char kind;  /* of the node at hand: 'c' cpu, 'm' memory, 'd' distances, 'l' lwvmm, 0
		       other */
	u64 reg[2]; /* of the node at hand */
	u64 page_size;
	u32 node;
	u64 free_start;
	u32 nranges;
	struct {
		u64 start, size, page_size;
		u32 node;
	} range[64];
};

static u32 be32(const void *p)
{
	return __builtin_bswap32(*(const u32 *)p);
}

static u64 be64(const void *p)
{
	return (u64)be32(p) << 32 | be32((const u8 *)p + 4);
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static bool starts(const char *text, const char *prefix)
{
	for (; *prefix; prefix++, text++)
		if (*text != *prefix)
			return false;
	return true;
}

static void prop_lwvmm(struct walk *w, const char *name, const void *value)
{
	if (same(name, ABI_FDT_SOFTWARE))
		machine.software_kvm = true;
	else if (same(name, ABI_FDT_TOUCH))
		machine.first_touch = true;
	else if (same(name, ABI_FDT_SHARE))
		machine.share = gpa_to_ptr(be64(value));
	else if (same(name, ABI_FDT_FREE))
		w->free_start = be64(value);
	else if (same(name, ABI_FDT_WINDOW)) {
		machine.window_gpa = be64(value);
		machine.window_size = be64((const u8 *)value + 8);
	} else if (same(name, ABI_FDT_TSC_KHZ))
		machine.tsc_khz = be64(value);
	else if (same(name, ABI_FDT_POLL_NS))
		machine.poll_ns = be32(value);
	else if (same(name, ABI_FDT_XSTATE)) {
		machine.xcr0 = be64(value);
		machine.xstate_size = be32((const u8 *)value + 8);
	}
}

/* Triples: from, to, distance. What is said of nodes beyond ours is of no use. */
static void prop_distances(const u8 *value, u32 len)
{
	for (u32 i = 0; i + 12 <= len; i += 12) {
		u32 from = be32(value + i), to = be32(value + i + 4);

		if (from < MAX_NODES && to < MAX_NODES)
			nodes.distance[from][to] = (u8)be32(value + i + 8);
	}
}

static void prop(struct walk *w, const char *name, const void *value, u32 len)
{
	if (w->kind == 'l') {
		prop_lwvmm(w, name, value);
	} else if (w->kind == 'd') {
		if (same(name, "distance-matrix"))
			prop_distances(value, len);
	} else if (w->kind) {
		if (same(name, "reg")) {
			w->reg[0] = len >= 8 ? be64(value) : be32(value);
			w->reg[1] = len >= 16 ? be64((const u8 *)value + 8) : 0;
		} else if (same(name, "numa-node-id")) {
			w->node = be32(value);
		} else if (same(name, ABI_FDT_PAGE_SIZE)) {
			w->page_size = be64(value);
		}
	}
}

static void node_begin(struct walk *w, const char *name)
{
	w->depth++;
	w->kind = 0;
	if (w->depth == 2 && starts(name, "memory@"))
		w->kind = 'm';
	else if (w->depth == 2 && starts(name, ABI_FDT_NODE))
		w->kind = 'l';
	else if (w->depth == 2 && starts(name, "distance-map"))
		w->kind = 'd';
	else if (w->depth == 3 && starts(name, "cpu@"))
		w->kind = 'c';
	w->reg[0] = w->reg[1] = w->node = 0;
	w->page_size = BLOCK_SIZE;
}

static void node_end(struct walk *w)
{
	if (w->kind == 'c') {
		if (w->reg[0] >= ABI_MAX_CORES)
			panic("device tree: cpu %lu", w->reg[0]);
		cores[w->reg[0]].node = w->node;
		node_add(w->node, false);
		ncores = MAX(ncores, (u32)w->reg[0] + 1);
	} else if (w->kind == 'm') {
		if (w->nranges == ARRAY_SIZE(w->range))
			panic("device tree: more than %u memory nodes", w->nranges);
		w->range[w->nranges].start = w->reg[0];
		w->range[w->nranges].size = w->reg[1];
		w->range[w->nranges].page_size = w->page_size;
		w->range[w->nranges++].node = w->node;
		node_add(w->node, w->range[w->nranges - 1].size);
	}
	w->kind = 0;
	w->depth--;
}

/* RAM below free_start holds the image and the boot data. */
static void memory_add(const struct walk *w)
{
	for (u32 i = 0; i < w->nranges; i++) {
		u64 start = MAX(w->range[i].start, w->free_start);
		u64 end = w->range[i].start + w->range[i].size;

		if (start < end)
			pmem_add(start, end - start, w->range[i].page_size, w->range[i].node);
	}
}

void fdt_read(const void *fdt)
{
	static struct walk w;
	const u8 *base = fdt;
	const u32 *p = (const u32 *)(base + be32(base + 8));

	w.strings = (const char *)base + be32(base + 12);

	for (;;) {
		u32 token = be32(p++);

		if (token == FDT_BEGIN_NODE) {
			const char *name = (const char *)p;
			u32 len = 0;

			while (name[len])
				len++;
			node_begin(&w, name);
			p += len / 4 + 1;
		} else if (token == FDT_PROP) {
			u32 len = be32(p);

			prop(&w, w.strings + be32(p + 1), p + 2, len);
			p += 2 + (len + 3) / 4;
		} else if (token == FDT_END_NODE) {
			node_end(&w);
		} else if (token != FDT_NOP) {
			break;
		}
	}
	memory_add(&w);
	node_sort();
}
