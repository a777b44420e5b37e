/* SPDX-License-Identifier: MIT */
/* What guests that crashed have left in the pools. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/pool_change.h"

static void say(FILE *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(FILE *out, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (out)
		fprintf(out, "%s\n", text);
	else
		note_print("%s", text);
}

static int journal_files(const struct dirent *entry)
{
	return strncmp(entry->d_name, POOL_PREFIX, strlen(POOL_PREFIX)) == 0;
}

static void list_free(struct dirent **list, int n)
{
	for (int i = 0; i < n; i++)
		free(list[i]);
	if (n >= 0)
		free(list);
}

static void orphan_settle(const struct pool_paths *paths, struct pool_journal *journal)
{
	for (unsigned i = 0; i < journal->n; i++) {
		struct pool_entry *e = &journal->entry[i];
		struct pool_files files;

		if (!e->pending || pool_files_open(paths->root, e->node, e->page_size, &files))
			continue;
		pool_settle(journal, e, &files);
		pool_files_close(&files);
	}
}

void pool_orphans_settle(const struct pool_paths *paths, int dir_fd, int lock_fd)
{
	struct pool_journal journal;
	struct dirent **list;
	int n = scandir(paths->dir, &list, journal_files, versionsort);

	for (int i = 0; i < n; i++) {
		if (pool_journal_open(dir_fd, lock_fd, list[i]->d_name, &journal) == 0)
			orphan_settle(paths, &journal);
		pool_journal_close(&journal);
	}
	list_free(list, n);
}

/* Returns how many pages of the entry are not given back. */
static uint64_t entry_repair(const struct pool_paths *paths, bool repair,
	struct pool_journal *journal, struct pool_entry *e, FILE *out)
{
	const char *size = pool_size_name(e->page_size);
	uint64_t had = e->taken;
	struct pool_files files;
	int rc = 0;

	if (!had)
		return 0;
	if (!repair) {
		say(out,
			"node %u: %lu %s pages left in its pool by guest %s (pid %d), which "
			"crashed: "
			"as root: lwvmm check --repair",
			e->node, had, size, journal->guest, journal->pid);
		return had;
	}
	rc = pool_files_open(paths->root, e->node, e->page_size, &files);
	if (!rc) {
		pool_give(journal, e, &files);
		pool_files_close(&files);
	}
	if (e->taken)
		say(out,
			"node %u: %lu of %lu %s pages left in its pool by guest %s (pid %d) "
			"cannot be "
			"given back: %s: then: lwvmm check --repair",
			e->node, e->taken, had, size, journal->guest, journal->pid,
			rc ? strerror(-rc) : "stop the programs that use them");
	else
		say(out,
			"node %u: gave back %lu %s pages left in its pool by guest %s (pid %d)",
			e->node, had, size, journal->guest, journal->pid);
	return e->taken;
}

/* Returns 1 when something of it remains. */
static int orphan_repair(const struct pool_paths *paths, int dir_fd, int lock_fd,
	const char *file, bool repair, FILE *out)
{
	struct pool_journal journal;
	int rc = pool_journal_open(dir_fd, lock_fd, file, &journal);
	uint64_t left = 0;

	if (rc == -EAGAIN)
		return 0; /* its guest lives */
	if (rc && rc != -ENODATA) {
		say(out,
			"%s/%s: cannot be read (%s): compare the pools' nr_hugepages with what "
			"you want "
			"by hand, then remove the file",
			paths->dir, file, strerror(-rc));
		return 1;
	}
	orphan_settle(paths, &journal);
	for (unsigned i = 0; i < journal.n; i++)
		left += entry_repair(paths, repair, &journal, &journal.entry[i], out);
	if (!left)
		pool_journal_remove(dir_fd, &journal);
	pool_journal_close(&journal);
	return left != 0;
}

/* Without root's rights the journals cannot be read, but their names hold the process. */
static int orphans_name(const struct pool_paths *paths, FILE *out)
{
	struct dirent **list;
	int n = scandir(paths->dir, &list, journal_files, versionsort);
	int left = 0;

	for (int i = 0; i < n; i++) {
		int pid = atoi(list[i]->d_name + strlen(POOL_PREFIX));

		if (pid <= 0 || kill(pid, 0) == 0 || errno != ESRCH)
			continue;
		say(out,
			"%s/%s: huge pages left by a guest (pid %d) that crashed: as root: "
			"lwvmm check --repair",
			paths->dir, list[i]->d_name, pid);
		left++;
	}
	list_free(list, n);
	return left;
}

int pool_repair_at(const struct pool_paths *paths, bool repair, FILE *out)
{
	int dir_fd, lock_fd, left = 0, n;
	struct dirent **list;
	int rc = pool_dir_lock(paths->dir, false, &dir_fd, &lock_fd);

	if (rc == -ENOENT)
		return 0; /* no pool was ever grown here */
	if (rc)
		return orphans_name(paths, out);
	n = scandir(paths->dir, &list, journal_files, versionsort);
	for (int i = 0; i < n; i++)
		left += orphan_repair(paths, dir_fd, lock_fd, list[i]->d_name, repair, out);
	list_free(list, n);
	close(lock_fd);
	close(dir_fd);
	return left;
}

int pool_repair(bool repair, FILE *out)
{
	return pool_repair_at(&pool_host, repair, out);
}
