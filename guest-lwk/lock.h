/* SPDX-License-Identifier: MIT */
/*
 * Spin locks. The kernel runs with interrupts off and never preempts itself, so a lock is held
 * briefly and a spinner waits for another core only.
 *
 * Order, outermost first: process.lock -> mm.lock -> futex bucket -> timer queue -> run queue.
 * Never the other way.
 */
#ifndef LWK_LOCK_H
#define LWK_LOCK_H

#include "guest-lwk/types.h"

struct spinlock {
	u32 held;
};

static inline void spin_lock(struct spinlock *lock)
{
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
		while (READ_ONCE(lock->held))
			cpu_pause();
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
