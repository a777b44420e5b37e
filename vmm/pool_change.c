/* SPDX-License-Identifier: MIT */
#include "vmm/pool_change.h"

/* How far an announced change came lies between nothing and all of it. */
void pool_settle(
	struct pool_journal *journal, struct pool_entry *entry, const struct pool_files *files)
{
	int64_t low = entry->pending < 0 ? entry->pending : 0;
	int64_t high = entry->pending > 0 ? entry->pending : 0;
	int64_t done;
	uint64_t now;

	if (pool_persistent(files, &now))
		return; /* stays announced */
	done = (int64_t)(now - entry->before) - (pool_moved(journal, entry) - entry->moved);
	done = done < low ? low : done > high ? high : done;
	entry->taken += (uint64_t)done;
	entry->pending = 0;
	pool_journal_write(journal);
	pool_moved_add(journal, entry, done);
}

int pool_change(struct pool_journal *journal, struct pool_entry *entry,
	const struct pool_files *files, int64_t delta)
{
	int rc = pool_persistent(files, &entry->before);

	if (rc)
		return rc;
	entry->moved = pool_moved(journal, entry);
	entry->pending = delta;
	rc = pool_journal_write(journal);
	if (rc) {
		entry->pending = 0;
		return rc;
	}
	rc = pool_persistent_set(files, entry->before + (uint64_t)delta);
	pool_settle(journal, entry, files);
	return rc;
}

uint64_t pool_give(
	struct pool_journal *journal, struct pool_entry *entry, const struct pool_files *files)
{
	uint64_t there, unused;

	if (pool_persistent(files, &there) || pool_available(files, &unused))
		return entry->taken;
	/* Somebody has made the pool smaller than our part of it: the rest is given back
	 * already. */
	if (entry->taken > there)
		entry->taken = there;
	if (unused > entry->taken)
		unused = entry->taken;
	if (unused)
		pool_change(journal, entry, files, -(int64_t)unused);
	return entry->taken;
}
