/* SPDX-License-Identifier: MIT */
/*
 * Runs of entries of one table over RAM: what pt.c does to many pages at once. Where ring 0 is
 * emulated, a run of some length that no processor can be using is left to the VMM; entries
 * that are present are changed here in any case, one instruction each: KVM keeps what it has
 * made of them in step with the guest's own writes alone.
 */
#ifndef LWK_PT_RANGE_H
#define LWK_PT_RANGE_H

#include "guest-lwk/types.h"

/* Entries that are not POPULATED become leaf, leaf + 4096, ...: each has its place's page; or
 * leaf, leaf + 2 MiB, ..., if leaf is a large one. */
void pt_range_fill(u64 *entry, u32 n, u64 leaf);
/*
 * Entries that are POPULATED, of which none is present any more, become 0. The first of them
 * and the one behind the last; 0 and 0: there was none.
 */
void pt_range_clear(u64 *entry, u32 n, u32 *first, u32 *end);
/* Those that are POPULATED get these flags for theirs. */
void pt_range_protect(u64 *entry, u32 n, u64 flags);
/* All lose PRESENT. */
void pt_range_hide(u64 *entry, u32 n);
/* True if any, or all, are POPULATED. */
bool pt_range_any(const u64 *entry, u32 n);
bool pt_range_populated(const u64 *entry, u32 n);

#endif
