/* SPDX-License-Identifier: MIT */
/*
 * Looking for pages of the window that have no memory behind them, for window_bus.c. It walks
 * over the chunks that are held. Whatever a slow, or dead, file system can hold up (fstat,
 * fstatfs, bringing in a page) is done without the window's lock: meanwhile a reference to one
 * of its pages keeps the chunk, with its mapping and object, and a copy of the descriptor is
 * ours. What was held then is looked at again before it is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "vmm/window_parts.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

/* Pages that are brought in for one search: with more it takes longer than it is worth. */
#define TRY_MAX 65536

/* Where the walk is. The chunk is held by a reference to `page` of it. */
struct look {
	struct window *w;
	uint32_t chunk, page; /* WINDOW_NONE: nowhere yet */
	uint32_t object;
	uint64_t index;
	int fd;        /* a copy of the object's; -1 */
	uint64_t end;  /* of the file, in bytes; UINT64_MAX: it never moves */
	bool memory;   /* a file system of memory: what is not there is a hole */
	uint32_t left; /* pages that may still be brought in */
};

static uint64_t gpa_of(const struct window *w, uint32_t chunk, uint64_t page)
{
	return w->gpa + chunk * WINDOW_CHUNK + page * ABI_PAGE;
}

static bool is_held(const struct window *w, uint32_t chunk)
{
	return w->chunk[chunk].object != WINDOW_NONE && w->chunk[chunk].pages;
}

/* By others than the walk. */
static bool page_held(const struct look *l, uint32_t chunk, uint64_t page)
{
	bool ours = chunk == l->chunk && page == l->page;

	return l->w->count[chunk * WINDOW_CHUNK_PAGES + page] > ours;
}

/* The first page of the chunk at or behind `page` that is held; WINDOW_CHUNK_PAGES: none. */
static uint32_t held_from(const struct look *l, uint32_t chunk, uint64_t page)
{
	while (page < WINDOW_CHUNK_PAGES && !page_held(l, chunk, page))
		page++;
	return (uint32_t)page;
}

static void file_look(struct look *l, const struct window_object *o)
{
	struct statfs fs;
	struct stat st;

	l->end = UINT64_MAX;
	l->memory = true;
	if (l->fd < 0)
		return;
	if (!fstat(l->fd, &st))
		l->end = window_round_up((uint64_t)st.st_size, o->page);
	l->memory = fstatfs(l->fd, &fs) || fs.f_type == TMPFS_MAGIC ||
		    fs.f_type == HUGETLBFS_MAGIC || fs.f_type == RAMFS_MAGIC;
}

static void look_leave(struct look *l)
{
	if (l->chunk != WINDOW_NONE)
		window_put(l->w, gpa_of(l->w, l->chunk, l->page), ABI_PAGE);
	l->chunk = WINDOW_NONE;
}

static void look_end(struct look *l)
{
	look_leave(l);
	if (l->fd >= 0)
		close(l->fd);
}

/*
 * On to the next chunk at or behind `chunk` that is held; false: there is none. As the one
 * before is still held when this one is taken, an object of the same number is the same.
 */
static bool look_at(struct look *l, uint32_t chunk)
{
	struct window *w = l->w;
	struct window_object o = {.fd = -1};
	uint32_t object = WINDOW_NONE, page = 0;
	uint64_t index = 0;

	pthread_mutex_lock(&w->lock);
	while (chunk < w->nchunks && !is_held(w, chunk))
		chunk++;
	if (chunk < w->nchunks) {
		object = w->chunk[chunk].object;
		index = w->chunk[chunk].index;
		page = held_from(&(struct look){.w = w, .chunk = WINDOW_NONE}, chunk, 0);
		window_hold(w, gpa_of(w, chunk, page), ABI_PAGE);
		o = w->object[object];
		/* No file system hears of this; closed is the object's under the lock's cover.
		 */
		if (object != l->object && o.fd >= 0)
			o.fd = fcntl(o.fd, F_DUPFD_CLOEXEC, 0);
	}
	pthread_mutex_unlock(&w->lock);
	look_leave(l);
	if (object == WINDOW_NONE)
		return false;
	l->chunk = chunk;
	l->page = page;
	l->index = index;
	if (object == l->object)
		return true;
	if (l->fd >= 0)
		close(l->fd);
	l->object = object;
	l->fd = o.fd;
	file_look(l, &o);
	return true;
}

