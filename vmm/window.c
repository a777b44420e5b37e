/* SPDX-License-Identifier: MIT */
#include "vmm/window_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROOM (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

/* Never looked at but where something is mapped: costs address space. */
static void *room(uint64_t size, int prot)
{
	void *at = mmap(NULL, size, prot, ROOM, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static int host_reserve(struct window *w)
{
	uint8_t *at = room(w->size + WINDOW_CHUNK, PROT_NONE);
	uint64_t head;

	if (!at)
		return -errno;
	head = -(uintptr_t)at & (WINDOW_CHUNK - 1);
	if (head)
		munmap(at, head);
	munmap(at + head + w->size, WINDOW_CHUNK - head);
	w->host = at + head;
	madvise(w->host, w->size, MADV_DONTFORK);
	return 0;
}

static void tables_free(struct window *w)
{
	if (w->count)
		munmap(w->count, w->size / ABI_PAGE * sizeof(*w->count));
	free(w->chunk);
	free(w->object);
	free(w->chunk_bucket);
	free(w->object_bucket);
}

static int tables_make(struct window *w)
{
	w->count = room(w->size / ABI_PAGE * sizeof(*w->count), PROT_READ | PROT_WRITE);
	w->chunk = calloc(w->nchunks, sizeof(*w->chunk));
	w->object = calloc(w->nchunks, sizeof(*w->object));
	w->chunk_bucket = malloc(w->nchunks * sizeof(*w->chunk_bucket));
	w->object_bucket = malloc(w->nchunks * sizeof(*w->object_bucket));
	if (!w->count || !w->chunk || !w->object || !w->chunk_bucket || !w->object_bucket) {
		tables_free(w);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < w->nchunks; i++) {
		w->chunk_bucket[i] = w->object_bucket[i] = WINDOW_NONE;
		w->chunk[i].object = WINDOW_NONE;
		w->object[i].fd = -1;
		w->object[i].next = i + 1 < w->nchunks ? i + 1 : WINDOW_NONE;
	}
	w->idle = WINDOW_NONE;
	return 0;
}

int window_create(struct window *w, uint64_t gpa, uint64_t size, struct problem *problem)
{
	int err;

	*w = (struct window){
		.gpa = gpa,
		.size = size,
		.nchunks = (uint32_t)(size / WINDOW_CHUNK),
		.wake_fd = -1,
	};
	err = host_reserve(w);
	if (!err) {
		err = tables_make(w);
		if (err)
			munmap(w->host, w->size);
	}
	if (err)
		return problem_set(problem, err, EXIT_LWVMM_FAILED,
			"window: no %lu MiB of address space for shared files (%s): raise "
			"`ulimit -v`, or ask for less with --window",
			(unsigned long)(size >> 20), strerror(-err));
	pthread_mutex_init(&w->lock, NULL);
	return 0;
}

void window_destroy(struct window *w)
{
	if (w->stuck)
		return;
	for (uint32_t i = 0; i < w->nchunks; i++)
		if (w->object[i].fd >= 0)
			close(w->object[i].fd);
	munmap(w->host, w->size);
	tables_free(w);
	pthread_mutex_destroy(&w->lock);
}

bool window_will_have_room(struct window *w)
{
	bool idle;

	/* In this order: what is owed becomes idle. */
	if (atomic_load(&w->owed))
		return true;
	pthread_mutex_lock(&w->lock);
	idle = w->idle != WINDOW_NONE;
	pthread_mutex_unlock(&w->lock);
	return idle;
}

bool window_has(const struct window *w, uint64_t gpa, uint64_t len)
{
	return gpa >= w->gpa && gpa - w->gpa < w->size && len &&
	       len <= w->size - (gpa - w->gpa) && (gpa | len) % ABI_PAGE == 0;
}

static bool all_held(const struct window *w, uint64_t gpa, uint64_t len)
{
	const uint32_t *count = &w->count[(gpa - w->gpa) / ABI_PAGE];

	for (uint64_t i = 0; i < len / ABI_PAGE; i++)
		if (!count[i])
			return false;
	return true;
}

int window_dup(struct window *w, uint64_t gpa, uint64_t len)
{
	int err = -EFAULT;

	if (!window_has(w, gpa, len))
		return err;
	pthread_mutex_lock(&w->lock);
	if (all_held(w, gpa, len)) {
		window_hold(w, gpa, len);
		err = 0;
	}
	pthread_mutex_unlock(&w->lock);
	return err;
}

void window_put(struct window *w, uint64_t gpa, uint64_t len)
{
	const uint64_t one = 1;
	bool news;

	if (!window_has(w, gpa, len))
		return;
	pthread_mutex_lock(&w->lock);
	news = window_drop(w, gpa, len);
	pthread_mutex_unlock(&w->lock);
	/* Can only fail when the counter is full, so that the thread has long been woken. */
	if (news && w->wake_fd >= 0 && write(w->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void window_count(struct window *w, int err)
{
	pthread_mutex_lock(&w->lock);
	w->requests++;
	w->refused += err != 0;
	pthread_mutex_unlock(&w->lock);
}

struct window_use window_use(struct window *w)
{
	struct window_use use;

	pthread_mutex_lock(&w->lock);
	use = (struct window_use){
		.pages = w->used_pages,
		.peak_pages = w->peak_pages,
		.objects = w->nobjects,
		.requests = w->requests,
		.refused = w->refused,
	};
	pthread_mutex_unlock(&w->lock);
	return use;
}
