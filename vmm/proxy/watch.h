/* SPDX-License-Identifier: MIT */
/*
 * Which descriptors of the program are quiet (struct abi_watch): kept up by the services before
 * and after each call, and by the watcher's two threads, which have a descriptor table of their
 * own. docs/decisions/0008-quiet-polls.md argues why no event is lost.
 */
#ifndef VMM_PROXY_WATCH_H
#define VMM_PROXY_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest-lwk/abi/share.h"

/* A descriptor, and events (as in an entry) that the host has just said not to be there. */
struct watch_item {
	int32_t fd;
	uint16_t events;
	bool armed; /* watcher_arm()'s answer */
};
#define WATCH_BATCH 64

enum { WATCHER_NEW, WATCHER_READY, WATCHER_OFF };

struct watch {
	struct abi_watch *share;
	uint32_t pid;

	/*
	 * How often the program's numbers may have got other files, counted after the call and
	 * before gen. What armed[] says holds for one such count: a number that is used again
	 * never inherits the watch of another file.
	 */
	uint64_t tables;
	uint64_t armed[ABI_WATCH_FDS]; /* watch.c */

	pthread_mutex_t lock; /* services: who sets entries, and asks the watcher */
	/* watcher.c's, under lock but for `turn` */
	uint32_t state; /* WATCHER_* */
	uint32_t turn;  /* futex: 0 nothing to do, 1 asked, 2 answered */
	struct watch_item *batch;
	unsigned count;
	int epoll, self; /* numbers in the watcher's own table */
};

/* What a service remembers over a call. */
struct watch_call {
	uint64_t gen, tables;
	unsigned tries;
	bool looks; /* poll(), select() or epoll_wait() with timeout 0 */
	uint64_t set[3][ABI_WATCH_FDS / 64]; /* select()'s, which the call changes */
};

/* All of w is zero. Nothing that an earlier process of this row left is quiet then. */
void watch_init(struct watch *w, struct abi_watch *share);

/* Service, around the call that the mailbox asks for: before it is made; and once mbox->ret is
 * there, before the LWK is told. */
void watch_begin(const struct watch *w, const struct abi_mbox *mbox, struct watch_call *call);
/* The host's answer is wrong because of us: the call is to be made again. */
bool watch_missed(const struct watch *w, const struct abi_mbox *mbox, struct watch_call *call);
void watch_end(struct watch *w, const struct abi_mbox *mbox, const struct watch_call *call);

/*
 * The program is about to learn of something that has happened outside: what it asks from then
 * on is asked of the host.
 */
static inline void watch_news(struct watch *w)
{
	__atomic_fetch_add(&w->share->gen, 1, __ATOMIC_SEQ_CST);
}

/* ---- between the files of watch ---- */

/* watch.c: the events of these items were not there since call->gen. */
void watch_quiet(struct watch *w, const struct watch_call *call, struct watch_item *item,
	unsigned count);
/* The watcher has seen something: the LWK is to ask again. */
void watch_fired(struct watch *w, uint32_t fd);

/*
 * watcher.c, under lock: watches these descriptors for their events, until one comes, and says
 * in item.armed for which that was possible. Returns when it is done: a file is held no longer
 * by us than by the poll that found it quiet.
 */
void watcher_arm(struct watch *w, struct watch_item *item, unsigned count);

#endif
