/* SPDX-License-Identifier: MIT */
/*
 * Growing the pools of huge pages for a guest, and giving back exactly what was taken: at exit,
 * or after a crash by the next lwvmm (docs/decisions/0002-leases-and-pools.md).
 */
#ifndef VMM_POOL_H
#define VMM_POOL_H

#include <stdbool.h>
#include <stdio.h>

#include "numa/plan.h"
#include "vmm/base/problem.h"
#include "vmm/pool_journal.h"
#include "vmm/pool_sysfs.h"

struct pool_paths {
	const char *root; /* sysfs and procfs below it; "" is the host */
	const char *dir;  /* journals; of root alone */
};

extern const struct pool_paths pool_host; /* "" and /run/lwvmm */

/* All descriptors are close-on-exec. A child made by fork must call pool_forget on its copy. */
struct pool_growth {
	struct pool_journal journal; /* n is 0 when no pool may have been grown */
	struct pool_files files[POOL_MAX_ENTRIES];
	int dir_fd, lock_fd;
};

/*
 * Grows what the plan asks for (pool_grow of its extents), and by what others have taken since
 * it was made, or undoes all. -EACCES, -ENOMEM, -EBUSY. Until pool_settled no other lwvmm can
 * change a pool or plan with the new pages: reserve them in between, and only that.
 */
int pool_grow(struct pool_growth *growth, const struct plan *plan, struct problem *problem);
void pool_settled(struct pool_growth *growth);

/* Before the memory is unmapped: no other lwvmm shall count on pages that pool_shrink will
 * take. */
void pool_shrink_begin(struct pool_growth *growth);

/*
 * The inverse of pool_grow, for when nobody maps the guest's memory any more. Pages still in
 * use are waited for briefly, then left to the next repair. Calls only fcntl, pread, pwrite,
 * ftruncate, unlinkat, clock_nanosleep, write and close, so that a sealed process can do it.
 */
void pool_shrink(struct pool_growth *growth);

/* Closes the descriptors without giving anything back: the other process that has them does it.
 */
void pool_forget(struct pool_growth *growth);

/*
 * Finds what crashed guests left, says so (to `out`; NULL: as notes on stderr) and, with
 * `repair`, gives it back. Returns how many guests' leftovers remain. To be called before the
 * host is read.
 */
int pool_repair(bool repair, FILE *out);

/* The same elsewhere, for tests. */
int pool_grow_at(const struct pool_paths *paths, struct pool_growth *growth,
	const struct plan *plan, struct problem *problem);
int pool_repair_at(const struct pool_paths *paths, bool repair, FILE *out);

#endif
