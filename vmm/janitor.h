/* SPDX-License-Identifier: MIT */
/*
 * The janitor: takes the blocks that the LWK has reclaimed, waits until nobody can touch them
 * any more (the reuse rule of abi/share.h), zeroes them on a helper core and gives them back
 * clean. Of what was the window's only the references are dropped.
 */
#ifndef VMM_JANITOR_H
#define VMM_JANITOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest-lwk/abi/share.h"
#include "vmm/base/problem.h"
#include "vmm/gpa.h"
#include "vmm/window.h"

#ifndef JANITOR_PIECE                /* tests have little memory */
#define JANITOR_PIECE (256ULL << 20) /* bytes, zeroed and given at a time */
#endif

/*
 * As many as wait, whichever proxies are stopped: a record that its proxy has not applied is in
 * its log. And as many again as the ring has for what calls in flight hold up.
 */
#define JANITOR_PENDING (ABI_MAX_PROCS * ABI_LOG_RECORDS + ABI_RECLAIM_RECORDS)

struct janitor {
	struct abi_share *share;
	const struct gpa_map *map;
	struct window *window; /* NULL: none */
	const int *bell_fd;    /* by bell value; ABI_BELL_VMM is the janitor's own */
	pthread_t thread;
	bool started;
	atomic_bool stop;
	/* Positions are ours and never read back from the share area. */
	uint64_t taken; /* of reclaim */
	uint64_t given; /* to clean */
	unsigned npending;
	struct abi_reclaim_rec pending[JANITOR_PENDING];
	atomic_uint owed[ABI_MAX_PROCS]; /* records of the process that are still pending */
	bool corrupt;                    /* the LWK broke a ring: nothing more is taken */
	/* The account. */
	uint64_t blocks, bytes, nudges, waits, rejected;
};

void janitor_init(struct janitor *j, struct abi_share *share, const struct gpa_map *map,
	struct window *window, const int *bell_fd);

/* The thread, on the cores of its creator. janitor_stop ends and joins it. */
int janitor_start(struct janitor *j, struct problem *problem);
void janitor_stop(struct janitor *j);

/*
 * One round: takes what is there, gives back what may be given, nudges the proxies that hold
 * the rest up. Returns how many records are still pending.
 */
unsigned janitor_step(struct janitor *j);

/* Whether records of this process may still be about, so that its index must not be used again.
 */
bool janitor_owes(struct janitor *j, unsigned proc);

#endif
