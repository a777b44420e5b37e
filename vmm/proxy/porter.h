/* SPDX-License-Identifier: MIT */
/*
 * From the host to the LWK: done bits, events, and the interrupt where one is wanted
 * (abi_core's comment).
 *
 * Services own no descriptors, so they hand eventfd writes and mappings to one thread of the
 * private table, the porter, by a word each and a futex.
 */
#ifndef VMM_PROXY_PORTER_H
#define VMM_PROXY_PORTER_H

#include <stdint.h>

#include "vmm/proxy/crew.h"
#include "vmm/proxy/maplog.h"

struct porter {
	struct abi_share *share;
	uint32_t index; /* of the process */
	struct maplog *log;
	struct crew *crew; /* whom to tell when mapping fails */
	unsigned ncores;
	int irq_fd[ABI_MAX_CORES]; /* ABI_VEC_HOST for each core, owned */
	uint64_t irq;              /* cores that want the interrupt */
	uint64_t log_pos;          /* the log is wanted up to here */
	int sock;                  /* to the VMM */
	uint32_t leave;            /* futex: PORTER_* that the VMM is to be told */
	uint32_t asleep;           /* futex.h */
};

/* Starts the thread, in the caller's descriptor table. The caller has filled the first six
 * fields. */
int porter_start(struct porter *porter, struct problem *problem);

/* Any service: the mailbox of `slot` has its answer, the thread waits on `core`. */
void porter_done(struct porter *porter, uint32_t core, uint32_t slot);

/* Any service: returns when the mapping log is applied up to pos. */
void porter_log(struct porter *porter, uint64_t pos);

/* Any service, one at a time: returns when the VMM was told (mail_leave()). */
enum { PORTER_TOLD, PORTER_LEAVES, PORTER_STAYS };
void porter_leave(struct porter *porter, bool leaves);

/* Private table only: the process has an event (state, signals). */
void porter_event(struct porter *porter);

#endif
