/* SPDX-License-Identifier: MIT */
/*
 * Two threads with a descriptor table of their own: the program must not see the epoll, and the
 * epoll needs the program's files. The armer gets a file by its number in the program's table
 * (pidfd_getfd() on our own process: its leader has that table), hands it to the epoll and
 * closes it; from then on only the epoll knows it, which does not keep it open. The watcher
 * waits for the epoll. They are born when a program first polls.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/proxy/futex.h"
#include "vmm/proxy/thread.h"
#include "vmm/proxy/watch.h"

/*
 * The epoll knows a watch by file and number, so each of the program's numbers needs one of its
 * own here, also when two of them are one file. Where the limit on descriptors leaves no room
 * for one, it cannot be watched.
 */
#define NUMBER_FIRST 2 /* after the epoll and the pidfd */

enum { TURN_NOTHING, TURN_ASKED, TURN_ANSWERED };

static bool watch_add(const struct watch *w, int fd, const struct watch_item *item)
{
	struct epoll_event event = {
		.events = (item->events & ~ABI_WATCH_EPOLL) | (uint32_t)EPOLLONESHOT,
		.data.u32 = (uint32_t)item->fd,
	};

	return !epoll_ctl(w->epoll, EPOLL_CTL_MOD, fd, &event) ||
	       (errno == ENOENT && !epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event));
}

static bool arm(const struct watch *w, const struct watch_item *item)
{
	int number = NUMBER_FIRST + item->fd;
	int fd = (int)syscall(SYS_pidfd_getfd, w->self, item->fd, 0);
	bool armed;

	if (fd < 0)
		return false;
	if (fd != number) {
		int copy = dup3(fd, number, O_CLOEXEC);

		close(fd);
		if (copy < 0)
			return false;
	}
	armed = watch_add(w, number, item);
	close(number);
	return armed;
}

static void *watcher_main(void *arg)
{
	struct epoll_event event[WATCH_BATCH];
	struct watch *w = arg;

	for (;;) {
		int n = epoll_wait(w->epoll, event, WATCH_BATCH, -1);

		for (int i = 0; i < n; i++)
			watch_fired(w, event[i].data.u32);
	}
	return NULL;
}

/* The new table is made empty: nothing of the program's is held open by it, not for a moment.
 */
static bool armer_start(struct watch *w)
{
	if (close_range(0, UINT_MAX, CLOSE_RANGE_UNSHARE))
		return false;
	w->self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->self < 0 || w->epoll < 0)
		return false;
	return !thread_start(watcher_main, w, &(struct problem){0});
}

static void answer(struct watch *w)
{
	__atomic_store_n(&w->turn, TURN_ANSWERED, __ATOMIC_RELEASE);
	futex_wake(&w->turn, 1);
}

static void *armer_main(void *arg)
{
	struct watch *w = arg;

	w->state = armer_start(w) ? WATCHER_READY : WATCHER_OFF;
	answer(w);
	while (w->state == WATCHER_READY) {
		uint32_t turn;

		while ((turn = __atomic_load_n(&w->turn, __ATOMIC_ACQUIRE)) != TURN_ASKED)
			futex_wait(&w->turn, turn);
		for (unsigned i = 0; i < w->count; i++)
			w->batch[i].armed = arm(w, &w->batch[i]);
		answer(w);
	}
	return NULL;
}

/* Who asks holds the lock, so there is one at a time; `turn` hands all else to and fro. */
static void await(struct watch *w)
{
	while (__atomic_load_n(&w->turn, __ATOMIC_ACQUIRE) != TURN_ANSWERED)
		futex_wait(&w->turn, TURN_ASKED);
	__atomic_store_n(&w->turn, TURN_NOTHING, __ATOMIC_RELAXED);
}

static void birth(struct watch *w)
{
	w->turn = TURN_ASKED;
	if (thread_start(armer_main, w, &(struct problem){0})) {
		w->state = WATCHER_OFF;
		w->turn = TURN_NOTHING;
	} else {
		await(w);
	}
}

void watcher_arm(struct watch *w, struct watch_item *item, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		item[i].armed = false;
	if (w->state == WATCHER_NEW)
		birth(w);
	if (w->state != WATCHER_READY)
		return;
	w->batch = item;
	w->count = count;
	__atomic_store_n(&w->turn, TURN_ASKED, __ATOMIC_RELEASE);
	futex_wake(&w->turn, 1);
	await(w);
}
