/* SPDX-License-Identifier: MIT */
/* The window's tables: objects by file, chunks by object and place, references by page. */
#include "vmm/window_parts.h"

static uint32_t bucket_of(const struct window *w, uint64_t a, uint64_t b)
{
	uint64_t hash = (a * 0x9e3779b97f4a7c15ULL ^ b) * 0xff51afd7ed558ccdULL;

	return (uint32_t)((hash >> 32) % w->nchunks);
}

uint32_t window_object_find(
	const struct window *w, enum window_kind kind, uint64_t dev, uint64_t ino)
{
	uint32_t i = w->object_bucket[bucket_of(w, dev, ino)];

	while (i != WINDOW_NONE) {
		const struct window_object *o = &w->object[i];

		if (o->kind == kind && o->dev == dev && o->ino == ino)
			break;
		i = o->next;
	}
	return i;
}

uint32_t window_object_add(struct window *w, const struct window_object *object)
{
	uint32_t i = w->object_free;
	uint32_t *bucket = &w->object_bucket[bucket_of(w, object->dev, object->ino)];

	if (i == WINDOW_NONE)
		return i;
	w->object_free = w->object[i].next;
	w->object[i] = *object;
	w->object[i].next = *bucket;
	*bucket = i;
	w->nobjects++;
	return i;
}

void window_object_remove(struct window *w, uint32_t object)
{
	struct window_object *o = &w->object[object];
	uint32_t *at = &w->object_bucket[bucket_of(w, o->dev, o->ino)];

	while (*at != object)
		at = &w->object[*at].next;
	*at = o->next;
	*o = (struct window_object){.fd = -1, .next = w->object_free};
	w->object_free = object;
	w->nobjects--;
}

uint32_t window_chunk_find(const struct window *w, uint32_t object, uint64_t index)
{
	uint32_t i = w->chunk_bucket[bucket_of(w, object, index)];

	while (i != WINDOW_NONE && (w->chunk[i].object != object || w->chunk[i].index != index))
		i = w->chunk[i].next;
	return i;
}

/* How many from `first` on are free, `max` at most. */
static uint32_t run_of(const struct window *w, uint32_t first, uint32_t max)
{
	uint32_t n = 0;

	while (n < max && first + n < w->nchunks && w->chunk[first + n].object == WINDOW_NONE)
		n++;
	return n;
}

uint32_t window_chunks_free(const struct window *w, uint32_t after, uint32_t *n)
{
	uint32_t best = WINDOW_NONE, most = 0;

	if (after != WINDOW_NONE) {
		most = run_of(w, after + 1, *n);
		best = after + 1;
	}
	/* First fit; if none does, the longest. */
	for (uint32_t i = 0; i < w->nchunks && after == WINDOW_NONE && most < *n;) {
		uint32_t run = run_of(w, i, *n);

		if (run > most) {
			most = run;
			best = i;
		}
		i += run + 1;
	}
	if (!most && after != WINDOW_NONE)
		return window_chunks_free(w, WINDOW_NONE, n);
	*n = most;
	return most ? best : WINDOW_NONE;
}

void window_chunk_add(struct window *w, uint32_t chunk, uint32_t object, uint64_t index)
{
	uint32_t *bucket = &w->chunk_bucket[bucket_of(w, object, index)];
	struct window_chunk *c = &w->chunk[chunk];

	c->object = object;
	c->index = index;
	c->next = *bucket;
	*bucket = chunk;
	w->object[object].nchunks++;
}

void window_chunk_remove(struct window *w, uint32_t chunk)
{
	struct window_chunk *c = &w->chunk[chunk];
	uint32_t *at = &w->chunk_bucket[bucket_of(w, c->object, c->index)];

	while (*at != chunk)
		at = &w->chunk[*at].next;
	*at = c->next;
	w->object[c->object].nchunks--;
	c->object = WINDOW_NONE;
}

static uint32_t page_of(const struct window *w, uint64_t gpa)
{
	return (uint32_t)((gpa - w->gpa) / ABI_PAGE);
}

/* A count that has once reached the end of its numbers stays there: the page is never let go.
 */
void window_hold(struct window *w, uint64_t gpa, uint64_t len)
{
	for (uint32_t page = page_of(w, gpa), end = page_of(w, gpa + len); page < end; page++) {
		if (w->count[page] == UINT32_MAX || w->count[page]++)
			continue;
		w->chunk[page / WINDOW_CHUNK_PAGES].pages++;
		w->used_pages++;
	}
	if (w->used_pages > w->peak_pages)
		w->peak_pages = w->used_pages;
}

static bool chunk_rest(struct window *w, uint32_t chunk)
{
	struct window_chunk *c = &w->chunk[chunk];

	if (--c->pages || c->idle)
		return false;
	c->idle = true;
	c->next_idle = w->idle;
	w->idle = chunk;
	return true;
}

bool window_drop(struct window *w, uint64_t gpa, uint64_t len)
{
	bool news = false;

	for (uint32_t page = page_of(w, gpa), end = page_of(w, gpa + len); page < end; page++) {
		if (!w->count[page] || w->count[page] == UINT32_MAX || --w->count[page])
			continue;
		w->used_pages--;
		news |= chunk_rest(w, (uint32_t)(page / WINDOW_CHUNK_PAGES));
	}
	return news;
}
