/* SPDX-License-Identifier: MIT */
/*
 * The guest's RAM on the host: reserved, bound, prefaulted and verified before anything runs.
 *
 * Host addresses are linear: gpa X is at base + X for all of RAM, with base on a 1 GiB
 * boundary, so every extent is 1 GiB-congruent with its host mapping; the device hole is
 * unmapped in between.
 */
#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "numa/plan.h"
#include "vmm/base/affinity.h"
#include "vmm/base/problem.h"

struct memory_extent {
	struct plan_extent plan;
	int memfd; /* sealed against a change of size; whoever gets it can map all of the extent
		    */
	void *hva;
	uint64_t got_4k, got_2m, got_1g; /* bytes by the page size that the host really maps */
	struct affinity_tally placed;    /* its pages by node, where they are bound */
	bool locked; /* cannot be swapped out: huge pages of a pool, or mlocked */
};

struct memory {
	char *base;    /* host address of gpa 0 */
	uint64_t span; /* bytes of address space from there on */
	bool bound;    /* each extent to its host node; if not there is but one */
	unsigned nextents;
	struct memory_extent extent[PLAN_MAX_EXTENTS]; /* sorted by gpa, as in the plan */
};

/*
 * All of the plan's memory, or none and the reason with numbers: -ENOMEM, -EPERM (binding is
 * forbidden), -EIO (not what was asked for). The plan has compared the need with what the host
 * and the cgroups have, and the pools have been grown. Children made by fork do not inherit the
 * mappings.
 */
int memory_create(const struct plan *plan, struct memory *memory, struct problem *problem);

/* Its two halves: pages are set apart, which is quick; then made, bound and verified. Each
 * undoes all when it fails. */
int memory_reserve(const struct plan *plan, struct memory *memory, struct problem *problem);
int memory_fill(const struct plan *plan, struct memory *memory, struct problem *problem);

/* Unmaps and closes. The pages are free when nobody else maps them. */
void memory_destroy(struct memory *memory);

/* The one checked translator: NULL unless all of [gpa, gpa + len) is RAM. */
void *memory_hva(const struct memory *memory, uint64_t gpa, uint64_t len);

/*
 * Stages of memory_create that have files of their own. For benchmarks only, the environment
 * variable LWVMM_PREFAULT_WORKERS sets the number of threads that touch each node's memory.
 */
int memory_prefault(struct memory *memory, const struct plan *plan, struct problem *problem);
int memory_verify(struct memory *memory, struct problem *problem);
int memory_verify_nodes(const struct memory *memory, struct problem *problem);

#endif
