/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/heap.h"

#include <stdbool.h>

#include "vmm/proxy/futex.h"

enum { OPEN, HELD, WAITED_FOR };

static uint32_t own;
static uint32_t *word = &own;

void heap_init(uint32_t *shared_word)
{
	word = shared_word;
}

void heap_lock(void)
{
	uint32_t open = OPEN;

	if (__atomic_compare_exchange_n(
		    word, &open, HELD, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(word, WAITED_FOR, __ATOMIC_ACQUIRE) != OPEN)
		futex_wait(word, WAITED_FOR);
}

void heap_part(void)
{
	heap_unlock();
	heap_alone();
}

void heap_alone(void)
{
	own = OPEN;
	word = &own;
}

void heap_unlock(void)
{
	if (__atomic_exchange_n(word, OPEN, __ATOMIC_RELEASE) == WAITED_FOR)
		futex_wake(word, 1);
}
