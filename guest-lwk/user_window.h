/* SPDX-License-Identifier: MIT */
/* A program's memory by the kernel's own addresses, for what is too large or too slow to copy.
 */
#ifndef LWK_USER_WINDOW_H
#define LWK_USER_WINDOW_H

#include "guest-lwk/process.h"

/*
 * [va, va+len) in the direct map, if it lies in one block and the program has prot there; it is
 * committed if need be. mm.lock is then held until window_close(): nobody takes the block away,
 * and the caller must not use the program's addresses meanwhile. NULL: not possible (perhaps by
 * user_read() and user_write()).
 */
void *window_open(struct process *proc, u64 va, u64 len, u32 prot);
void window_close(struct process *proc);

/* The same where it has its memory already, of any address space; until window_leave(). */
void *window_try(struct mm *mm, u64 va, u64 len, u32 prot);
void window_leave(struct mm *mm);

#endif
