/* SPDX-License-Identifier: MIT */
#ifndef LWK_ROBUST_H
#define LWK_ROBUST_H

struct thread;

/*
 * The current thread ends: marks the robust mutexes that it holds and wakes a waiter of each.
 */
void robust_exit(struct thread *t);

#endif
