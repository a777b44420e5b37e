/* SPDX-License-Identifier: MIT */
/*
 * Physical memory by node: 2 MiB blocks, 1 GiB blocks where the host's pages are that large.
 * Every block handed out is zero: fresh from the host, or cleaned by its janitor.
 */
#ifndef LWK_PMEM_H
#define LWK_PMEM_H

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/node.h"
#include "guest-lwk/types.h"

static inline void *gpa_to_ptr(u64 gpa)
{
	return (void *)(ABI_DIRECT_VA + gpa);
}

static inline u64 ptr_to_gpa(const void *ptr)
{
	return (u64)ptr - ABI_DIRECT_VA;
}

/* Boot: RAM found in the device tree; free from `free_start`. */
void pmem_add(u64 gpa, u64 size, u64 host_page, u32 node);

/*
 * Boot, every core: has the host enter its part of the RAM into the nested page tables (one
 * fault a leaf), so that no program waits for one later. Host pages of 4 KiB are not all
 * touched. On a software KVM nothing: what it builds is a program's own page tables.
 */
void pmem_touch(u32 index);

/* Where blocks are to come from (mempolicy.h makes it). */
struct placement {
	u64 nodes;   /* from these, */
	bool only;   /* and from no others when they have none; */
	u32 near;    /* the nearest to this node first */
	bool single; /* one block: the next may belong elsewhere */
};

/* As many contiguous 2 MiB blocks as there are, at most want; *got >= 1. 0: none. */
u64 pmem_alloc_run(const struct placement *place, u64 want, u64 *got);
/* Single 2 MiB blocks for programs, with those that the janitor has. */
u64 pmem_free_blocks(void);
/* True while there are whole 1 GiB blocks to be had, now or when the janitor is done with them.
 */
bool pmem_has_gib(void);
/* One 1 GiB block; waits for the janitor if it has one. 0: none. */
u64 pmem_alloc_gib(const struct placement *place);
/* Spins for the janitor if blocks are on their way back, a second at most, for who cannot
 * sleep: true if trying again makes sense. */
bool pmem_wait(void);
/* For who can: are there any? The janitor is told. */
bool pmem_comes(void);
/* Bytes that have come back so far, to anybody. */
u64 pmem_came(void);
/* Gives [gpa, gpa+len) back by way of the reclaim ring (share.h). */
void pmem_free(u64 gpa, u64 len, u64 va, u32 proc, u64 log_pos);
/* One more reference to each page of the window in [gpa, gpa+len), which somebody has and does
 * not give up before this. */
void pmem_hold_window(u64 gpa, u64 len);
/* Drops a reference to each page of the window in [gpa, gpa+len), by the same way. */
void pmem_free_window(u64 gpa, u64 len, u64 va, u32 proc, u64 log_pos);
/* Where there are 1 GiB blocks and several nodes: the 2 MiB memory of the node with the least
 * of it; else 0. */
u64 pmem_small_least(void);
/* The node of a block. */
u32 pmem_node(u64 gpa);
/* Bytes in all and free (with those on their way back), for sysinfo. */
void pmem_totals(u64 *total, u64 *free_bytes);

/* Bulk work on guest memory: in ring 0 on hardware KVM, by the VMM on software KVM. */
void pmem_zero(u64 gpa, u64 len);
void pmem_copy(u64 to, u64 from, u64 len);

/* kmem.c: the kernel's own memory. Zeroed. NULL: none. */
void *kpage_alloc(void);     /* one page */
void kpage_free(void *page); /* must be all zero again */
void *kmem_alloc(u32 size);  /* up to 8 KiB; zeroed, 64-byte aligned */
void kmem_free(void *ptr, u32 size);

#endif
