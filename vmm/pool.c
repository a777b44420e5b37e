/* SPDX-License-Identifier: MIT */
#include "vmm/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/filelock.h"
#include "vmm/pool_change.h"

#define SHRINK_TRIES                                                                           \
	25 /* times 20 ms: the kernel may free huge pages a little after the unmap */

const struct pool_paths pool_host = {.root = "", .dir = "/run/lwvmm"};

/* Pages of a pool. */
struct wish {
	uint64_t grow;    /* the plan's */
	uint64_t counted; /* that were free when it was made */
};

/* One entry for each pool, whatever the number of extents that draw on it. `wish` runs beside.
 */
static void entries_collect(
	const struct plan *plan, struct pool_journal *journal, struct wish *wish)
{
	for (unsigned i = 0; i < plan->nextents; i++) {
		const struct plan_extent *x = &plan->extent[i];
		unsigned k = 0;

		/* The plan does not make 1 GiB pages unless it says so. */
		if (!x->pool_grow && x->page_size != MIB(2))
			continue;
		while (k < journal->n && (journal->entry[k].node != x->host_node ||
						 journal->entry[k].page_size != x->page_size))
			k++;
		if (k == POOL_MAX_ENTRIES)
			return; /* a plan has no more nodes and sizes than that */
		if (k == journal->n)
			journal->entry[journal->n++] = (struct pool_entry){
				.node = x->host_node, .page_size = x->page_size};
		wish[k].grow += x->pool_grow;
		if (x->size / x->page_size > x->pool_grow)
			wish[k].counted += x->size / x->page_size - x->pool_grow;
	}
}

static bool is_planned(const struct pool_journal *journal, const struct wish *wish)
{
	for (unsigned i = 0; i < journal->n; i++)
		if (wish[i].grow)
			return true;
	return false;
}

static int files_open(const char *root, struct pool_growth *growth, const struct wish *wish,
	struct problem *problem)
{
	for (unsigned i = 0; i < growth->journal.n; i++) {
		const struct pool_entry *e = &growth->journal.entry[i];
		int rc = pool_files_open(root, e->node, e->page_size, &growth->files[i]);

		if (!rc)
			continue;
		for (unsigned k = 0; k < i; k++)
			pool_files_close(&growth->files[k]);
		return problem_set(problem, rc, EXIT_LWVMM_FAILED,
			"node %u: its pool of %s pages cannot be grown by %lu: %s: run as "
			"root, or ask "
			"the administrator for the pages, or use --page 4K",
			e->node, pool_size_name(e->page_size), wish[i].grow, strerror(-rc));
	}
	return 0;
}

/* Free memory may be there, but in pieces: the kernel can be asked to put it together. */
static void memory_compact(const char *root)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/proc/sys/vm/compact_memory", root);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "1", 1) < 0)
		errno = 0; /* the second try to grow then tells */
	close(fd);
}

/* The plan was made before we had the lock: what it counted on may be another guest's by now.
 */
static uint64_t wish_now(const struct wish *wish, const struct pool_files *files)
{
	uint64_t unused;

	if (pool_available(files, &unused) || unused >= wish->counted)
		return wish->grow;
	return wish->grow + wish->counted - unused;
}

static int entry_grow(const char *root, struct pool_growth *growth, unsigned i, uint64_t want,
	struct problem *problem)
{
	struct pool_entry *e = &growth->journal.entry[i];
	const struct pool_files *files = &growth->files[i];
	const char *size = pool_size_name(e->page_size);
	uint64_t surplus = 0;
	int rc;

	if (!want)
		return 0;
	rc = pool_surplus(files, &surplus);
	/* The kernel would first turn surplus pages, which are in use, into ours. */
	if (surplus)
		return problem_set(problem, -EBUSY, EXIT_LWVMM_FAILED,
			"node %u: its pool of %s pages holds %lu surplus pages of other "
			"programs and "
			"cannot be grown exactly: stop them, or grow it by hand, or use --page "
			"4K",
			e->node, size, surplus);
	if (!rc)
		rc = pool_change(&growth->journal, e, files, (int64_t)want);
	if (!rc && e->taken < want) {
		memory_compact(root);
		rc = pool_change(&growth->journal, e, files, (int64_t)(want - e->taken));
	}
	if (rc)
		return problem_set(problem, rc, EXIT_LWVMM_FAILED,
			"node %u: growing its pool of %s pages by %lu failed: %s", e->node,
			size, want, strerror(-rc));
	if (e->taken < want)
		return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
			"node %u: its pool of %s pages must grow by %lu, the kernel gave %lu: "
			"too little "
			"or too fragmented free memory: use a smaller --mem or --page 4K, or "
			"reserve "
			"the pages at boot",
			e->node, size, want, e->taken);
	return 0;
}

