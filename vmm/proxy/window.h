/* SPDX-License-Identifier: MIT */
/*
 * The window in the proxy: the LWK's calls for files that are mapped MAP_SHARED
 * (abi/syscalls.h, ABI_CALL_*). The file is mapped here at the program's address, and its
 * descriptor goes to the VMM, which maps it for the guest.
 *
 * Services own no descriptors and must not make any in the program's table. So one thread of
 * the private table does it, one request at a time: it copies the program's descriptor by
 * pidfd_getfd(), maps, and asks the VMM. What may take long, bringing the pages in, the service
 * does.
 */
#ifndef VMM_PROXY_WINDOW_H
#define VMM_PROXY_WINDOW_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest-lwk/abi/share.h"
#include "guest-lwk/abi/syscalls.h"
#include "vmm/base/problem.h"

struct maplog;

/* Pages to be brought in. */
struct window_fill {
	uint64_t va, len; /* len 0: none */
	bool write, huge; /* for writing; in 2 MiB pages if they can be had */
};

enum { WINDOW_IDLE, WINDOW_ASKED, WINDOW_ANSWERED };

struct window_port {
	int sock; /* to the VMM's window thread, owned; -1: the guest has no window */
	struct maplog *log;

	pthread_mutex_t lock; /* whoever asks holds it until he has his answer */
	uint32_t turn;        /* futex: WINDOW_* */
	struct abi_mbox *mbox;
	uint32_t slot;
	int64_t ret;
	struct window_fill fill;

	/* The thread's own. */
	int self, meminfo; /* pidfd of this process; /proc/meminfo; -1: not yet */
};

/* Helper: takes the socket over and starts the thread, in the caller's descriptor table. */
int window_port_open(
	struct window_port *p, int sock, struct maplog *log, struct problem *problem);

static inline bool window_is_call(uint32_t nr)
{
	return nr >= ABI_CALL_MAP_FILE && nr < ABI_CALL_WINDOW_END;
}

/* Any service: makes the mailbox's call. */
int64_t window_call(struct window_port *p, struct abi_mbox *mbox, uint32_t slot);

/* window_ask.c: the thread. */
void *window_ask_main(void *port);

#endif
