/* SPDX-License-Identifier: MIT */
/*
 * What the window's thread alone does: it makes and unmakes objects and chunks. It changes the
 * tables under the lock and reads them without it, since nobody else changes them; what others
 * change, counts and the list of idle chunks, it touches under the lock only. System calls are
 * made between, without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "vmm/window_parts.h"

int window_chunks_unmap(const struct window *w, uint32_t chunk, uint32_t n)
{
	void *at = mmap(window_host(w, chunk), n * WINDOW_CHUNK, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	madvise(at, n * WINDOW_CHUNK, MADV_DONTFORK);
	return 0;
}

/*
 * A file whose own mmap fails (one of /proc or /sys, say) has by then unmapped what was at the
 * fixed place, and the hole would take the VMM's next mapping, to be overwritten by the next
 * file. So it is tried elsewhere first, and if it fails all the same, the place is reserved
 * again at once. NORESERVE: the processes' own mappings reserve what there is to reserve.
 */
static int chunks_map(const struct window *w, uint32_t chunk, uint32_t n,
	const struct window_object *o, uint64_t index)
{
	const int prot = o->writable ? PROT_READ | PROT_WRITE : PROT_READ;
	const int flags = MAP_SHARED | MAP_NORESERVE;
	const off_t offset = (off_t)(index * WINDOW_CHUNK);
	void *at = mmap(NULL, n * WINDOW_CHUNK, prot, flags, o->fd, offset);
	int err;

	if (at == MAP_FAILED)
		return -errno;
	munmap(at, n * WINDOW_CHUNK);
	at = mmap(window_host(w, chunk), n * WINDOW_CHUNK, prot, flags | MAP_FIXED, o->fd,
		offset);
	if (at != MAP_FAILED)
		return 0;
	err = -errno;
	window_chunks_unmap(w, chunk, n);
	return err;
}

/* ---- the end of chunks ---- */

/* The next without references; WINDOW_NONE: there is none. */
static uint32_t idle_take(struct window *w)
{
	uint32_t i;

	pthread_mutex_lock(&w->lock);
	while ((i = w->idle) != WINDOW_NONE) {
		w->idle = w->chunk[i].next_idle;
		w->chunk[i].idle = false;
		if (!w->chunk[i].pages && w->chunk[i].object != WINDOW_NONE)
			break;
	}
	pthread_mutex_unlock(&w->lock);
	return i;
}

static void idle_again(struct window *w, uint32_t chunk)
{
	pthread_mutex_lock(&w->lock);
	w->chunk[chunk].idle = true;
	w->chunk[chunk].next_idle = w->idle;
	w->idle = chunk;
	pthread_mutex_unlock(&w->lock);
}

/* An object without chunks goes, and its descriptor with it. */
static void object_leave(struct window *w, uint32_t object)
{
	int fd = w->object[object].fd;

	if (w->object[object].nchunks)
		return;
	pthread_mutex_lock(&w->lock);
	window_object_remove(w, object);
	pthread_mutex_unlock(&w->lock);
	if (fd >= 0)
		close(fd);
}

/* A segment is attached as a whole, and so detached: when none of its chunks is held. */
static bool segment_idle(struct window *w, uint32_t object)
{
	uint32_t pages = 0;

	pthread_mutex_lock(&w->lock);
	for (uint32_t i = 0; i < w->object[object].nchunks; i++)
		pages += w->chunk[window_chunk_find(w, object, i)].pages;
	pthread_mutex_unlock(&w->lock);
	return !pages;
}

static int chunks_release(struct window *w, uint32_t first, uint32_t n)
{
	uint32_t object = w->chunk[first].object;
	int err = window_chunks_unmap(w, first, n);

	if (err)
		return err;
	pthread_mutex_lock(&w->lock);
	for (uint32_t i = 0; i < n; i++)
		window_chunk_remove(w, first + i);
	pthread_mutex_unlock(&w->lock);
	object_leave(w, object);
	return 0;
}

