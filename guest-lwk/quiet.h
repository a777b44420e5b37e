/* SPDX-License-Identifier: MIT */
/*
 * Polls with timeout 0 of descriptors where nothing has happened: answered here, from what the
 * proxy keeps in the share area (struct abi_watch, docs/decisions/0008-quiet-polls.md).
 */
#ifndef LWK_QUIET_H
#define LWK_QUIET_H

/* For uaccess_bare.S: ABI_WATCH_FDS; the highest value of the events of an entry. */
#define QUIET_FDS    512
#define QUIET_EVENTS 0x7fff

#ifndef __ASSEMBLER__
#include "guest-lwk/types.h"

/*
 * Is this call of the current thread one of poll(), select() and epoll_wait(), in all their
 * forms, whose answer is known to be 0? Then it has been made. All else is the host's to
 * answer: errors, and what the table does not hold.
 */
bool quiet_answers(u32 nr, const u64 arg[6]);
#endif
#endif
