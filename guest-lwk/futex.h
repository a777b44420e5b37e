/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a word of the program, and waking those who wait. All results: the number woken,
 * or -errno.
 */
#ifndef LWK_FUTEX_H
#define LWK_FUTEX_H

#include "guest-lwk/types.h"

/* Waiters by their words' offset in the page: a page of its own, which programs may read
 * (gate.S). */
extern u32 futex_waiters[1024];

/* Where the waiters of a word are counted. */
u32 *futex_filter(u64 addr_or_key);

#define FUTEX_ANY 0xffffffffU /* bitset: whoever waits, whoever wakes */

struct futex_deadline {
	bool set;
	u32 clock;
	u64 ns;
};

/* From futex_wait() and futex_requeue(): a word is of the window, futex_host_call() is to do
 * it. */
#define FUTEX_ON_HOST (-1024)

/* 0: woken. -EAGAIN: the word is not `value`. -ETIMEDOUT, or a restart code (signal.h). */
s64 futex_wait(u64 addr, u32 value, u32 bitset, const struct futex_deadline *end);
s64 futex_wake(u64 addr, u32 count, u32 bitset, bool private);
/*
 * Wakes some waiters of addr and lets others wait for addr2. expected: -EAGAIN unless the word
 * is that.
 */
s64 futex_requeue(u64 addr, u32 wake, u32 move, u64 addr2, const u32 *expected, bool private);
/* For the kernel itself: of the current process, whoever waits. */
s64 futex_wake_addr(u64 addr, u32 count);

#endif
