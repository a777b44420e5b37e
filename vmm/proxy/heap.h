/* SPDX-License-Identifier: MIT */
/*
 * The lock of the allocator's users. A child of vfork() is made by clone() itself, since the C
 * library's fork() cannot let the parent wait; so nobody else may be inside malloc() at that
 * moment, or the child's copy of its locks stays locked for ever. Whoever allocates while a
 * program runs (threads are made, files of the view are written, programs are looked at) holds
 * this lock. Its word is in memory that both processes share: the child opens it.
 */
#ifndef VMM_PROXY_HEAP_H
#define VMM_PROXY_HEAP_H

#include <stdint.h>

/* The word is to be this one, 0, in shared memory. While the process has one thread. */
void heap_init(uint32_t *shared_word);
/* In the child: opens the lock for the parent, and from now on has one of its own. */
void heap_part(void);
/* The same where the C library has seen to its own locks, and the lock is not ours. */
void heap_alone(void);
void heap_lock(void);
void heap_unlock(void);

#endif
