/* SPDX-License-Identifier: MIT */
/*
 * Spin locks. The kernel runs with interrupts off and never preempts itself, so a lock is held
 * briefly and a spinner waits for another core only.
 *
 * Order, outermost first: process.lock -> mm.lock -> futex bucket -> timer queue -> run queue.
 * Never the other way. Two mm.locks: peer_copy.c.
 */
#ifndef LWK_LOCK_H
#define LWK_LOCK_H

#include "guest-lwk/types.h"

struct spinlock {
	u32 held;
};

/* core.c: the lock was found taken; counted, so that an account shows where cores contend. */
void spin_wait(struct spinlock *lock);

static inline void spin_lock(struct spinlock *lock)
{
	if (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
		spin_wait(lock);
}

static inline bool spin_trylock(struct spinlock *lock)
{
	return !__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE);
}

static inline void spin_unlock(struct spinlock *lock)
{
	store_release(&lock->held, 0);
}

#endif