/* Where the file ends, as a page of the chunk. */
static uint64_t end_page(const struct look *l)
{
	uint64_t at = l->index * WINDOW_CHUNK;

	if (l->end <= at)
		return 0;
	return l->end - at < WINDOW_CHUNK ? (l->end - at) / ABI_PAGE : WINDOW_CHUNK_PAGES;
}

/* The file's next chunks are behind its end just as well. */
static uint32_t chunks_behind(const struct look *l)
{
	const struct window *w = l->w;
	uint32_t n = 1;

	while (l->chunk + n < w->nchunks && is_held(w, l->chunk + n) &&
		w->chunk[l->chunk + n].object == l->object &&
		w->chunk[l->chunk + n].index == l->index + n)
		n++;
	return n;
}

bool window_find_short(struct window *w, uint32_t *chunk, uint64_t *gpa, uint64_t *len)
{
	struct look l = {.w = w, .chunk = WINDOW_NONE, .object = WINDOW_NONE, .fd = -1};
	bool found = false;

	while (!found && look_at(&l, *chunk)) {
		uint32_t page, n = 1;

		pthread_mutex_lock(&w->lock);
		page = held_from(&l, l.chunk, end_page(&l));
		found = page < WINDOW_CHUNK_PAGES;
		if (found)
			n = chunks_behind(&l);
		pthread_mutex_unlock(&w->lock);
		if (found) {
			*gpa = gpa_of(w, l.chunk, page);
			*len = n * WINDOW_CHUNK - page * ABI_PAGE;
		}
		*chunk = l.chunk + n;
	}
	look_end(&l);
	return found;
}

static bool populate(const struct look *l, uint32_t page, uint32_t n)
{
	void *at = window_host(l->w, l->chunk) + page * ABI_PAGE;

	return !madvise(at, n * ABI_PAGE, MADV_POPULATE_READ) ||
	       (errno != EFAULT && errno != EHWPOISON && errno != EIO);
}

/*
 * Pages inside their file of which it is to be tried whether they can be had: held, and not
 * holes, which would become memory by being looked at. In a file system of memory that is what
 * is not resident; elsewhere a hole costs no more than page cache. True if there are any.
 */
static bool worth_trying(struct look *l, bool *try)
{
	unsigned char in[WINDOW_CHUNK_PAGES];
	uint64_t end = end_page(l);
	bool any = false;

	if (!end || mincore(window_host(l->w, l->chunk), end * ABI_PAGE, in))
		return false;
	pthread_mutex_lock(&l->w->lock);
	for (uint64_t i = 0; i < WINDOW_CHUNK_PAGES; i++) {
		try[i] = i < end && page_held(l, l->chunk, i) &&
			 (in[i] & 1 || (!l->memory && l->left));
		if (try[i] && !(in[i] & 1))
			l->left--;
		any |= try[i];
	}
	pthread_mutex_unlock(&l->w->lock);
	return any;
}

/* The first page that cannot be had; WINDOW_CHUNK_PAGES: all can. Runs first, then pages. */
static uint32_t first_lost(const struct look *l, const bool *try)
{
	for (uint32_t i = 0, n; i < WINDOW_CHUNK_PAGES; i += n) {
		for (n = 1; i + n < WINDOW_CHUNK_PAGES && try[i + n] == try[i]; n++)
			;
		if (!try[i] || populate(l, i, n))
			continue;
		for (uint32_t k = i; k < i + n; k++)
			if (!populate(l, k, 1))
				return k;
	}
	return WINDOW_CHUNK_PAGES;
}

bool window_find_lost(struct window *w, uint32_t *chunk, uint64_t *gpa, uint64_t *len)
{
	struct look l = {
		.w = w, .chunk = WINDOW_NONE, .object = WINDOW_NONE, .fd = -1, .left = TRY_MAX};
	bool found = false;

	while (!found && look_at(&l, *chunk)) {
		bool try[WINDOW_CHUNK_PAGES];
		uint32_t page = WINDOW_CHUNK_PAGES;

		if (worth_trying(&l, try))
			page = first_lost(&l, try);
		if (page < WINDOW_CHUNK_PAGES) {
			pthread_mutex_lock(&w->lock);
			found = page_held(&l, l.chunk, page);
			pthread_mutex_unlock(&w->lock);
		}
		if (found) {
			*gpa = gpa_of(w, l.chunk, page);
			*len = ABI_PAGE;
		}
		*chunk = l.chunk + 1;
	}
	look_end(&l);
	return found;
}
