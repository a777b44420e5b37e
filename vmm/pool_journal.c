/* SPDX-License-Identifier: MIT */
#include "vmm/pool_journal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/filelock.h"

#define TEXT_MAX 4096 /* one page: a write of a journal is done or not done */

int pool_dir_lock(const char *dir, bool make, int *dir_fd, int *lock_fd)
{
	int rc;

	if (make && mkdir(dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	*dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir_fd < 0)
		return -errno;
	/* 0600: nobody else can hold up root's work by taking a lock. */
	*lock_fd =
		openat(*dir_fd, "pools.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*lock_fd < 0) {
		rc = -errno;
		goto close_dir;
	}
	rc = filelock_wait(*lock_fd);
	if (rc)
		goto close_lock;
	return 0;
close_lock:
	close(*lock_fd);
close_dir:
	close(*dir_fd);
	return rc;
}

/* The pools are new at each boot. Where /run is not, a journal may be older than they are. */
static void boot_read(char boot[40])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	boot[0] = '\0';
	if (!file)
		return;
	if (fscanf(file, "%39s", boot) != 1)
		boot[0] = '\0';
	fclose(file);
}

int pool_journal_create(int dir_fd, struct pool_journal *journal)
{
	int rc;

	boot_read(journal->boot);
	/* A leftover of an earlier process with our number may be there: then another name. */
	for (unsigned i = 0;; i++) {
		snprintf(journal->file, sizeof(journal->file), POOL_PREFIX "%d.%u",
			journal->pid, i);
		journal->fd = openat(dir_fd, journal->file,
			O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (journal->fd >= 0)
			break;
		if (errno != EEXIST)
			return -errno;
	}
	rc = filelock_try(journal->fd);
	if (!rc)
		rc = pool_journal_write(journal);
	if (rc)
		pool_journal_remove(dir_fd, journal);
	return rc;
}

/* All numbers have a fixed width: a new text covers the old one entirely. */
int pool_journal_write(const struct pool_journal *journal)
{
	char text[TEXT_MAX];
	int len =
		snprintf(text, sizeof(text), "lwvmm-pools 1 pid %010d entries %02u guest %s\n",
			journal->pid, journal->n, journal->guest);

	for (unsigned i = 0; i < journal->n; i++) {
		const struct pool_entry *e = &journal->entry[i];

		len += snprintf(text + len, sizeof(text) - len,
			"node %03u size %010lu taken %012lu pending %+013ld before %012lu "
			"moved %+013ld\n",
			e->node, e->page_size, e->taken, e->pending, e->before, e->moved);
	}
	if (journal->boot[0])
		len += snprintf(text + len, sizeof(text) - len, "boot %s\n", journal->boot);
	ssize_t done = pwrite(journal->fd, text, len, 0);

	return done == len ? 0 : done < 0 ? -errno : -EIO;
}

static int line_parse(const char *line, struct pool_entry *e)
{
	if (sscanf(line, "node %u size %lu taken %lu pending %ld before %lu moved %ld",
		    &e->node, &e->page_size, &e->taken, &e->pending, &e->before, &e->moved) < 5)
		return -EBADMSG;
	return e->page_size == MIB(2) || e->page_size == GIB(1) ? 0 : -EBADMSG;
}

static int journal_parse(const char *text, struct pool_journal *journal)
{
	char now[sizeof(journal->boot)];
	const char *line = text;

	if (sscanf(line, "lwvmm-pools 1 pid %d entries %u guest %63[^\n]", &journal->pid,
		    &journal->n, journal->guest) != 3)
		return -EBADMSG;
	for (char *c = journal->guest; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
	if (journal->n > POOL_MAX_ENTRIES)
		return -EBADMSG;
	for (unsigned i = 0; i < journal->n; i++) {
		line = strchr(line, '\n');
		if (!line || line_parse(++line, &journal->entry[i]))
			return -EBADMSG;
	}
	line = strchr(line, '\n');
	if (!line || sscanf(line + 1, "boot %39s", journal->boot) != 1)
		return 0;
	boot_read(now);
	if (!now[0] || strcmp(now, journal->boot) == 0)
		return 0;
	journal->n = 0;
	return -ENODATA;
}

int pool_journal_open(int dir_fd, int lock_fd, const char *file, struct pool_journal *journal)
{
	char text[TEXT_MAX + 1];
	ssize_t len;
	int rc;

	*journal = (struct pool_journal){.guest = "?", .lock_fd = lock_fd};
	snprintf(journal->file, sizeof(journal->file), "%s", file);
	journal->fd = openat(dir_fd, file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (journal->fd < 0)
		return -errno;
	len = pread(journal->fd, text, TEXT_MAX, 0);
	text[len > 0 ? len : 0] = '\0';
	rc = len < 0 ? -errno : len == 0 ? -ENODATA : journal_parse(text, journal);
	if (filelock_try(journal->fd)) /* alive, whatever it says */
		rc = -EAGAIN;
	if (rc && rc != -ENODATA)
		pool_journal_close(journal);
	return rc;
}

#define MOVED_WIDTH 24 /* a number and its line's end, the same for all */

static off_t moved_place(const struct pool_entry *entry)
{
	return (off_t)(entry->node * 2 + (entry->page_size == GIB(1))) * MOVED_WIDTH;
}

int64_t pool_moved(const struct pool_journal *journal, const struct pool_entry *entry)
{
	char text[MOVED_WIDTH + 1];
	ssize_t len = pread(journal->lock_fd, text, MOVED_WIDTH, moved_place(entry));

	text[len > 0 ? len : 0] = '\0';
	return strtol(text, NULL, 10);
}

void pool_moved_add(
	const struct pool_journal *journal, const struct pool_entry *entry, int64_t pages)
{
	char text[MOVED_WIDTH + 1];

	snprintf(text, sizeof(text), "%+0*ld\n", MOVED_WIDTH - 1,
		pool_moved(journal, entry) + pages);
	if (pwrite(journal->lock_fd, text, MOVED_WIDTH, moved_place(entry)) < 0)
		errno = 0; /* matters only where two have crashed */
}

void pool_journal_remove(int dir_fd, struct pool_journal *journal)
{
	/* First empty, for a sealed process may not be allowed to unlink: an empty one says
	 * nothing. */
	if (ftruncate(journal->fd, 0) < 0 || unlinkat(dir_fd, journal->file, 0) < 0)
		errno = 0;
	pool_journal_close(journal);
}

void pool_journal_close(struct pool_journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	journal->fd = -1;
}
