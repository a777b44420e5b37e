/* SPDX-License-Identifier: MIT */
/*
 * The window (abi/share.h): files of the host at guest-physical addresses, by the 2 MiB chunk
 * of the file. Its host addresses are the backing of one standing memory slot; what is mapped
 * there with MAP_FIXED is the guest's memory from then on, so no slot ever changes.
 *
 * Who does what. One thread, the window's (window_serve.c), finds, maps, unmaps and frees
 * chunks and objects, and makes all system calls that a slow file system can hold up. Other
 * threads only drop references (window_put(), the janitor) or look (window_look.c). So `lock`
 * guards tables and counts, and is never held over such a call.
 *
 * A chunk whose last reference is dropped stays mapped and found until the window's thread
 * sweeps: a map request that comes first finds it by its file and takes it into use again; one
 * that comes after the sweep gets a new address. Both are right, as nobody holds the old one.
 */
#ifndef VMM_WINDOW_H
#define VMM_WINDOW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/abi/share.h"
#include "vmm/base/problem.h"

#define WINDOW_CHUNK       ABI_BLOCK_SIZE
#define WINDOW_CHUNK_PAGES (WINDOW_CHUNK / ABI_PAGE)
#define WINDOW_NONE        UINT32_MAX

enum window_kind { WINDOW_FREE, WINDOW_FILE, WINDOW_SYSV };

/* A file or a System V segment. */
struct window_object {
	enum window_kind kind;
	bool writable;     /* chunks are mapped for writing: somebody's descriptor allowed it */
	int fd;            /* of a file; -1 */
	uint64_t dev, ino; /* of SysV: 0 and the segment's id */
	uint64_t page;     /* its page size */
	uint32_t nchunks;
	uint32_t next; /* in the bucket, or of the free ones */
};

struct window_chunk {
	uint32_t object; /* WINDOW_NONE: free */
	uint32_t pages;  /* that have references */
	uint64_t index;  /* offset in the file / WINDOW_CHUNK */
	uint32_t next;   /* in the bucket */
	uint32_t next_idle;
	bool idle; /* in the list of those that the sweep looks at */
};

struct window {
	uint64_t gpa, size;
	uint8_t *host; /* of gpa */
	uint32_t nchunks;
	int wake_fd; /* eventfd, borrowed: something is to be swept; -1 */
	bool stuck;  /* its thread has not come to its end: nothing of it is to be freed */

	atomic_uint
		owed; /* records of the guest's about it that the janitor still keeps back */

	pthread_mutex_t lock; /* all below */
	uint32_t *count;      /* references by page */
	struct window_chunk *chunk;
	struct window_object *object;
	uint32_t *chunk_bucket, *object_bucket; /* nchunks each */
	uint32_t object_free, idle;
	uint64_t used_pages, peak_pages, nobjects, requests, refused;
};

/* Reserves its host addresses, 2 MiB-aligned, and its tables. */
int window_create(struct window *w, uint64_t gpa, uint64_t size, struct problem *problem);
void window_destroy(struct window *w);

/* ---- the window's thread ---- */

struct window_file {
	int fd;
	bool writable;
	uint64_t offset, len; /* bytes; offset page-aligned */
};

/*
 * Finds or makes a place for the beginning of what is wanted and adds a reference to each page
 * of it. The descriptor is borrowed: what is kept is a copy. -ENODEV (no regular file, or its
 * pages are larger than 2 MiB), -EINVAL, -ENOMEM (full), or what the file system says.
 */
int window_map(
	struct window *w, const struct window_file *want, struct abi_window_answer *answer);

/*
 * The same of the object that holds the page `gpa`, `distance` bytes from that page on. *fd is
 * the object's, to be lent to the process. -EFAULT: nobody holds the page.
 */
int window_more(struct window *w, uint64_t gpa, int64_t distance, uint64_t len,
	struct abi_window_answer *answer, uint64_t *offset, int *fd);

/* The same of a System V segment, whole. */
int window_attach(struct window *w, int shmid, int flags, struct abi_window_answer *answer);

/* Unmaps chunks without references, closes files without chunks. */
void window_sweep(struct window *w);

/* ---- any thread ---- */

/* One more reference to each page; -EFAULT if one has none. */
int window_dup(struct window *w, uint64_t gpa, uint64_t len);

/* One less. What was not held is left alone. */
void window_put(struct window *w, uint64_t gpa, uint64_t len);

/* Whether chunks are to be swept, or references will be dropped soon. */
bool window_will_have_room(struct window *w);

bool window_has(const struct window *w, uint64_t gpa, uint64_t len);

/* For the account: a request was served, or refused. */
void window_count(struct window *w, int err);

struct window_use {
	uint64_t pages, peak_pages, objects, requests, refused;
};
struct window_use window_use(struct window *w);

#endif
