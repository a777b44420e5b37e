/* SPDX-License-Identifier: MIT */
#include "guest-lwk/quiet.h"
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/process.h"

#define SET_WORDS (ABI_WATCH_FDS / 64)
#define EVENT_MAX (0x7fffffff / 12) /* epoll_wait(): as many events as INT_MAX bytes hold */

_Static_assert(QUIET_FDS == ABI_WATCH_FDS, "uaccess_bare.S has the number");
_Static_assert(QUIET_EVENTS == ABI_WATCH_VALID - 1, "uaccess_bare.S has the number");

/* What select()'s three sets ask for. */
enum { IN = 0x001, PRI = 0x002, OUT = 0x004, RDNORM = 0x040, RDBAND = 0x080, WRNORM = 0x100 };
enum { WRBAND = 0x200 };
static const u64 set_events[3] = {IN | RDNORM | RDBAND, OUT | WRNORM | WRBAND, PRI};

/* The proxies' generation first, then entries: an entry that is seen together with the
 * generation is at least as new. */
static const struct abi_watch *watch_of_current(u64 *bare)
{
	const struct abi_watch *watch = &machine.share->watch[current_thread()->proc->index];

	*bare = load_acquire(&watch->gen) << ABI_WATCH_SHIFT | ABI_WATCH_VALID;
	return watch;
}

static bool entry_covers(const struct abi_watch *watch, u64 bare, u64 fd, u64 events)
{
	u64 quiet = READ_ONCE(watch->entry[fd]) ^ bare;

	return quiet <= QUIET_EVENTS && !(events & ~quiet);
}

static bool entries_quiet(u64 pollfds, u32 count)
{
	const struct abi_watch *watch;
	u64 bare;

	if (!count)
		return true;
	if (count > ABI_WATCH_FDS)
		return false;
	watch = watch_of_current(&bare);
	return !user_quiet(pollfds, count, watch->entry, bare);
}

/* struct timespec or timeval; without one the call waits for ever. */
static bool is_zero(u64 timeout)
{
	u64 time[2];

	return timeout && !user_read(time, timeout, sizeof(time)) && !(time[0] | time[1]);
}

static bool quiet_poll(const u64 arg[6])
{
	return !(u32)arg[2] && entries_quiet(arg[0], (u32)arg[1]);
}

static bool quiet_ppoll(const u64 arg[6])
{
	return !arg[3] && is_zero(arg[2]) && entries_quiet(arg[0], (u32)arg[1]);
}

static bool set_quiet(const u64 *set, u32 words, u64 events)
{
	u64 bare;
	const struct abi_watch *watch = watch_of_current(&bare);

	for (u32 w = 0; w < words; w++)
		for (u64 bits = set[w]; bits; bits &= bits - 1)
			if (!entry_covers(
				    watch, bare, w * 64 + (u32)__builtin_ctzll(bits), events))
				return false;
	return true;
}

/* All are looked at before any is written: what is not quiet the host is to see whole. */
static bool sets_quiet(u64 n, const u64 sets[3])
{
	static const u64 none[SET_WORDS];
	u32 words = ((u32)n + 63) / 64;
	u64 set[SET_WORDS];

	if ((u32)n > ABI_WATCH_FDS)
		return false;
	for (u32 s = 0; s < 3 && words; s++) {
		if (!sets[s])
			continue;
		if (user_read(set, sets[s], words * 8))
			return false;
		if (n % 64)
			set[words - 1] &= (1ULL << n % 64) - 1;
		if (!set_quiet(set, words, set_events[s]))
			return false;
	}
	for (u32 s = 0; s < 3 && words; s++)
		if (sets[s] && user_write(sets[s], none, words * 8))
			return false;
	return true;
}

static bool quiet_select(const u64 arg[6])
{
	return is_zero(arg[4]) && sets_quiet(arg[0], arg + 1);
}

/* The last argument is the address of the mask's address, and its size. */
static bool quiet_pselect(const u64 arg[6])
{
	u64 mask = 0;

	if (arg[5] && user_read(&mask, arg[5], sizeof(mask)))
		return false;
	return !mask && quiet_select(arg);
}

/* Linux looks whether the address of the events is a program's, and no more if there are none.
 */
static bool epoll_quiet(const u64 arg[6])
{
	u64 bare;
	u32 fd = (u32)arg[0];
	const struct abi_watch *watch = watch_of_current(&bare);

	return fd < ABI_WATCH_FDS && (u32)arg[2] - 1 < EVENT_MAX && arg[1] < ABI_USER_END &&
	       entry_covers(watch, bare, fd, IN | ABI_WATCH_EPOLL);
}

static bool quiet_epoll_wait(const u64 arg[6])
{
	return !(u32)arg[3] && epoll_quiet(arg);
}

static bool quiet_epoll_pwait(const u64 arg[6])
{
	return !arg[4] && quiet_epoll_wait(arg);
}

static bool quiet_epoll_pwait2(const u64 arg[6])
{
	return !arg[4] && is_zero(arg[3]) && epoll_quiet(arg);
}

static bool (*const quiet_calls[ABI_MAX_CALLS])(const u64 arg[6]) = {
	[ABI_NR_poll] = quiet_poll,
	[ABI_NR_ppoll] = quiet_ppoll,
	[ABI_NR_select] = quiet_select,
	[ABI_NR_pselect6] = quiet_pselect,
	[ABI_NR_epoll_wait] = quiet_epoll_wait,
	[ABI_NR_epoll_pwait] = quiet_epoll_pwait,
	[ABI_NR_epoll_pwait2] = quiet_epoll_pwait2,
};

bool quiet_answers(u32 nr, const u64 arg[6])
{
	return quiet_calls[nr] && quiet_calls[nr](arg);
}
