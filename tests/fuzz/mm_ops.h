/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_MM_OPS_H
#define TESTS_FUZZ_MM_OPS_H

#include "tests/fuzz/sim.h"

struct mm_config {
	const char *name;
	struct sim_range ranges[SIM_MAX_RANGES];
	u32 nranges;
	u32 commit;  /* abi_proc.commit: 1 request, 2 touch */
	u64 len_max; /* of one mapping */
};

/* A process with a program of some segments. */
void ops_begin(const struct mm_config *config);
/* One random call, or some touches. */
void ops_step(void);
/* Its end, and what must be true then. */
void ops_end(void);

#endif
