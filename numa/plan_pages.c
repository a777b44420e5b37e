/* SPDX-License-Identifier: MIT */
/* How much memory, and on which pages: what was asked for, or the best way there is. */
#include <errno.h>
#include <stdio.h>

#include "numa/plan_parts.h"

/* In the order of preference. What is ready goes before what must be made. */
static const struct plan_way ways_auto[] = {
	{BACKING_1G, BACKING_2M, false, false, "the pools of 1 GiB and 2 MiB pages suffice"},
	{BACKING_1G, BACKING_2M, true, false,
		"the pool of 1 GiB pages suffices; the small part grows the pool of 2 MiB "
		"pages"},
	{BACKING_1G, BACKING_THP, false, false,
		"the pool of 1 GiB pages suffices; for the small part there is no 2 MiB pool, "
		"so it "
		"falls back to transparent huge pages"},
	{BACKING_2M, BACKING_2M, false, false, "the pool of 2 MiB pages suffices"},
	{BACKING_2M, BACKING_2M, true, false,
		"no pool suffices, but the one of 2 MiB pages can be grown"},
	{BACKING_THP, BACKING_THP, false, false,
		"no pool suffices and none can be grown: falls back to transparent huge pages"},
};

static const struct plan_way way_4k = {
	BACKING_4K, BACKING_4K, false, false, "4 KiB pages were asked for"};
static const struct plan_way way_2m = {
	BACKING_2M, BACKING_2M, true, false, "2 MiB pages were asked for"};
static const struct plan_way way_1g = {
	BACKING_1G, BACKING_2M, true, true, "1 GiB pages were asked for"};

/* Without --mem: 1 GiB, or half of what is there. */
static uint64_t mem_default(const struct options *opt, const struct host *host)
{
	uint64_t have = host->mem_available, pools = 0;

	if (opt->page == PAGE_1G)
		return GIB(1);
	if (have > host->cgroup_memory_left)
		have = host->cgroup_memory_left;
	for (unsigned i = 0; i < host->nnodes; i++)
		pools += host->node[i].pool_2m.free * MIB(2);
	if (have < pools)
		have = pools;
	have = have / 2 / PLAN_GRANULE * PLAN_GRANULE;
	if (have > GIB(1))
		return GIB(1);
	return have < PLAN_MIN_MEM ? PLAN_MIN_MEM : have;
}

static int mem_check(
	const struct host *host, const struct plan *plan, uint64_t mem, struct problem *problem)
{
	char asked[SIZE_TEXT_MAX], have[SIZE_TEXT_MAX];
	bool seen[HOST_MAX_NODES] = {false};
	uint64_t total = 0;

	if (mem < PLAN_MIN_MEM)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--mem %s: too small: a guest has at least %s", size_format(mem, asked),
			size_format(PLAN_MIN_MEM, have));
	for (unsigned i = 0; i < plan->nbanks; i++) {
		unsigned node = plan->bank[i].host_node;

		total += seen[node] ? 0 : host->node[node].mem_total;
		seen[node] = true;
	}
	if (mem > total)
		return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
			"--mem %s: more than this machine has: need %s, have %s on the node%s "
			"of the guest's %s: ask for less",
			size_format(mem, asked), asked, size_format(total, have),
			plan->nbanks == 1 ? "" : "s", plan->mem_parts ? "memory" : "cores");
	return 0;
}

static int way_try(uint64_t mem, const struct host *host, const struct plan_way *way,
	struct plan *plan, struct problem *problem)
{
	int err = plan_layout(mem, way, plan, problem);

	if (!err)
		err = plan_backing_check(host, way, plan, problem);
	if (!err)
		snprintf(plan->why_pages, sizeof(plan->why_pages), "%s", way->why);
	return err;
}

/* The last way is the least demanding: when it fails too, its problem is the one to tell. */
static int ways_try(
	uint64_t mem, const struct host *host, struct plan *plan, struct problem *problem)
{
	const unsigned n = sizeof(ways_auto) / sizeof(ways_auto[0]);

	for (unsigned i = 0; i + 1 < n; i++) {
		struct problem ignored = {0};

		if (way_try(mem, host, &ways_auto[i], plan, &ignored) == 0)
			return 0;
	}
	plan_pools_elsewhere(host, plan); /* of the layout of 2 MiB pages, which did not do */
	return way_try(mem, host, &ways_auto[n - 1], plan, problem);
}

int plan_pages(const struct options *opt, const struct host *host, struct plan *plan,
	struct problem *problem)
{
	static const struct plan_way *const explicit_way[] = {
		[PAGE_4K] = &way_4k, [PAGE_2M] = &way_2m, [PAGE_1G] = &way_1g};
	uint64_t mem = opt->mem ? opt->mem : mem_default(opt, host);
	int err = mem_check(host, plan, mem, problem);

	if (err)
		return err;
	plan->mem_asked = opt->mem;
	plan->page_asked = opt->page;
	mem = (mem + PLAN_GRANULE - 1) / PLAN_GRANULE * PLAN_GRANULE;
	if (opt->page == PAGE_AUTO)
		return ways_try(mem, host, plan, problem);
	return way_try(mem, host, explicit_way[opt->page], plan, problem);
}
