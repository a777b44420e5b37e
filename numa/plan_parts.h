/* SPDX-License-Identifier: MIT */
/* Between the files plan*.c only: the stages of plan_make(), in their order. */
#ifndef NUMA_PLAN_PARTS_H
#define NUMA_PLAN_PARTS_H

#include "numa/plan.h"

#define PLAN_GRANULE MIB(2) /* guest memory is dealt out in these */
/*
 * The least 2 MiB-page part beside 1 GiB pages: the kernel's own, and for each vCPU the blocks
 * of glibc's eight malloc arenas and as much again for stacks and small mappings.
 */
#define PLAN_SMALL_MIN(nvcpus) (MIB(64) + (nvcpus)*MIB(32))
/*
 * The same on each of several nodes, for its vCPUs, with as much again for the parts that their
 * threads have of arrays smaller than a GiB: a 1 GiB page is on one node.
 */
#define PLAN_SMALL_NODE(nvcpus) (MIB(64) + (nvcpus)*MIB(64))

/* What one kind of guest memory stands on. */
enum plan_backing { BACKING_4K, BACKING_THP, BACKING_2M, BACKING_1G };

/* One way to back the whole guest; `auto` tries several, an explicit page size has one. */
struct plan_way {
	enum plan_backing main;
	enum plan_backing small; /* of the small parts, beside 1 GiB pages only */
	bool grow_2m, grow_1g;   /* may the pool be grown (when we may at all) */
	const char *why;
};

/*
 * The least memory of the first bank without 1 GiB pages: the kernel's image, page tables and
 * boot data are there.
 */
#define PLAN_FIRST_MIN MIB(16)

/* vCPUs (without their guest nodes) and helpers. */
int plan_cores(const struct options *opt, const struct host *host, struct plan *plan,
	struct problem *problem);

/* Guest nodes (without their sizes), which of them each vCPU is on, and banks. */
int plan_nodes(const struct options *opt, const struct host *host, struct plan *plan,
	struct problem *problem);

/* May we take memory from the node, and has it any? */
bool plan_node_usable(const struct host *host, unsigned node);

/* Sizes, page sizes and extents: fills plan->mem, node sizes, extents and why_pages. */
int plan_pages(const struct options *opt, const struct host *host, struct plan *plan,
	struct problem *problem);

/* Deals `mem` bytes out to the banks and lays them into guest-physical space. */
int plan_layout(
	uint64_t mem, const struct plan_way *way, struct plan *plan, struct problem *problem);

/* Behind RAM and the device hole: where the window is, and how large. */
void plan_window(const struct options *opt, struct plan *plan);

/* Preflight: are there pages for every extent? Fills pool_grow. */
int plan_backing_check(const struct host *host, const struct plan_way *way, struct plan *plan,
	struct problem *problem);

/* After a fallback: fills pools_elsewhere, when that was the reason. */
void plan_pools_elsewhere(const struct host *host, struct plan *plan);

/* Words of both ways to print: "2 MiB", "auto" and the like, "mirror" and the like. */
const char *plan_extent_pages(const struct plan_extent *extent);
const char *plan_page_word(enum page_choice page);
const char *plan_numa_word(const struct plan *plan, char text[16]);
const char *plan_kvm_word(enum kvm_kind kvm);

/* The vCPUs of a guest node (their numbers or, with `cores`, their host cores); the host nodes
 * of its vCPUs and its memory. They return how many. */
unsigned plan_node_vcpus(
	const struct plan *plan, unsigned node, bool cores, uint16_t list[PLAN_MAX_VCPUS]);
unsigned plan_node_hosts(const struct plan *plan, unsigned node, uint16_t list[HOST_MAX_NODES]);

#endif
