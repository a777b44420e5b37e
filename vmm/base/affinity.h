/* SPDX-License-Identifier: MIT */
/*
 * The one door for who runs where and whose memory lies where: sched_setaffinity, mbind,
 * move_pages. What is asked for is verified afterwards: a placement that is silently ignored is
 * worse than none.
 */
#ifndef VMM_BASE_AFFINITY_H
#define VMM_BASE_AFFINITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/problem.h"

/* Puts the calling thread on exactly one core and verifies it. -EINVAL, -EPERM, -EIO (not
 * obeyed). */
int affinity_pin(unsigned core, struct problem *problem);

/* The same for a set: threads that may run on any of the `n` cores (helpers, proxies). */
int affinity_set(const uint16_t *cores, unsigned n, struct problem *problem);

/* Is the calling thread still on that core and on no other? -EIO when somebody has moved it. */
int affinity_verify(unsigned core, struct problem *problem);

/* Has this host more than one NUMA node? Where it has not, binding and checking are not needed.
 */
bool affinity_many_nodes(void);

/* Does the core belong to the node? Always true on a host with a single node. */
bool affinity_core_on_node(unsigned core, unsigned node);

/* Binds not yet touched memory strictly to a node. -EPERM or -ENOSYS inside many containers:
 * explained. */
int affinity_bind(void *start, size_t len, unsigned node, struct problem *problem);

/* What was found where; sums of several looks. */
struct affinity_tally {
	uint64_t pages;     /* looked at */
	uint64_t elsewhere; /* on another node */
	uint64_t absent;    /* on none */
	int stray;          /* a node on which one of `elsewhere` lies */
};

/*
 * Looks at one page every `step` bytes, each of them, and adds to the tally. Only that the
 * kernel does not tell is an error.
 */
int affinity_count(const void *start, size_t len, size_t step, unsigned node,
	struct affinity_tally *tally, struct problem *problem);

#endif
