/* SPDX-License-Identifier: MIT */
/*
 * The thread that keeps the program's view of the machine (vmm/view/). It is born when a
 * program first asks for something of it, has descriptors and a umask of its own, and does one
 * request at a time for the services, which own no descriptors.
 */
#ifndef VMM_PROXY_VIEWER_H
#define VMM_PROXY_VIEWER_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest-lwk/abi/share.h"
#include "vmm/proxy/proxy.h"
#include "vmm/view/view_path.h"
#include "vmm/view/view_store.h"

struct proto_welcome;
struct maplog_extent;

enum { VIEWER_NEW, VIEWER_READY, VIEWER_OFF };

struct viewer {
	/* Filled by viewer_init(). */
	const struct proto_welcome *welcome; /* the plan, and the view's name */
	const struct abi_share *share;
	const struct proxy_job *job;
	uint32_t pid;
	struct view_inodes inodes;

	pthread_mutex_t lock; /* whoever asks holds it until he has his answer */
	uint32_t state;       /* VIEWER_* */
	bool born;
	uint32_t turn;              /* futex: 0 nothing to do, 1 asked, 2 answered */
	const struct view_hit *hit; /* what is asked for; NULL: the end */
	unsigned cpu;               /* the guest's, of the thread that asks */
	int answer;
	struct problem problem;
	struct view_store store;
};

static inline uint32_t viewer_state(const struct viewer *v)
{
	/* Acquire: what belongs to READY, the store's root, was written before. */
	return __atomic_load_n(&v->state, __ATOMIC_ACQUIRE);
}

/* Helper: as the welcome says. A welcome without a plan has no views. */
void viewer_init(struct viewer *v, const struct proto_welcome *welcome,
	const struct abi_share *share, const struct proxy_job *job,
	const struct maplog_extent *extent);

/*
 * Any service: makes what `hit` asks for be there, and writes the path of it on the host.
 * False: there are no views, the host is to answer.
 */
bool viewer_ask(
	struct viewer *v, const struct view_hit *hit, unsigned cpu, char path[PATH_MAX]);

/* Helper: the program has ended; gives the view back. */
void viewer_close(struct viewer *v);

#endif
