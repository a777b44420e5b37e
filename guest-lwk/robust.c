/* SPDX-License-Identifier: MIT */
/*
 * Robust futexes: the list of the mutexes that a thread holds, kept by its C library in its own
 * memory. All of it is read with care; a broken list ends the walk.
 */
#include "guest-lwk/robust.h"
#include "guest-lwk/futex.h"
#include "guest-lwk/process.h"

#define FUTEX_WAITERS    0x80000000U
#define FUTEX_OWNER_DIED 0x40000000U
#define FUTEX_TID_MASK   0x3fffffffU
#define ENTRY_PI         1ULL /* lowest bit of a pointer in the list */
#define LIST_LIMIT       2048

struct robust_head {
	u64 next;
	s64 futex_offset;
	u64 pending; /* being locked or unlocked at this moment */
};

/* False: the word cannot be reached. */
static bool owner_died(const struct thread *t, u64 word, bool pi, bool pending)
{
	u32 seen, old;

	if ((word & 3) || user_read_u32(&seen, word))
		return false;
	/* Died between the unlocking and the wake-up: that is up to us. */
	if (pending && !pi && !seen) {
		futex_wake_addr(word, 1);
		return true;
	}
	do {
		old = seen;
		if ((old & FUTEX_TID_MASK) != t->tid)
			return true;
		if (user_cmpxchg_u32(word, &seen, (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
			return false;
	} while (seen != old);
	if (!pi && (old & FUTEX_WAITERS))
		futex_wake_addr(word, 1);
	return true;
}

void robust_exit(struct thread *t)
{
	struct robust_head head;
	u64 entry, next;

	if (!t->robust_list || user_read(&head, t->robust_list, sizeof(head)))
		return;
	entry = head.next;
	for (u32 n = 0; (entry & ~ENTRY_PI) != t->robust_list && n < LIST_LIMIT; n++) {
		u64 at = entry & ~ENTRY_PI;
		/* First: once its owner is dead, the mutex may be freed by whoever gets it. */
		bool more = !user_read(&next, at, sizeof(next));

		if (at != (head.pending & ~ENTRY_PI) &&
			!owner_died(t, at + (u64)head.futex_offset, entry & ENTRY_PI, false))
			return;
		if (!more)
			return;
		entry = next;
	}
	if (head.pending)
		owner_died(t, (head.pending & ~ENTRY_PI) + (u64)head.futex_offset,
			head.pending & ENTRY_PI, true);
}
