/* SPDX-License-Identifier: MIT */
/*
 * The preflight: is there memory for every extent, and if not, how much of what is missing
 * where? It works on the numbers of `struct host`; the pages themselves are reserved later, by
 * the same plan.
 */
#include <errno.h>
#include <inttypes.h>

#include "numa/plan_parts.h"

static uint64_t need_on_node(
	const struct plan *plan, unsigned guest_node, uint64_t page_size, bool any_node)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < plan->nextents; i++) {
		const struct plan_extent *e = &plan->extent[i];

		if (e->page_size == page_size && (any_node || e->guest_node == guest_node))
			bytes += e->size;
	}
	return bytes;
}

/* A node is never filled to the brim: 5 % of it stay with the host. */
static uint64_t node_spare(const struct host_node *node)
{
	uint64_t reserve = node->mem_total / 20;

	return node->mem_free > reserve ? node->mem_free - reserve : 0;
}

static const char *limit_text(uint64_t left, char text[SIZE_TEXT_MAX])
{
	if (left == UINT64_MAX)
		return "none";
	return size_format(left, text);
}

/* One pool on one node, as the preflight sees it. */
struct pool_need {
	unsigned node;
	unsigned page_kib;
	const char *name;
	const struct host_pool *pool;
	bool have; /* the kernel offers the size */
	uint64_t pages;
	uint64_t missing;
	uint64_t limit; /* cgroup, bytes */
};

static int pool_short(const struct host *host, const struct pool_need *need, bool may_grow,
	struct problem *problem)
{
	char limit[SIZE_TEXT_MAX], spare[SIZE_TEXT_MAX];

	limit_text(need->limit, limit);
	size_format(node_spare(&host->node[need->node]), spare);
	if (!need->have)
		return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
			"%s pages: the kernel has no pool of this size on node %u: take "
			"another "
			"--page, or boot with hugepagesz=%s",
			need->name, need->node, need->page_kib == 2048 ? "2M" : "1G");
	if (may_grow)
		return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
			"%s pages on node %u: need %" PRIu64 ", have %" PRIu64
			" free of %" PRIu64 ", and memory for %" PRIu64
			" more (%s to spare; cgroup limit: %s): "
			"ask for less with --mem, or free memory",
			need->name, need->node, need->pages, need->pool->free,
			need->pool->total,
			node_spare(&host->node[need->node]) / 1024 / need->page_kib, spare,
			limit_text(need->limit, limit));
	return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
		"%s pages on node %u: need %" PRIu64 ", have %" PRIu64 " free of %" PRIu64
		" (cgroup limit: %s): as root: echo %" PRIu64
		" > /sys/devices/system/node/node%u/hugepages/hugepages-%ukB/nr_hugepages",
		need->name, need->node, need->pages, need->pool->free, need->pool->total,
		limit_text(need->limit, limit), need->pool->total + need->missing, need->node,
		need->page_kib);
}

/* Free pages go to the extents in their order: those that find none left need new ones. */
static void grow_distribute(
	struct plan *plan, unsigned guest_node, uint64_t page_size, uint64_t free_pages)
{
	for (unsigned i = 0; i < plan->nextents; i++) {
		struct plan_extent *e = &plan->extent[i];
		uint64_t pages = e->size / page_size;

		if (e->guest_node != guest_node || e->page_size != page_size)
			continue;
		e->pool_grow = pages > free_pages ? pages - free_pages : 0;
		free_pages -= pages - e->pool_grow;
	}
}

/* Checks one node's need of one huge page size. *spare: bytes that pools may still grow into.
 */
static int pool_check(const struct host *host, struct plan *plan, unsigned guest_node,
	uint64_t page_size, bool may_grow, uint64_t *spare, struct problem *problem)
{
	unsigned node = plan->node[guest_node].host_node;
	const struct host_node *n = &host->node[node];
	bool big = page_size == GIB(1);
	struct pool_need need = {
		.node = node,
		.page_kib = big ? 1048576 : 2048,
		.name = big ? "1 GiB" : "2 MiB",
		.pool = big ? &n->pool_1g : &n->pool_2m,
		.have = big ? n->have_1g : n->have_2m,
		.pages = need_on_node(plan, guest_node, page_size, false) / page_size,
		.limit = big ? host->cgroup_hugetlb_1g : host->cgroup_hugetlb_2m,
	};

	if (need.pages == 0)
		return 0;
	if (need.pages > need.pool->free)
		need.missing = need.pages - need.pool->free;
	if (!need.have || (need.missing && !may_grow) || need.missing > *spare / page_size)
		return pool_short(host, &need, may_grow, problem);
	*spare -= need.missing * page_size;
	grow_distribute(plan, guest_node, page_size, need.pool->free);
	return 0;
}

static int ordinary_check(const struct host *host, const struct plan *plan, unsigned guest_node,
	uint64_t spare, struct problem *problem)
{
	unsigned node = plan->node[guest_node].host_node;
	const struct host_node *n = &host->node[node];
	uint64_t bytes = need_on_node(plan, guest_node, KIB(4), false);
	char need[SIZE_TEXT_MAX], have[SIZE_TEXT_MAX], limit[SIZE_TEXT_MAX];

	if (bytes <= spare)
		return 0;
	return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
		"memory on node %u: need %s, have %s to spare (free huge pages there: %" PRIu64
		" of 2 MiB, %" PRIu64
		" of 1 GiB; cgroup limit: %s): ask for less with --mem, or "
		"free memory",
		node, size_format(bytes, need), size_format(spare, have), n->pool_2m.free,
		n->pool_1g.free, limit_text(host->cgroup_memory_left, limit));
}

/* Limits of control groups hold for all nodes together. */
static int limits_check(
	const struct host *host, const struct plan *plan, struct problem *problem)
{
	const struct {
		uint64_t page_size, left;
		const char *what, *mend;
	} limits[] = {
		{GIB(1), host->cgroup_hugetlb_1g, "1 GiB pages", "raise hugetlb.1GB"},
		{MIB(2), host->cgroup_hugetlb_2m, "2 MiB pages", "raise hugetlb.2MB"},
		{KIB(4), host->cgroup_memory_left, "memory", "raise memory.max (Slurm: --mem)"},
	};

	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		uint64_t bytes = need_on_node(plan, 0, limits[i].page_size, true);

		if (bytes > limits[i].left) {
			char need[SIZE_TEXT_MAX], have[SIZE_TEXT_MAX];

			return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
				"%s: need %s, but the cgroup limit leaves %s: %s, or ask for "
				"less "
				"with --mem",
				limits[i].what, size_format(bytes, need),
				size_format(limits[i].left, have), limits[i].mend);
		}
	}
	return 0;
}

int plan_backing_check(const struct host *host, const struct plan_way *way, struct plan *plan,
	struct problem *problem)
{
	bool grow_2m = way->grow_2m && host->may_grow_pools;
	bool grow_1g = way->grow_1g && host->may_grow_pools;

	for (unsigned i = 0; i < plan->nnodes; i++) {
		uint64_t spare = node_spare(&host->node[plan->node[i].host_node]);
		int err = pool_check(host, plan, i, GIB(1), grow_1g, &spare, problem);

		if (!err)
			err = pool_check(host, plan, i, MIB(2), grow_2m, &spare, problem);
		if (!err)
			err = ordinary_check(host, plan, i, spare, problem);
		if (err)
			return err;
	}
	return limits_check(host, plan, problem);
}
