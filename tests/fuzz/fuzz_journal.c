/* SPDX-License-Identifier: MIT */
/* A pool journal that a crash, or somebody, has left: understood as written, or refused. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "vmm/pool_journal.h"

static char dir[] = "/dev/shm/lwvmm-fuzz-XXXXXX";
static int dir_fd = -1;

static void remove_dir(void)
{
	unlinkat(dir_fd, "pool-1.0", 0);
	rmdir(dir);
}

static void prepare(void)
{
	if (dir_fd >= 0)
		return;
	MUST(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	MUST(dir_fd >= 0);
	atexit(remove_dir);
}

static bool same(const struct pool_journal *a, const struct pool_journal *b)
{
	if (a->pid != b->pid || a->n != b->n || strcmp(a->guest, b->guest) != 0)
		return false;
	for (unsigned i = 0; i < a->n; i++) {
		const struct pool_entry *x = &a->entry[i], *y = &b->entry[i];

		if (x->node != y->node || x->page_size != y->page_size ||
			x->taken != y->taken || x->pending != y->pending ||
			x->before != y->before)
			return false;
	}
	return true;
}

/* Numbers of more digits than a journal's own are read but not written: they are no change of a
 * pool. */
static bool fits(const struct pool_journal *j)
{
	for (unsigned i = 0; i < j->n; i++)
		if (j->entry[i].node > 999 || j->entry[i].taken > 999999999999 ||
			j->entry[i].before > 999999999999 ||
			llabs(j->entry[i].pending) > 999999999999)
			return false;
	return j->pid >= 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool_journal journal, again;

	prepare();
	int fd = openat(dir_fd, "pool-1.0", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	int err = pool_journal_open(dir_fd, -1, "pool-1.0", &journal);

	MUST(err == 0 || err == -ENODATA || err == -EBADMSG);
	MUST(err != -ENODATA || size == 0 || journal.n == 0);
	if (err == -EBADMSG) {
		MUST(journal.fd == -1);
		return 0;
	}
	MUST(journal.fd >= 0 && journal.n <= POOL_MAX_ENTRIES &&
		memchr(journal.guest, 0, sizeof(journal.guest)));
	for (const char *c = journal.guest; *c; c++)
		MUST(*c >= ' ' && *c <= '~');
	if (!err && fits(&journal)) {
		MUST(!pool_journal_write(&journal));
		pool_journal_close(&journal);
		MUST(!pool_journal_open(dir_fd, -1, "pool-1.0", &again));
		MUST(same(&journal, &again));
		pool_journal_close(&again);
	} else {
		pool_journal_close(&journal);
	}
	return 0;
}
