/* SPDX-License-Identifier: MIT */
#include "vmm/pool_journal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

int pool_journal_create(int dir_fd, struct pool_journal *journal)
{
	int rc;

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
			"node %03u size %010lu taken %012lu pending %+013ld before %012lu\n",
			e->node, e->page_size, e->taken, e->pending, e->before);
	}
	ssize_t done = pwrite(journal->fd, text, len, 0);

	return done == len ? 0 : done < 0 ? -errno : -EIO;
}

static int line_parse(const char *line, struct pool_entry *e)
{
	if (sscanf(line, "node %u size %lu taken %lu pending %ld before %lu", &e->node,
		    &e->page_size, &e->taken, &e->pending, &e->before) != 5)
		return -EBADMSG;
	return e->page_size == MIB(2) || e->page_size == GIB(1) ? 0 : -EBADMSG;
}

static int journal_parse(const char *text, struct pool_journal *journal)
{
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
	return 0;
}

int pool_journal_open(int dir_fd, const char *file, struct pool_journal *journal)
{
	char text[TEXT_MAX + 1];
	ssize_t len;
	int rc;

	*journal = (struct pool_journal){.guest = "?"};
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
