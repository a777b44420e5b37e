/* SPDX-License-Identifier: MIT */
/* Futexes in the window: waited for and woken on the host, for which a word is its file's. */
#ifndef LWK_FUTEX_HOST_H
#define LWK_FUTEX_HOST_H

#include "guest-lwk/process.h"

/* Operations of the call. */
enum {
	OP_WAIT,
	OP_WAKE,
	OP_REQUEUE = 3,
	OP_CMP_REQUEUE,
	OP_WAKE_OP,
	OP_WAIT_BITSET = 9,
	OP_WAKE_BITSET
};
#define OP_PRIVATE  128
#define OP_REALTIME 256

/* The operation has a word of the window. */
bool futex_on_host(u64 addr, u32 command, u64 addr2);
/* The call, made by the proxy. */
s64 futex_host_call(u64 addr, u32 op, u64 value, u64 timeout, u64 addr2, u64 value3);
s64 futex_host_wake(u64 addr, u32 count, u32 bitset);
/* The thread ends: it waits for nothing any more. */
void futex_host_exit(struct thread *t);

#endif
