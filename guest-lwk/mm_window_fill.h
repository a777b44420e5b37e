/* SPDX-License-Identifier: MIT */
/* Between mm_window_sys.c, mm_window_remap.c and mm_shm.c. */
#ifndef LWK_MM_WINDOW_FILL_H
#define LWK_MM_WINDOW_FILL_H

#include "guest-lwk/fwd.h"
#include "guest-lwk/mm_window.h"

/*
 * Has the proxy map call->len bytes at va, which are reserved, by as many calls as that takes;
 * then they are the program's, with prot, or, after an error, nobody's. Returns va, or -errno.
 */
s64 window_fill(struct process *proc, u64 va, u32 prot, struct fwd_whole *call);

#endif
