/* SPDX-License-Identifier: MIT */
/*
 * Ranks of an MPI job that run in one guest: which of them we are, as the launcher tells by the
 * environment, and which of the guest's CPUs are ours.
 */
#ifndef VMM_RANK_H
#define VMM_RANK_H

#include <stdint.h>

struct rank {
	unsigned local; /* from 0 */
	unsigned count; /* on this host; 0: we are no rank, or the launcher does not say */
};

/* Looks variables up as getenv does. Knows Open MPI, MPICH (hydra), PMI and srun. */
typedef char *rank_getenv_fn(const char *name);
struct rank rank_read(rank_getenv_fn *get);

/*
 * The CPUs in `allowed` (a bit each; 0: all of the guest's), dealt out evenly to the ranks in
 * blocks, in order. Neighbours share a CPU where there are more ranks than CPUs. 0 means all.
 */
uint64_t rank_cpus(struct rank rank, uint64_t allowed, unsigned ncores);

#endif
