/* SPDX-License-Identifier: MIT */
/*
 * Operations on much memory, which may be scattered in many blocks, each a record of the
 * mapping log. They are made in parts for which the log has room; where it has not, mm.lock is
 * given up until the proxy has caught up (log_room). mm.lock is held; the process is the
 * current one.
 */
#ifndef LWK_MM_PARTS_H
#define LWK_MM_PARTS_H

#include "guest-lwk/types.h"

struct process;

/*
 * What is no more than MM_SMALL is one part, and needs no look at the log. What is committed in
 * one part lies in MM_PART, as a run of blocks does; what is unmapped in one part has no more
 * than MM_PART_BLOCKS runs of blocks, or of the window's pages: others may be in the granules
 * at its ends. (A fuzzed build has its own.)
 */
#ifndef MM_SMALL
#define MM_SMALL       (64ULL << 20)
#define MM_PART        GIB_SIZE
#define MM_PART_BLOCKS (LOG_PIECE - 16)
#endif

/*
 * Before a part of the work, of LOG_PIECE blocks at most, and again before the next: it may
 * give the lock up. False: the process is exiting, and the work is to be left.
 */
bool mm_room(struct process *proc);
/*
 * Room for a part, and nothing of [start, end) is pending (mm_window_settle). True: it had to
 * wait.
 */
bool mm_ready(struct process *proc, u64 start, u64 end);
/* mm_unmap() of whatever size. What comes after a part that cannot be unmapped stays. */
s64 mm_unmap_parts(struct process *proc, u64 start, u64 end);
/*
 * [start, end) is about to be replaced in one step: takes away what is too much for that, but
 * not the addresses, which others cannot get meanwhile. mm_ready() for what is left. Not for
 * what will be refused, since that changes nothing.
 */
void mm_vacate(struct process *proc, u64 start, u64 end);

#endif
