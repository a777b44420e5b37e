/* SPDX-License-Identifier: MIT */
/* The LWK's boot information: a flattened device tree with the plan in it (abi.h, standard
 * bindings). */
#ifndef VMM_FDT_H
#define VMM_FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "numa/plan.h"
#include "vmm/base/problem.h"

/* What the tree tells beside the plan. */
struct fdt_facts {
	bool software;
	uint64_t free_start;
	uint64_t tsc_khz;
	uint32_t poll_ns;
	uint64_t xcr0;
	uint32_t xstate_size;
};

/* Writes the tree to buf. -ENOSPC (the plan is larger than any that can be made) names the
 * sizes. */
int fdt_build(const struct plan *plan, const struct fdt_facts *facts, void *buf, size_t size,
	struct problem *problem);

#endif
