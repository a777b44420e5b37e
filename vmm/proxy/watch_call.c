/* SPDX-License-Identifier: MIT */
/* What the program's calls do to what is known of its descriptors. */
#include <poll.h>
#include <string.h>
#include <time.h>

#include "guest-lwk/abi/syscalls.h"
#include "vmm/proxy/memory.h"
#include "vmm/proxy/watch.h"

#define TRIES 16 /* of a call whose answer the watcher spoils each time */

/*
 * What a program may know, or have changed, once it has a call's answer. A call that is not
 * listed may do all. POLLS: something, if it has found something.
 */
enum { MAY_ALL, MAY_EVENTS, MAY_NOTHING, POLLS };

static const uint8_t effect[ABI_MAX_CALLS] = {
	[ABI_NR_poll] = POLLS,
	[ABI_NR_ppoll] = POLLS,
	[ABI_NR_select] = POLLS,
	[ABI_NR_pselect6] = POLLS,
	[ABI_NR_epoll_wait] = POLLS,
	[ABI_NR_epoll_pwait] = POLLS,
	[ABI_NR_epoll_pwait2] = POLLS,
	/* They tell of the process itself. */
	[ABI_NR_uname] = MAY_NOTHING,
	[ABI_NR_getuid] = MAY_NOTHING,
	[ABI_NR_getgid] = MAY_NOTHING,
	[ABI_NR_geteuid] = MAY_NOTHING,
	[ABI_NR_getegid] = MAY_NOTHING,
	[ABI_NR_getresuid] = MAY_NOTHING,
	[ABI_NR_getresgid] = MAY_NOTHING,
	[ABI_NR_getgroups] = MAY_NOTHING,
	[ABI_NR_getrandom] = MAY_NOTHING,
	[ABI_NR_umask] = MAY_NOTHING,
	/* They move data or look at files: the program's numbers keep their files. */
	[ABI_NR_read] = MAY_EVENTS,
	[ABI_NR_write] = MAY_EVENTS,
	[ABI_NR_readv] = MAY_EVENTS,
	[ABI_NR_writev] = MAY_EVENTS,
	[ABI_NR_pread64] = MAY_EVENTS,
	[ABI_NR_pwrite64] = MAY_EVENTS,
	[ABI_NR_preadv] = MAY_EVENTS,
	[ABI_NR_pwritev] = MAY_EVENTS,
	[ABI_NR_preadv2] = MAY_EVENTS,
	[ABI_NR_pwritev2] = MAY_EVENTS,
	[ABI_NR_sendto] = MAY_EVENTS,
	[ABI_NR_recvfrom] = MAY_EVENTS,
	[ABI_NR_sendmsg] = MAY_EVENTS,
	[ABI_NR_sendmmsg] = MAY_EVENTS,
	[ABI_NR_sendfile] = MAY_EVENTS,
	[ABI_NR_splice] = MAY_EVENTS,
	[ABI_NR_tee] = MAY_EVENTS,
	[ABI_NR_connect] = MAY_EVENTS,
	[ABI_NR_shutdown] = MAY_EVENTS,
	[ABI_NR_setsockopt] = MAY_EVENTS,
	[ABI_NR_epoll_ctl] = MAY_EVENTS,
	[ABI_NR_timerfd_settime] = MAY_EVENTS,
	[ABI_NR_timerfd_gettime] = MAY_EVENTS,
	[ABI_NR_lseek] = MAY_EVENTS,
	[ABI_NR_stat] = MAY_EVENTS,
	[ABI_NR_fstat] = MAY_EVENTS,
	[ABI_NR_lstat] = MAY_EVENTS,
	[ABI_NR_newfstatat] = MAY_EVENTS,
	[ABI_NR_statx] = MAY_EVENTS,
	[ABI_NR_fsync] = MAY_EVENTS,
	[ABI_NR_fdatasync] = MAY_EVENTS,
};

/* What select()'s sets ask for. */
static const uint16_t set_events[3] = {
	POLLIN | 0x040 /* RDNORM */ | 0x080 /* RDBAND */,
	POLLOUT | 0x100 /* WRNORM */ | 0x200 /* WRBAND */,
	POLLPRI,
};

/* struct timespec or timeval. */
static bool is_zero(const struct watch *w, uint64_t timeout)
{
	uint64_t time[2];

	return timeout && memory_read(w->pid, timeout, time, sizeof(time)) == sizeof(time) &&
	       !(time[0] | time[1]);
}

static bool timeout_zero(const struct watch *w, const struct abi_mbox *mbox)
{
	switch (mbox->nr) {
	case ABI_NR_poll:
		return !(uint32_t)mbox->arg[2];
	case ABI_NR_epoll_wait:
	case ABI_NR_epoll_pwait:
		return !(uint32_t)mbox->arg[3];
	case ABI_NR_ppoll:
		return is_zero(w, mbox->arg[2]);
	case ABI_NR_epoll_pwait2:
		return is_zero(w, mbox->arg[3]);
	default:
		return is_zero(w, mbox->arg[4]);
	}
}

