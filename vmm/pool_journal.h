/* SPDX-License-Identifier: MIT */
/*
 * What a guest took for the pools, written down before it is taken: one file per guest, locked
 * as long as its owner lives. A file whose lock is free was left by a crash.
 *
 * Every change of a pool is announced (pending, before) and settled afterwards from what the
 * pool then shows. A crash at any point between is settled by the next lwvmm in the same way,
 * so that exactly what was taken is given back. All of this happens under the folder's lock
 * (pool_dir_lock).
 */
#ifndef VMM_POOL_JOURNAL_H
#define VMM_POOL_JOURNAL_H

#include <stdint.h>

#include "numa/plan.h"

#define POOL_MAX_ENTRIES (2 * PLAN_MAX_NODES) /* two page sizes a node */
#define POOL_PREFIX      "pool-"

struct pool_entry {
	unsigned node;
	uint64_t page_size;
	uint64_t taken;  /* pages of this pool that are ours to give back */
	int64_t pending; /* announced change of the pool, 0: none */
	uint64_t before; /* persistent pages when it was announced */
	int64_t moved;   /* pool_moved() then */
};

struct pool_journal {
	int fd;        /* holds the lock; -1: no journal */
	int lock_fd;   /* of the folder; not ours to close */
	char file[48]; /* name in its folder */
	int pid;
	char guest[64];
	char boot[40]; /* the kernel's id of this boot; "" when it has none */
	unsigned n;
	struct pool_entry entry[POOL_MAX_ENTRIES];
};

/* Opens the folder (made when needed) and takes its lock. Returns 0 and both descriptors. */
int pool_dir_lock(const char *dir, bool make, int *dir_fd, int *lock_fd);

/* A new, locked journal with the entries of `journal`; file and fd are filled in. */
int pool_journal_create(int dir_fd, struct pool_journal *journal);

/* Opens one that exists: -EAGAIN while its owner lives (file, pid and guest are filled in then
 * too), -ENODATA for one that says nothing (nothing was taken, or it was before the last boot,
 * and n is 0), -EBADMSG when it cannot be understood.
 */
int pool_journal_open(int dir_fd, int lock_fd, const char *file, struct pool_journal *journal);

int pool_journal_write(const struct pool_journal *journal);

/*
 * By how many pages all lwvmm together have changed a pool since the folder was made, kept in
 * the lock's file. What the pool shows less this number changes by a crashed lwvmm alone,
 * whatever others do before somebody settles its announcement: a sealed VMM cannot.
 */
int64_t pool_moved(const struct pool_journal *journal, const struct pool_entry *entry);
void pool_moved_add(
	const struct pool_journal *journal, const struct pool_entry *entry, int64_t pages);

/* Removes the file and closes it. */
void pool_journal_remove(int dir_fd, struct pool_journal *journal);

/* Closes it. The file stays for `lwvmm check --repair`. */
void pool_journal_close(struct pool_journal *journal);

#endif
