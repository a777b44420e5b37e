/* SPDX-License-Identifier: MIT */
/*
 * The window's thread in the VMM: serves the proxies' requests (vmm/proto.h), each over a
 * socket of its own, and sweeps. A file system that blocks holds up this thread alone, and so
 * those who map files; the VMM's main thread and the janitor go on.
 */
#ifndef VMM_WINDOW_SERVE_H
#define VMM_WINDOW_SERVE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "guest-lwk/abi/share.h"
#include "vmm/base/problem.h"
#include "vmm/proto.h"
#include "vmm/window.h"

/* One process, by its index. */
struct window_client {
	int sock;         /* -1: none */
	atomic_bool used; /* connected, or the thread has still to close it */
	bool leaving;     /* its proxy is gone */
	/* What was answered last, until we know that the LWK has it. */
	uint32_t slot, seq;
	uint64_t gpa, len; /* len 0: nothing */
};

struct window_serve {
	struct window *window;
	const struct abi_share *share;
	int epoll_fd, wake_fd;
	pthread_t thread;
	bool started;
	atomic_bool stop;
	pthread_mutex_t lock; /* the clients */
	struct window_client client[ABI_MAX_PROCS];
};

/* Descriptors first, then (after the seal) the thread, on the cores of its creator. */
int window_serve_create(struct window_serve *s, struct window *window,
	const struct abi_share *share, struct problem *problem);
int window_serve_start(struct window_serve *s, struct problem *problem);
/* A thread that does not end within seconds is left, with all that it uses (window->stuck). */
void window_serve_stop(struct window_serve *s);
void window_serve_destroy(struct window_serve *s);

/* Main thread: the new process's end of a new socket (the caller sends and closes it), or
 * -errno. */
int window_connect(struct window_serve *s, unsigned proc);

/*
 * Main thread: the process's proxy is gone as a whole, and the LWK has not yet been told. What
 * it was answered and could not pass on is dropped.
 */
void window_disconnect(struct window_serve *s, unsigned proc);

/* Whether the thread still works for the process, so that its index must not be used again. */
bool window_owes(struct window_serve *s, unsigned proc);

#endif
