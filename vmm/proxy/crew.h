/* SPDX-License-Identifier: MIT */
/*
 * The threads that share the program's descriptor table: the leader, the services, and the
 * spawner, which makes services on demand (a thread is born into its maker's table, so the
 * helper cannot) and which ends the process (it has the program's standard error).
 */
#ifndef VMM_PROXY_CREW_H
#define VMM_PROXY_CREW_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-lwk/abi/share.h"
#include "vmm/proxy/outcome.h"
#include "vmm/proxy/service.h"

struct crew {
	struct service service[ABI_MAX_THREADS]; /* by slot */

	/* Set by the helper before the first crew_request(). */
	const uint16_t *cores; /* host cores for all threads */
	struct service_common common;

	struct copy_news *news;          /* of a copy that is not complete; else NULL */
	uint64_t wanted[ABI_SLOT_WORDS]; /* slots that shall have a service */
	unsigned ncores;                 /* of cores[]; 0: anywhere. Set with it */
	uint32_t leader_slot;            /* futex: 0, then the main thread's slot + 1 */
	uint32_t asleep;                 /* the spawner's, futex.h */
	uint32_t leaving;                /* 0, 1: someone fills outcome, 2: outcome is there */
	struct outcome outcome;
};

/* Starts the spawner. All of the crew is zero. */
int crew_start(struct crew *crew, struct problem *problem);

/* The leader's way from here on: waits for the main thread's first call, then serves it for
 * ever. */
void crew_lead(struct crew *crew) __attribute__((noreturn));

/* Helper: the mailbox of `slot` may have a request: gives it to its service, made if need be.
 */
void crew_request(struct crew *crew, uint32_t slot);

/* Helper: interrupt what the mailbox's service does. False: try again later. */
bool crew_cancel(struct crew *crew, uint32_t slot);

/* Ends the process, from any thread but the spawner; the first caller's word counts. */
void crew_leave(struct crew *crew, const struct outcome *outcome) __attribute__((noreturn));
void crew_leave_problem(struct crew *crew, const struct problem *problem)
	__attribute__((noreturn));

#endif