void window_sweep(struct window *w)
{
	uint32_t i;

	while ((i = idle_take(w)) != WINDOW_NONE) {
		uint32_t first = i, n = 1;

		if (w->object[w->chunk[i].object].kind == WINDOW_SYSV) {
			if (!segment_idle(w, w->chunk[i].object))
				continue;
			first = i - (uint32_t)w->chunk[i].index;
			n = w->object[w->chunk[i].object].nchunks;
		}
		/* No more mappings are to be had (vm.max_map_count): when something else has
		 * gone. */
		if (chunks_release(w, first, n)) {
			idle_again(w, i);
			return;
		}
	}
}

/* ---- the beginning ---- */

void window_answer(struct window *w, uint32_t chunk, uint64_t offset, uint64_t len,
	uint64_t size, struct abi_window_answer *answer)
{
	const struct window_object *o = &w->object[w->chunk[chunk].object];
	uint64_t end = window_round_up(size, o->page), inside = end > offset ? end - offset : 0;

	*answer = (struct abi_window_answer){
		.gpa = w->gpa + chunk * WINDOW_CHUNK + offset % WINDOW_CHUNK,
		.len = len,
		.inside = inside < len ? inside : len,
		.writable = o->writable,
		.huge = o->page,
	};
	pthread_mutex_lock(&w->lock);
	window_hold(w, answer->gpa, len);
	pthread_mutex_unlock(&w->lock);
}

/* How many chunks from this one on lie one after the other in the file, too; `max` at most. */
static uint32_t chunks_run(const struct window *w, uint32_t chunk, uint32_t max)
{
	const struct window_chunk *first = &w->chunk[chunk];
	uint32_t n = 1;

	while (n < max && chunk + n < w->nchunks && first[n].object == first->object &&
		first[n].index == first->index + n)
		n++;
	return n;
}

/* Makes chunks from `index` on, as far as the object has none and room is found; the first. */
static int chunks_make(
	struct window *w, uint32_t object, uint64_t index, uint32_t max, uint32_t *chunk)
{
	const struct window_object *o = &w->object[object];
	uint32_t n = 1, before = WINDOW_NONE;
	int err;

	while (n < max && window_chunk_find(w, object, index + n) == WINDOW_NONE)
		n++;
	if (index)
		before = window_chunk_find(w, object, index - 1);
	*chunk = window_chunks_free(w, before, &n);
	if (*chunk == WINDOW_NONE)
		return -ENOMEM;
	err = chunks_map(w, *chunk, n, o, index);
	if (err)
		return err;
	pthread_mutex_lock(&w->lock);
	for (uint32_t i = 0; i < n; i++)
		window_chunk_add(w, *chunk + i, object, index + i);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

/*
 * The part of [offset, offset + len) that begins it and is contiguous; never more than was
 * asked for, as that is what the process has room for. So of huge pages, whole ones are to be
 * asked for.
 */
static int object_place(struct window *w, uint32_t object, uint64_t offset, uint64_t len,
	struct abi_window_answer *answer)
{
	uint64_t index = offset / WINDOW_CHUNK;
	uint64_t want = (offset + len - 1) / WINDOW_CHUNK - index + 1, have;
	uint32_t max = want < w->nchunks ? (uint32_t)want : w->nchunks;
	uint32_t chunk = window_chunk_find(w, object, index);
	struct stat st = {0};
	int err = 0;

