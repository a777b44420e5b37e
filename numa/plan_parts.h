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

/* What one kind of guest memory stands on. */
enum plan_backing { BACKING_4K, BACKING_THP, BACKING_2M, BACKING_1G };

/* One way to back the whole guest; `auto` tries several, an explicit page size has one. */
struct plan_way {
	enum plan_backing main;
	enum plan_backing small; /* of the extent below 1 GiB, beside 1 GiB pages only */
	bool grow_2m, grow_1g;   /* may the pool be grown (when we may at all) */
	const char *why;
};

/* vCPUs, guest nodes (without their sizes) and helpers. */
int plan_cores(const struct options *opt, const struct host *host, struct plan *plan,
	struct problem *problem);

/* Sizes, page sizes and extents: fills plan->mem, node sizes, extents and why_pages. */
int plan_pages(const struct options *opt, const struct host *host, struct plan *plan,
	struct problem *problem);

/* Deals `mem` bytes out to the guest's nodes and lays them into guest-physical space. */
int plan_layout(
	uint64_t mem, const struct plan_way *way, struct plan *plan, struct problem *problem);

/* Preflight: are there pages for every extent? Fills pool_grow. */
int plan_backing_check(const struct host *host, const struct plan_way *way, struct plan *plan,
	struct problem *problem);

/* "2 MiB pages" and the like. */
const char *plan_extent_pages(const struct plan_extent *extent);

#endif