/* False: more descriptors than the table has, or bad memory. */
static bool sets_read(
	const struct watch *w, const struct abi_mbox *mbox, struct watch_call *call)
{
	uint32_t n = (uint32_t)mbox->arg[0];
	size_t words = (n + 63) / 64;

	if (n > ABI_WATCH_FDS)
		return false;
	memset(call->set, 0, sizeof(call->set));
	for (unsigned s = 0; s < 3 && words; s++) {
		uint64_t at = mbox->arg[1 + s];

		if (at && memory_read(w->pid, at, call->set[s], words * 8) !=
				  (ssize_t)(words * 8))
			return false;
		if (n % 64)
			call->set[s][words - 1] &= (1ULL << n % 64) - 1;
	}
	return true;
}

static bool is_select(uint32_t nr)
{
	return nr == ABI_NR_select || nr == ABI_NR_pselect6;
}

void watch_begin(const struct watch *w, const struct abi_mbox *mbox, struct watch_call *call)
{
	call->gen = __atomic_load_n(&w->share->gen, __ATOMIC_SEQ_CST);
	call->tables = __atomic_load_n(&w->tables, __ATOMIC_SEQ_CST);
	call->tries = 0;
	call->looks = effect[mbox->nr % ABI_MAX_CALLS] == POLLS && timeout_zero(w, mbox) &&
		      (!is_select(mbox->nr) || sets_read(w, mbox, call));
}

/*
 * epoll_wait() with timeout 0 looks at the epoll without its lock, and finds nothing while
 * another thread goes through the ready ones: as our watcher does when it has been woken.
 * poll() of the epoll takes the lock. So the answer of a program's own epoll, which nobody else
 * waits for, is as sure as natively.
 */
bool watch_missed(const struct watch *w, const struct abi_mbox *mbox, struct watch_call *call)
{
	struct pollfd epoll = {(int)mbox->arg[0], POLLIN, 0};

	if (!call->looks || mbox->ret ||
		__atomic_load_n(&w->state, __ATOMIC_ACQUIRE) == WATCHER_NEW)
		return false;
	if (mbox->nr != ABI_NR_epoll_wait && mbox->nr != ABI_NR_epoll_pwait &&
		mbox->nr != ABI_NR_epoll_pwait2)
		return false;
	return call->tries++ < TRIES && poll(&epoll, 1, 0) == 1;
}

static void select_quiet(struct watch *w, const struct watch_call *call)
{
	struct watch_item item[WATCH_BATCH];

	for (unsigned word = 0; word < ABI_WATCH_FDS / 64; word++) {
		const uint64_t set[3] = {
			call->set[0][word], call->set[1][word], call->set[2][word]};
		uint64_t bits = set[0] | set[1] | set[2];
		unsigned n = 0;

		for (; bits; bits &= bits - 1) {
			unsigned bit = (unsigned)__builtin_ctzll(bits);
			uint16_t events = 0;

			for (unsigned s = 0; s < 3; s++)
				if (set[s] >> bit & 1)
					events |= set_events[s];
			item[n++] = (struct watch_item){(int32_t)(word * 64 + bit), events, 0};
		}
		if (n)
			watch_quiet(w, call, item, n);
	}
}

static void poll_quiet(
	struct watch *w, const struct watch_call *call, uint64_t at, uint32_t count)
{
	struct watch_item item[WATCH_BATCH];
	struct pollfd polled[WATCH_BATCH];

	for (uint32_t done = 0; done < count && count <= ABI_WATCH_FDS; done += WATCH_BATCH) {
		uint32_t some = count - done < WATCH_BATCH ? count - done : WATCH_BATCH;
		ssize_t bytes = (ssize_t)(some * sizeof(polled[0]));
		unsigned n = 0;

		if (memory_read(w->pid, at + done * sizeof(polled[0]), polled, (size_t)bytes) !=
			bytes)
			return;
		for (uint32_t i = 0; i < some; i++)
			if (polled[i].fd >= 0 && polled[i].fd < ABI_WATCH_FDS)
				item[n++] = (struct watch_item){
					polled[i].fd, (uint16_t)polled[i].events, 0};
		if (n)
			watch_quiet(w, call, item, n);
	}
}

static void found_nothing(
	struct watch *w, const struct abi_mbox *mbox, const struct watch_call *call)
{
	struct watch_item epoll = {(int32_t)mbox->arg[0], POLLIN | ABI_WATCH_EPOLL, false};

	if (mbox->nr == ABI_NR_poll || mbox->nr == ABI_NR_ppoll)
		poll_quiet(w, call, mbox->arg[0], (uint32_t)mbox->arg[1]);
	else if (is_select(mbox->nr))
		select_quiet(w, call);
	else if (epoll.fd >= 0 && epoll.fd < ABI_WATCH_FDS)
		watch_quiet(w, call, &epoll, 1);
}

/*
 * Once the LWK has the answer the program may know of what has happened up to now, by this call
 * or before it, in other processes too; so what it asks next must not be answered from before.
 * Whoever sees the new gen sees the new tables: tables first.
 */
void watch_end(struct watch *w, const struct abi_mbox *mbox, const struct watch_call *call)
{
	uint8_t may = effect[mbox->nr % ABI_MAX_CALLS];

	if (may == POLLS && mbox->ret <= 0) {
		if (call->looks && !mbox->ret)
			found_nothing(w, mbox, call);
		return;
	}
	if (may == MAY_NOTHING)
		return;
	if (may == MAY_ALL)
		__atomic_fetch_add(&w->tables, 1, __ATOMIC_SEQ_CST);
	watch_news(w);
}
