/* SPDX-License-Identifier: MIT */
/*
 * System V segments in the window: the host's own, so that their permissions, ipcs and host
 * processes come for free. Attached as a whole, one chunk after the other. The window's thread
 * alone.
 */
#include <errno.h>
#include <sys/shm.h>

#include "vmm/base/huge.h"
#include "vmm/window_parts.h"

/*
 * Tried elsewhere first, and the place reserved again if it fails: see chunks_map(). There it
 * is seen of what pages it is.
 */
static int segment_attach(const struct window *w, uint32_t chunk, uint32_t n,
	struct window_object *o, uint64_t size)
{
	const int flags = o->writable ? 0 : SHM_RDONLY;
	void *at = shmat((int)o->ino, NULL, flags);
	int err;

	if (at == (void *)-1)
		return -errno;
	o->page = huge_page_at(at) ? WINDOW_CHUNK : ABI_PAGE;
	shmdt(at);
	/* As of files (object_place()): whole pages alone. */
	if (size & (o->page - 1))
		return -EINVAL;
	if (shmat((int)o->ino, window_host(w, chunk), flags | SHM_REMAP) != (void *)-1)
		return 0;
	err = -errno;
	window_chunks_unmap(w, chunk, n);
	return err;
}

static int segment_make(
	struct window *w, struct window_object *o, uint64_t size, uint32_t *chunk)
{
	uint32_t want = (uint32_t)((size + WINDOW_CHUNK - 1) / WINDOW_CHUNK), n = want;
	uint32_t object;
	int err;

	if (size > w->size)
		return -ENOMEM;
	*chunk = window_chunks_free(w, WINDOW_NONE, &n);
	if (*chunk == WINDOW_NONE || n < want)
		return -ENOMEM;
	err = segment_attach(w, *chunk, n, o, size);
	if (err)
		return err;
	pthread_mutex_lock(&w->lock);
	/* There are as many objects as chunks, and each has one at least. */
	object = window_object_add(w, o);
	for (uint32_t i = 0; i < n; i++)
		window_chunk_add(w, *chunk + i, object, i);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

int window_attach(struct window *w, int shmid, int flags, struct abi_window_answer *answer)
{
	struct window_object o = {
		.kind = WINDOW_SYSV,
		.fd = -1,
		.writable = !(flags & SHM_RDONLY),
		.ino = (uint32_t)shmid,
	};
	uint32_t object = window_object_find(w, WINDOW_SYSV, 0, o.ino), chunk;
	struct shmid_ds ds;
	uint64_t size;
	int err = 0;

	if (shmctl(shmid, IPC_STAT, &ds))
		return -errno;
	size = window_round_up(ds.shm_segsz, ABI_PAGE);
	if (object == WINDOW_NONE) {
		err = segment_make(w, &o, size, &chunk);
	} else {
		chunk = window_chunk_find(w, object, 0);
		if (o.writable && !w->object[object].writable) {
			err = segment_attach(w, chunk, w->object[object].nchunks, &o, size);
			pthread_mutex_lock(&w->lock);
			w->object[object].writable = !err;
			pthread_mutex_unlock(&w->lock);
		}
	}
	if (err)
		return err;
	window_answer(w, chunk, 0, size, size, answer);
	answer->writable &= o.writable;
	return 0;
}
