/* SPDX-License-Identifier: MIT */
/* Changes of a pool that are announced, made and settled; leftovers of crashes. Under the lock.
 */
#ifndef VMM_POOL_CHANGE_H
#define VMM_POOL_CHANGE_H

#include "vmm/pool.h"

/* Changes the pool by `delta` pages, as far as the kernel goes along, and keeps account in the
 * entry. */
int pool_change(struct pool_journal *journal, struct pool_entry *entry,
	const struct pool_files *files, int64_t delta);

/* Gives back what nobody uses of the entry's pages. Returns how many are left. */
uint64_t pool_give(
	struct pool_journal *journal, struct pool_entry *entry, const struct pool_files *files);

/* Ends an announcement by what the pool shows now. */
void pool_settle(
	struct pool_journal *journal, struct pool_entry *entry, const struct pool_files *files);

/* Ends the announcements that crashed processes have left open. */
void pool_orphans_settle(const struct pool_paths *paths, int dir_fd, int lock_fd);

#endif
