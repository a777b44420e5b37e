/* SPDX-License-Identifier: MIT */
/*
 * Leases: two guests are never on one core by accident. One lock file per core, in one place
 * for all users of the node; the lock is held by a descriptor, so that no crash can leave a
 * lease behind (docs/decisions/0002-leases-and-pools.md).
 */
#ifndef VMM_LEASE_H
#define VMM_LEASE_H

#include <stdint.h>
#include <stdio.h>

#include "numa/plan.h"
#include "vmm/base/problem.h"

#define LEASE_DIR "/dev/shm/lwvmm"

struct lease {
	unsigned n;
	int fd[PLAN_MAX_VCPUS]; /* close-on-exec; a forked child must call lease_drop on its
				   copy */
};

/* All cores of the plan or none. -EBUSY: the problem names the core, its guest and its process.
 */
int lease_take(const struct plan *plan, struct lease *lease, struct problem *problem);

/* Closes our descriptors. The lease ends when the last process that has them has done so. */
void lease_drop(struct lease *lease);

/* Prints a line for each leased core; returns how many there are. */
int lease_list(FILE *out);

/* The same in another folder, for tests. */
int lease_take_in(
	const char *dir, const struct plan *plan, struct lease *lease, struct problem *problem);
int lease_list_in(const char *dir, FILE *out);

#endif