	if (len & (w->object[object].page - 1))
		return -EINVAL;
	if (chunk == WINDOW_NONE)
		err = chunks_make(w, object, index, max, &chunk);
	if (!err && fstat(w->object[object].fd, &st))
		err = -errno;
	if (err)
		return err;
	have = chunks_run(w, chunk, max) * WINDOW_CHUNK - offset % WINDOW_CHUNK;
	window_answer(w, chunk, offset, len < have ? len : have, (uint64_t)st.st_size, answer);
	return 0;
}

/*
 * A descriptor that may write takes the place of one that may not: the same pages, in one step
 * each, so that nobody who uses them notices. Half of it done does no harm: it is done again
 * with the next such descriptor.
 */
static int object_upgrade(struct window *w, uint32_t object, int fd)
{
	struct window_object o = w->object[object];
	int old = o.fd;

	o.fd = fd;
	o.writable = true;
	for (uint32_t i = 0; i < w->nchunks; i++) {
		int err = 0;

		if (w->chunk[i].object == object)
			err = chunks_map(w, i, 1, &o, w->chunk[i].index);
		if (err) {
			/* What those had who use it; it worked before. */
			chunks_map(w, i, 1, &w->object[object], w->chunk[i].index);
			return err;
		}
	}
	pthread_mutex_lock(&w->lock);
	w->object[object].fd = fd;
	w->object[object].writable = true;
	pthread_mutex_unlock(&w->lock);
	close(old);
	return 0;
}

/* Regular files alone: a device's pages are no page cache, and have no place in a file. */
static int file_look(int fd, struct window_object *o)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) || fstatfs(fd, &fs))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENODEV;
	o->kind = WINDOW_FILE;
	o->dev = st.st_dev;
	o->ino = st.st_ino;
	o->page = fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize : ABI_PAGE;
	return o->page > WINDOW_CHUNK ? -ENODEV : 0;
}

static int object_new(struct window *w, const struct window_object *o, uint32_t *object)
{
	pthread_mutex_lock(&w->lock);
	*object = window_object_add(w, o);
	pthread_mutex_unlock(&w->lock);
	return *object == WINDOW_NONE ? -ENOMEM : 0;
}

/* The file's object. It keeps a descriptor of its own, if it needs this one. */
static int object_open(struct window *w, const struct window_file *want, uint32_t *object)
{
	struct window_object o = {.writable = want->writable};
	int err = file_look(want->fd, &o);

	if (err)
		return err;
	*object = window_object_find(w, WINDOW_FILE, o.dev, o.ino);
	if (*object != WINDOW_NONE && (!want->writable || w->object[*object].writable))
		return 0;
	o.fd = fcntl(want->fd, F_DUPFD_CLOEXEC, 0);
	if (o.fd < 0)
		return -ENFILE;
	err = *object == WINDOW_NONE ? object_new(w, &o, object)
				     : object_upgrade(w, *object, o.fd);
	if (err)
		close(o.fd);
	return err;
}

static bool range_sound(uint64_t offset, uint64_t len)
{
	uint64_t end;

	return len && offset % ABI_PAGE == 0 && !__builtin_add_overflow(offset, len, &end) &&
	       end <= INT64_MAX - WINDOW_CHUNK;
}

int window_map(
	struct window *w, const struct window_file *want, struct abi_window_answer *answer)
{
	uint32_t object;
	int err;

	if (!range_sound(want->offset, want->len))
		return -EINVAL;
	err = object_open(w, want, &object);
	if (err)
		return err;
	err = object_place(w, object, want->offset, want->len, answer);
	object_leave(w, object);
	/* What this descriptor allows, not what another's has allowed. */
	if (!err)
		answer->writable &= want->writable;
	return err;
}

int window_more(struct window *w, uint64_t gpa, int64_t distance, uint64_t len,
	struct abi_window_answer *answer, uint64_t *offset, int *fd)
{
	uint32_t chunk = (uint32_t)((gpa - w->gpa) / WINDOW_CHUNK), object;
	int64_t at;
	int err = -EINVAL;

	/* A reference of its own keeps the object while we work. */
	if (window_dup(w, gpa, ABI_PAGE))
		return -EFAULT;
	object = w->chunk[chunk].object;
	*fd = w->object[object].fd;
	at = (int64_t)(w->chunk[chunk].index * WINDOW_CHUNK + gpa % WINDOW_CHUNK);
	if (w->object[object].kind == WINDOW_FILE &&
		!__builtin_add_overflow(at, distance, &at) && at >= 0 &&
		range_sound((uint64_t)at, len)) {
		*offset = (uint64_t)at;
		err = object_place(w, object, *offset, len, answer);
	}
	window_put(w, gpa, ABI_PAGE);
	return err;
}
