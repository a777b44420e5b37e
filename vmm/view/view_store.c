/* SPDX-License-Identifier: MIT */
#include "vmm/view/view_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRIES 20 /* times 1 ms: somebody may be removing what we are about to join */

static int file_write(int root, const char *path, const char *text, size_t len)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	int err = 0;

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < len && !err;) {
		ssize_t n = write(fd, text + done, len - done);

		if (n <= 0)
			err = n ? -errno : -EIO;
		else
			done += (size_t)n;
	}
	close(fd);
	return err;
}

static int entry_make(int root, enum view_kind kind, const char *path, const char *text)
{
	switch (kind) {
	case VIEW_DIR:
		return mkdirat(root, path, 0755) ? -errno : 0;
	case VIEW_LINK:
		return symlinkat(text, root, path) ? -errno : 0;
	case VIEW_FILE:
		return file_write(root, path, text, strlen(text));
	}
	return -EINVAL;
}

/* All that is below an open folder. */
static void folder_empty(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;

	if (!list && again >= 0)
		close(again);
	if (!list)
		return;
	while ((entry = readdir(list))) {
		const char *name = entry->d_name;
		int below;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (unlinkat(fd, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
			continue;
		below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below < 0)
			continue;
		folder_empty(below);
		close(below);
		unlinkat(fd, name, AT_REMOVEDIR);
	}
	closedir(list);
}

/* Opens and locks; -ENOENT: it is not there, or it is just being removed. */
static int folder_lock(int dir_fd, const char *name, int how)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (flock(fd, how | LOCK_NB))
		err = -errno;
	else if (fstat(fd, &st) || !st.st_nlink)
		err = -ENOENT;
	else if (st.st_uid != geteuid() && geteuid() != 0)
		err = -EPERM;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/*
 * Most files of many CPUs say the same: they are one file with many names, which takes a third
 * less time to make and hardly any memory.
 */
#define SINK_KNOWN 256
struct store_sink {
	struct view_sink sink;
	int root;
	struct {
		char text[48], path[80];
	} known[SINK_KNOWN]; /* by hash of the text; the latest stays */
};

static unsigned text_hash(const char *text)
{
	unsigned hash = 5381;

	for (; *text; text++)
		hash = hash * 33 + (unsigned char)*text;
	return hash % SINK_KNOWN;
}

static int store_put(
	struct view_sink *sink, enum view_kind kind, const char *path, const char *text)
{
	struct store_sink *s = (struct store_sink *)sink;
	unsigned slot = kind == VIEW_FILE ? text_hash(text) : 0;
	size_t text_len = kind == VIEW_FILE ? strlen(text) : SIZE_MAX, path_len = strlen(path);
	int err;

	if (text_len >= sizeof(s->known[0].text) || path_len >= sizeof(s->known[0].path))
		return entry_make(s->root, kind, path, text);
	if (strcmp(s->known[slot].text, text) == 0 &&
		linkat(s->root, s->known[slot].path, s->root, path, 0) == 0)
		return 0;
	err = entry_make(s->root, kind, path, text);
	if (!err) {
		memcpy(s->known[slot].text, text, text_len + 1);
		memcpy(s->known[slot].path, path, path_len + 1);
	}
	return err;
}

/*
 * Made under a name of our own and moved into place as a whole: whoever joins finds all of it.
 * -EEXIST: another process was faster.
 */
static int store_make(struct view_store *store, const char *name,
	int (*fill)(void *arg, struct view_sink *sink), void *arg)
{
	struct store_sink sink = {.sink.put = store_put}; /* 32 KiB */
	char own[VIEW_ROOT_MAX + 12];
	int err;

	snprintf(own, sizeof(own), "%s.%u", name, store->pid);
	if (mkdirat(store->dir_fd, own, 0700))
		return -errno;
	sink.root = folder_lock(store->dir_fd, own, LOCK_SH);
	if (sink.root < 0)
		return sink.root; /* a repair was quicker: try again */
	err = fill(arg, &sink.sink);
	if (!err && renameat2(store->dir_fd, own, store->dir_fd, name, 1 /* NOREPLACE */))
		err = -errno;
	if (err) {
		folder_empty(sink.root);
		unlinkat(store->dir_fd, own, AT_REMOVEDIR);
		close(sink.root);
		return err;
	}
	store->fd = sink.root;
	return 0;
}

static int store_enter(struct view_store *store, const char *name,
	int (*fill)(void *arg, struct view_sink *sink), void *arg)
{
	int err = -ENOENT;

	for (unsigned i = 0; i < TRIES; i++) {
		store->fd = folder_lock(store->dir_fd, name, LOCK_SH);
		if (store->fd >= 0)
			return 0;
		if (store->fd == -EPERM || store->fd == -EACCES)
			return store->fd;
		err = store_make(store, name, fill, arg);
		if (err != -EEXIST && err != -ENOENT && err != -EWOULDBLOCK)
			return err;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return err;
}

int view_store_open(struct view_store *store, const char *dir, const char *key,
	int (*fill)(void *arg, struct view_sink *sink), void *arg, struct problem *problem)
{
	char name[VIEW_ROOT_MAX];
	int err;

	store->fd = -1;
	store->pid = (uint32_t)getpid();
	snprintf(name, sizeof(name), VIEW_PREFIX "%s", key);
	store->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	err = store->dir_fd < 0 ? -errno : store_enter(store, name, fill, arg);
	if (!err && snprintf(store->root, VIEW_ROOT_MAX, "%s/%s", dir, name) >= VIEW_ROOT_MAX)
		err = -ENAMETOOLONG;
	if (!err)
		return 0;
	if (store->dir_fd >= 0)
		close(store->dir_fd);
	return problem_set(problem, err, EXIT_LWVMM_FAILED,
		"%s/%s: the program's view of the machine cannot be made there (%s), it sees "
		"the host's: make room in %s",
		dir, name, strerror(-err), dir);
}

int view_store_replace(struct view_store *store, const char *path, const char *text, size_t len)
{
	char own[64];
	int err;

	snprintf(own, sizeof(own), "new.%u", store->pid);
	err = file_write(store->fd, own, text, len);
	if (!err && renameat(store->fd, own, store->fd, path))
		err = -errno;
	if (err)
		unlinkat(store->fd, own, 0);
	return err;
}

int view_store_add(
	struct view_store *store, enum view_kind kind, const char *path, const char *text)
{
	int err = entry_make(store->fd, kind, path, text);

	return err == -EEXIST ? 0 : err;
}

bool view_store_orphan(int dir_fd, const char *name, bool remove)
{
	int fd = folder_lock(dir_fd, name, LOCK_EX);
	bool there = fd >= 0;

	if (fd < 0)
		return false; /* in use, or not ours to touch */
	if (remove) {
		folder_empty(fd);
		there = unlinkat(dir_fd, name, AT_REMOVEDIR) != 0;
	}
	close(fd);
	return there;
}

void view_store_close(struct view_store *store)
{
	char own[32];
	int fd;

	if (store->fd < 0)
		return;
	snprintf(own, sizeof(own), "proc/%u", store->pid);
	fd = openat(store->fd, own, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		folder_empty(fd);
		close(fd);
		unlinkat(store->fd, own, AT_REMOVEDIR);
	}
	if (flock(store->fd, LOCK_EX | LOCK_NB) == 0) {
		folder_empty(store->fd);
		unlinkat(store->dir_fd, strrchr(store->root, '/') + 1, AT_REMOVEDIR);
	}
	close(store->fd);
	close(store->dir_fd);
	store->fd = -1;
}
