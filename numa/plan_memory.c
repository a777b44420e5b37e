/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as extents: dealt out to the nodes in proportion to their vCPUs, then laid into
 * guest-physical space around the device hole.
 *
 * Without 1 GiB pages RAM begins at 0 and has no other gap than the hole. With them the 2 MiB
 * part lies at 0, and each 1 GiB page at a multiple of 1 GiB from 1 GiB on: the rest of the
 * first GiB is no RAM.
 */
#include <errno.h>

#include "numa/plan_parts.h"

static unsigned node_vcpus(const struct plan *plan, unsigned node)
{
	unsigned n = 0;

	for (unsigned i = 0; i < plan->nvcpus; i++)
		n += plan->vcpu[i].guest_node == node;
	return n;
}

/* Deals out `units`; every node gets one at least. False: there are not enough for that. */
static bool units_split(const struct plan *plan, uint64_t units, uint64_t share[PLAN_MAX_NODES])
{
	uint64_t left = units - plan->nnodes;

	if (units < plan->nnodes)
		return false;
	for (unsigned i = 0; i < plan->nnodes; i++) {
		share[i] = 1 + (units - plan->nnodes) * node_vcpus(plan, i) / plan->nvcpus;
		left -= share[i] - 1;
	}
	/* What rounding down has left is less than one for each node. */
	for (unsigned i = 0; i < left; i++)
		share[i]++;
	return true;
}

static void extent_add(struct plan *plan, uint64_t gpa, uint64_t size, unsigned node,
	enum plan_backing backing)
{
	static const uint64_t page_size[] = {[BACKING_4K] = KIB(4),
		[BACKING_THP] = KIB(4),
		[BACKING_2M] = MIB(2),
		[BACKING_1G] = GIB(1)};

	plan->extent[plan->nextents++] = (struct plan_extent){
		.gpa = gpa,
		.size = size,
		.page_size = page_size[backing],
		.thp = backing == BACKING_THP,
		.host_node = plan->node[node].host_node,
		.guest_node = (uint8_t)node,
	};
	plan->node[node].size += size;
	plan->mem += size;
}

/* Lays `size` bytes of a node from `gpa` on, on both sides of the hole; where the next may
 * begin. */
static uint64_t node_lay(struct plan *plan, uint64_t gpa, uint64_t size, unsigned node,
	enum plan_backing backing)
{
	if (gpa < PLAN_HOLE_START && size > PLAN_HOLE_START - gpa) {
		extent_add(plan, gpa, PLAN_HOLE_START - gpa, node, backing);
		size -= PLAN_HOLE_START - gpa;
		gpa = PLAN_HOLE_END;
	}
	extent_add(plan, gpa, size, node, backing);
	gpa += size;
	return gpa == PLAN_HOLE_START ? PLAN_HOLE_END : gpa;
}

/*
 * The 2 MiB part: what is no whole GiB, and never less than the kernel needs for itself and the
 * program for its first GiB. It ends where the first 1 GiB page may begin.
 */
static uint64_t small_size(const struct plan *plan, uint64_t mem)
{
	uint64_t low = (plan->program_low + PLAN_GRANULE - 1) / PLAN_GRANULE * PLAN_GRANULE;
	uint64_t least = PLAN_SMALL_MIN(plan->nvcpus) + low;
	uint64_t rest = mem % GIB(1);

	if (least > GIB(1))
		least = GIB(1);
	return rest < least ? least : rest;
}

int plan_layout(
	uint64_t mem, const struct plan_way *way, struct plan *plan, struct problem *problem)
{
	bool big = way->main == BACKING_1G;
	uint64_t unit = big ? GIB(1) : PLAN_GRANULE;
	uint64_t share[PLAN_MAX_NODES] = {0}, gpa = 0;

	plan->mem = 0;
	plan->nextents = 0;
	for (unsigned i = 0; i < plan->nnodes; i++)
		plan->node[i].size = 0;
	if (!units_split(plan, mem / unit, share)) {
		char text[SIZE_TEXT_MAX];

		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--mem %s: less than one %s page for each of %u node%s: ask for more, "
			"or for "
			"smaller pages with --page",
			size_format(mem, text), big ? "1 GiB" : "2 MiB", plan->nnodes,
			plan->nnodes == 1 ? "" : "s");
	}
	if (big) {
		extent_add(plan, 0, small_size(plan, mem), 0, way->small);
		gpa = GIB(1);
	}
	for (unsigned i = 0; i < plan->nnodes; i++)
		gpa = node_lay(plan, gpa, share[i] * unit, i, way->main);
	return 0;
}