static int growth_begin(
	const struct pool_paths *paths, struct pool_growth *growth, struct problem *problem)
{
	int rc = pool_dir_lock(paths->dir, true, &growth->dir_fd, &growth->lock_fd);

	if (rc)
		return problem_set(problem, rc, EXIT_LWVMM_FAILED,
			"%s: cannot keep the journal of grown pools there: %s: make it "
			"writable for root",
			paths->dir, strerror(-rc));
	/* Settled by what the pools show now, before we change what they show. */
	growth->journal.lock_fd = growth->lock_fd;
	pool_orphans_settle(paths, growth->dir_fd, growth->lock_fd);
	rc = pool_journal_create(growth->dir_fd, &growth->journal);
	if (!rc)
		return 0;
	problem_set(problem, rc, EXIT_LWVMM_FAILED,
		"%s: cannot write the journal of grown pools: %s", paths->dir, strerror(-rc));
	close(growth->lock_fd);
	close(growth->dir_fd);
	return rc;
}

static void growth_close(struct pool_growth *growth)
{
	for (unsigned i = 0; i < growth->journal.n; i++)
		pool_files_close(&growth->files[i]);
	growth->journal.n = 0;
	pool_journal_close(&growth->journal);
	close(growth->lock_fd);
	close(growth->dir_fd);
}

/* Under the lock. Returns how many pages could not be given back. */
static uint64_t growth_give(struct pool_growth *growth)
{
	uint64_t left = 0;

	for (unsigned i = 0; i < growth->journal.n; i++)
		left += pool_give(
			&growth->journal, &growth->journal.entry[i], &growth->files[i]);
	if (!left)
		pool_journal_remove(growth->dir_fd, &growth->journal);
	return left;
}

static void growth_note(const struct pool_journal *journal)
{
	for (unsigned i = 0; i < journal->n; i++)
		if (journal->entry[i].taken)
			note_print("node %u: its pool of %s pages is grown by %lu, until the "
				   "guest "
				   "ends",
				journal->entry[i].node,
				pool_size_name(journal->entry[i].page_size),
				journal->entry[i].taken);
}

int pool_grow_at(const struct pool_paths *paths, struct pool_growth *growth,
	const struct plan *plan, struct problem *problem)
{
	struct wish wish[POOL_MAX_ENTRIES] = {0};
	struct pool_journal *journal = &growth->journal;
	struct problem unplanned = {0};
	bool planned;
	int rc;

	*journal = (struct pool_journal){.fd = -1, .pid = getpid()};
	snprintf(journal->guest, sizeof(journal->guest), "%s", plan->name);
	entries_collect(plan, journal, wish);
	if (!journal->n)
		return 0;
	/* Without root's rights the free pages of a pool do as well: whoever gets them first.
	 */
	planned = is_planned(journal, wish);
	rc = files_open(paths->root, growth, wish, planned ? problem : &unplanned);
	if (rc)
		goto none;
	rc = growth_begin(paths, growth, planned ? problem : &unplanned);
	if (rc)
		goto close_files;
	for (unsigned i = 0; i < journal->n && !rc; i++)
		rc = entry_grow(
			paths->root, growth, i, wish_now(&wish[i], &growth->files[i]), problem);
	if (rc) {
		growth_give(growth);
		growth_close(growth);
		return rc;
	}
	growth_note(journal);
	return 0;
close_files:
	for (unsigned i = 0; i < journal->n; i++)
		pool_files_close(&growth->files[i]);
none:
	journal->n = 0;
	return planned ? rc : 0;
}

void pool_settled(struct pool_growth *growth)
{
	if (growth->journal.n)
		filelock_drop(growth->lock_fd);
}

void pool_shrink_begin(struct pool_growth *growth)
{
	if (growth->journal.n)
		filelock_wait(growth->lock_fd);
}

int pool_grow(struct pool_growth *growth, const struct plan *plan, struct problem *problem)
{
	return pool_grow_at(&pool_host, growth, plan, problem);
}

void pool_shrink(struct pool_growth *growth)
{
	uint64_t left = 0;

	if (!growth->journal.n)
		return;
	for (int try = 0; try < SHRINK_TRIES; try++) {
		filelock_wait(growth->lock_fd);
		left = growth_give(growth);
		filelock_drop(growth->lock_fd);
		if (!left)
			break;
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	if (left)
		note_print(
			"%lu huge pages of this guest are still in use: `lwvmm check --repair` "
			"(or the next run) gives them back",
			left);
	growth_close(growth);
}

void pool_forget(struct pool_growth *growth)
{
	if (growth->journal.n)
		growth_close(growth);
}
