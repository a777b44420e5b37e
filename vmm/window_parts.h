/* SPDX-License-Identifier: MIT */
/* What the files window*.c have of each other. */
#ifndef VMM_WINDOW_PARTS_H
#define VMM_WINDOW_PARTS_H

#include "vmm/window.h"

static inline uint8_t *window_host(const struct window *w, uint32_t chunk)
{
	return w->host + chunk * WINDOW_CHUNK;
}

static inline uint64_t window_round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

/* window_table.c: all under the lock, or by the window's thread where they only look. */

uint32_t window_object_find(
	const struct window *w, enum window_kind kind, uint64_t dev, uint64_t ino);
uint32_t window_object_add(struct window *w, const struct window_object *object);
void window_object_remove(struct window *w, uint32_t object);

uint32_t window_chunk_find(const struct window *w, uint32_t object, uint64_t index);
/* Free chunks one after the other, `n` at most, and behind `after` if they can be. */
uint32_t window_chunks_free(const struct window *w, uint32_t after, uint32_t *n);
void window_chunk_add(struct window *w, uint32_t chunk, uint32_t object, uint64_t index);
void window_chunk_remove(struct window *w, uint32_t chunk);

/* References of pages of chunks that are in use. */
void window_hold(struct window *w, uint64_t gpa, uint64_t len);
/* True if something is to be swept now that was not before. */
bool window_drop(struct window *w, uint64_t gpa, uint64_t len);

/* window_map.c: adds references and tells where: `len` bytes from `offset` on, of an object of
 * `size` bytes. */
void window_answer(struct window *w, uint32_t chunk, uint64_t offset, uint64_t len,
	uint64_t size, struct abi_window_answer *answer);

/*
 * window_look.c, without the lock: pages that are held and lie behind the end of their file, or
 * cannot be had though they lie inside it. The search goes from *chunk on, and leaves there
 * where the next one is to begin. False: there are none.
 */
bool window_find_short(struct window *w, uint32_t *chunk, uint64_t *gpa, uint64_t *len);
bool window_find_lost(struct window *w, uint32_t *chunk, uint64_t *gpa, uint64_t *len);

/* Back to the reservation that nothing is behind. */
int window_chunks_unmap(const struct window *w, uint32_t chunk, uint32_t n);

#endif
