/* SPDX-License-Identifier: MIT */
/*
 * The preflight: is there memory for every extent, and if not, how much of what is missing
 * where? It works on the numbers of `struct host`; the pages themselves are reserved later, by
 * the same plan.
 */
#include <errno.h>
#include <inttypes.h>

#include "numa/plan_parts.h"

#define ANY_NODE      HOST_MAX_NODES
#define ELSEWHERE_MAX 320

static uint64_t need_on_node(const struct plan *plan, unsigned node, uint64_t page_size)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < plan->nextents; i++) {
		const struct plan_extent *e = &plan->extent[i];

		if (e->page_size == page_size && (node == ANY_NODE || e->host_node == node))
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

/* What can be had of one page size on a node, in pages. */
static uint64_t pages_free(const struct host_node *node, uint64_t page_size)
{
	if (!node->allowed)
		return 0;
	if (page_size == GIB(1))
		return node->pool_1g.free;
	return page_size == MIB(2) ? node->pool_2m.free : node_spare(node) / page_size;
}

/* "node 0: 512, node 1: 0": what each has of a page size. */
static void pages_text(const struct host *host, uint64_t page_size, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < host->nnodes && used < size; i++) {
		char have[SIZE_TEXT_MAX];
		uint64_t pages = pages_free(&host->node[i], page_size);

		if (!host->node[i].present)
			continue;
		if (page_size == KIB(4))
			size_format(pages * page_size, have);
		else
			snprintf(have, sizeof(have), "%" PRIu64, pages);
		used += (size_t)snprintf(
			text + used, size - used, "%snode %u: %s", used ? ", " : "", i, have);
	}
}

static bool pages_suffice(const struct host *host, uint64_t page_size, uint64_t bytes)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < host->nnodes; i++)
		sum += pages_free(&host->node[i], page_size);
	return host->nnodes > 1 && sum >= bytes / page_size;
}

/*
 * Where all nodes together would have enough: says so, with what each has, since the usual
 * tools show sums. Else the text is empty.
 */
static const char *elsewhere_text(const struct host *host, const struct plan *plan,
	uint64_t page_size, char text[ELSEWHERE_MAX])
{
	char nodes[ELSEWHERE_MAX - 128];

	text[0] = '\0';
	if (!pages_suffice(host, page_size, need_on_node(plan, ANY_NODE, page_size)))
		return text;
	pages_text(host, page_size, nodes, sizeof(nodes));
	snprintf(text, ELSEWHERE_MAX,
		"; all nodes together have enough, but not where it is needed (%s; --mem "
		"SIZE@NODE says where to take it)",
		nodes);
	return text;
}

void plan_pools_elsewhere(const struct host *host, struct plan *plan)
{
	if (pages_suffice(host, MIB(2), plan->mem))
		pages_text(host, MIB(2), plan->pools_elsewhere, sizeof(plan->pools_elsewhere));
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

static int pool_short(const struct host *host, const struct plan *plan,
	const struct pool_need *need, bool may_grow, struct problem *problem)
{
	char left[SIZE_TEXT_MAX], spare[SIZE_TEXT_MAX], elsewhere[ELSEWHERE_MAX];
	const char *limit = limit_text(need->limit, left);

	elsewhere_text(host, plan, need->page_kib * KIB(1), elsewhere);
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
			" more (%s to spare; cgroup limit: %s)%s: "
			"ask for less with --mem, or free memory",
			need->name, need->node, need->pages, need->pool->free,
			need->pool->total,
			node_spare(&host->node[need->node]) / 1024 / need->page_kib, spare,
			limit, elsewhere);
	return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
		"%s pages on node %u: need %" PRIu64 ", have %" PRIu64 " free of %" PRIu64
		" (cgroup limit: %s)%s: as root: echo %" PRIu64
		" > /sys/devices/system/node/node%u/hugepages/hugepages-%ukB/nr_hugepages",
		need->name, need->node, need->pages, need->pool->free, need->pool->total, limit,
		elsewhere, need->pool->total + need->missing, need->node, need->page_kib);
}

/* Free pages go to the extents in their order: those that find none left need new ones. */
static void grow_distribute(
	struct plan *plan, unsigned node, uint64_t page_size, uint64_t free_pages)
{
	for (unsigned i = 0; i < plan->nextents; i++) {
		struct plan_extent *e = &plan->extent[i];
		uint64_t pages = e->size / page_size;

		if (e->host_node != node || e->page_size != page_size)
			continue;
		e->pool_grow = pages > free_pages ? pages - free_pages : 0;
		free_pages -= pages - e->pool_grow;
	}
}

/* Checks one node's need of one huge page size. *spare: bytes that pools may still grow into.
 */
static int pool_check(const struct host *host, struct plan *plan, unsigned node,
	uint64_t page_size, bool may_grow, uint64_t *spare, struct problem *problem)
{
	const struct host_node *n = &host->node[node];
	bool big = page_size == GIB(1);
	struct pool_need need = {
		.node = node,
		.page_kib = big ? 1048576 : 2048,
		.name = big ? "1 GiB" : "2 MiB",
		.pool = big ? &n->pool_1g : &n->pool_2m,
		.have = big ? n->have_1g : n->have_2m,
		.pages = need_on_node(plan, node, page_size) / page_size,
		.limit = big ? host->cgroup_hugetlb_1g : host->cgroup_hugetlb_2m,
	};

	if (need.pages == 0)
		return 0;
	if (need.pages > need.pool->free)
		need.missing = need.pages - need.pool->free;
	if (!need.have || (need.missing && !may_grow) || need.missing > *spare / page_size)
		return pool_short(host, plan, &need, may_grow, problem);
	*spare -= need.missing * page_size;
	grow_distribute(plan, node, page_size, need.pool->free);
	return 0;
}

static int ordinary_check(const struct host *host, const struct plan *plan, unsigned node,
	uint64_t spare, struct problem *problem)
{
	const struct host_node *n = &host->node[node];
	uint64_t bytes = need_on_node(plan, node, KIB(4));
	char need[SIZE_TEXT_MAX], have[SIZE_TEXT_MAX], limit[SIZE_TEXT_MAX];
	char elsewhere[ELSEWHERE_MAX];

	if (bytes <= spare)
		return 0;
	return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
		"memory on node %u: need %s, have %s to spare (free huge pages there: %" PRIu64
		" of 2 MiB, %" PRIu64
		" of 1 GiB; cgroup limit: %s)%s: ask for less with --mem, or "
		"free memory",
		node, size_format(bytes, need), size_format(spare, have), n->pool_2m.free,
		n->pool_1g.free, limit_text(host->cgroup_memory_left, limit),
		elsewhere_text(host, plan, KIB(4), elsewhere));
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
		uint64_t bytes = need_on_node(plan, ANY_NODE, limits[i].page_size);

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

	for (unsigned i = 0; i < host->nnodes; i++) {
		uint64_t spare = node_spare(&host->node[i]);
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
