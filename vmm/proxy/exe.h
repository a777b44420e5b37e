/* SPDX-License-Identifier: MIT */
/*
 * /proc/self/exe of the program is its own file, not lwvmm's: ld.so finds $ORIGIN there, and
 * run-times their folders.
 */
#ifndef VMM_PROXY_EXE_H
#define VMM_PROXY_EXE_H

#include <stdbool.h>

#include "guest-lwk/abi/share.h"

/*
 * Looks whether the mailbox's call is about that link. True: it is answered (readlink). Else
 * the call is to be made, perhaps with another path in the mailbox (open, stat, access).
 */
/* Is the path at this address of the program that link? */
bool exe_is_link(uint64_t path);

bool exe_answer(const char *file, struct abi_mbox *mbox);

#endif
