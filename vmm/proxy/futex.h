/* SPDX-License-Identifier: MIT */
/*
 * Futexes on words of the proxy: most lie in memory that it shares with the child of a vfork()
 * (child.h). The share area's words are never futexes.
 */
#ifndef VMM_PROXY_FUTEX_H
#define VMM_PROXY_FUTEX_H

#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sleeps while *word is `value`; may return without reason. */
static inline void futex_wait(uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static inline void futex_wake(uint32_t *word, int n)
{
	syscall(SYS_futex, word, FUTEX_WAKE, n, NULL, NULL, 0);
}

/*
 * A sleeper's word is 1 while it sleeps or is about to. The sleeper: futex_doze(); look once
 * more whether there is work; futex_wait(word, 1). The other side: make work visible;
 * futex_rouse(). Each side writes one word and then reads the other's, so both use sequentially
 * consistent operations: whoever is later in their one order sees the other's word, and no work
 * is left with a sleeper.
 */
static inline void futex_doze(uint32_t *word)
{
	__atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
}

static inline void futex_rouse(uint32_t *word)
{
	/* The fence orders the caller's work, stored in whatever way, before the load. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(word, __ATOMIC_RELAXED) &&
		__atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST))
		futex_wake(word, 1);
}

#endif
