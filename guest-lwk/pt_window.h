/* SPDX-License-Identifier: MIT */
/*
 * Granules of the window. A granule holds RAM or pages of the window, never both. The second
 * kind is a large leaf, if one chunk of a file covers all of it, or a table whose entries each
 * have a gpa of their own; both, and the table's entry, have PTE_WINDOW. An entry that is not 0
 * is one reference to its page. With PTE_ABSENT it is not present: there was nothing of the
 * file behind it when that was looked at last. Caller holds mm.lock throughout.
 */
#ifndef LWK_PT_WINDOW_H
#define LWK_PT_WINDOW_H

#include "guest-lwk/pt.h"

#define PTE_ABSENT 0x800ULL /* software bit */

/* Makes an empty granule one of the window, with a table in which nothing is. -ENOMEM. */
s64 pt_window_begin(u64 *entry);
/*
 * Puts [gpa, ...) at [start, end) of a granule that has nothing there, or has nothing at all;
 * what is at `absent` and beyond is absent. -ENOMEM, also where RAM or a large leaf is.
 */
s64 pt_window_set(u64 *entry, u64 start, u64 end, u64 gpa, u64 absent, u32 prot);
void pt_window_protect(u64 *entry, u64 start, u64 end, u32 prot);
/*
 * Takes out what is at va and goes on as contiguous pages before end; pt_split() has made both
 * boundaries. Returns its bytes and *gpa (0: nothing is there).
 */
u64 pt_window_take(u64 *entry, u64 va, u64 end, u64 *gpa);
/* The bytes of which it would be. */
u64 pt_window_run(u64 entry, u64 va, u64 end);
/*
 * Has another address space's granule, which has nothing there, refer to what is at va in this
 * one and goes on as contiguous pages before end. Returns its bytes and *gpa (0: nothing is
 * there); 0: no memory.
 */
u64 pt_window_copy(u64 *to, u64 entry, u64 va, u64 end, u64 *gpa);
/* The entry of va's page as if it were a table's; 0: none. */
u64 pt_window_leaf(u64 entry, u64 va);
/* An absent page is there now. */
void pt_window_arrived(u64 *entry, u64 va, u32 prot);
/* Pages of [gpa, gpa+len) become absent in the granule. -ENOMEM. */
s64 pt_window_gone(struct mm *mm, u64 *entry, u64 va, u64 gpa, u64 len);

#endif
