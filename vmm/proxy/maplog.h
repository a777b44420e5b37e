/* SPDX-License-Identifier: MIT */
/*
 * The mapping log (abi/share.h): the program's memory at the program's addresses in this
 * process. Mapping needs the extents' memfds, so only threads of the private table (helper,
 * porter) apply; services wait.
 */
#ifndef VMM_PROXY_MAPLOG_H
#define VMM_PROXY_MAPLOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest-lwk/abi/share.h"
#include "numa/plan.h"
#include "vmm/base/problem.h"

struct maplog_extent {
	uint64_t gpa, size;
	int fd; /* memfd, owned */
};

struct maplog {
	struct abi_proc *proc;
	const struct abi_log_rec *rec;
	unsigned nextents;
	struct maplog_extent extent[PLAN_MAX_EXTENTS];
	bool copies;     /* of a copy that is not complete: what is mapped gets what is there
			    (copy.h) */
	uint64_t copied; /* of a copy: below this it has what the LWK has, and nothing else */
	pthread_mutex_t lock; /* who applies; closed, lo, hi */
	bool closed;
	uint64_t lo, hi; /* hull of what was ever mapped */
	uint32_t turn;   /* futex: changes when records were applied while somebody waits */
	uint32_t waiters;
};

/* All is zero but proc, rec and extents, which the caller fills. */
void maplog_init(struct maplog *log);

/* The fast path of every call: one load. */
static inline bool maplog_reached(const struct maplog *log, uint64_t pos)
{
	return __atomic_load_n(&log->proc->log_applied, __ATOMIC_ACQUIRE) >= pos;
}

/*
 * Applies the records up to pos, which must have been appended. -errno with the problem;
 * -ESHUTDOWN without one after maplog_close().
 */
int maplog_apply(struct maplog *log, uint64_t pos, struct problem *problem);

/* The window's thread has mapped something of the program's. */
void maplog_widen(struct maplog *log, uint64_t va, uint64_t len);

/* A copy has applied what the LWK has made for it: the rest of what it has inherited goes. */
int maplog_copied(struct maplog *log, struct problem *problem);

/* LWK or janitor want everything applied (proc->want_ack)? Does it. */
int maplog_ack(struct maplog *log, struct problem *problem);

/*
 * The same in the child of a vfork(), for its own copy of the mappings, from *applied on: `of`
 * is the log of the process pid, whose thread tid has the memfds. -errno.
 */
int maplog_follow(
	const struct maplog *of, uint32_t pid, int32_t tid, uint64_t *applied, uint64_t pos);

/* Sleeps until somebody has applied the log up to pos. */
void maplog_wait(struct maplog *log, uint64_t pos);

/* Unmaps all of the program's memory and closes the memfds; nothing is applied any more. */
void maplog_close(struct maplog *log);

#endif
