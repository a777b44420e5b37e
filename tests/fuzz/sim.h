/* SPDX-License-Identifier: MIT */
/*
 * A made-up machine for the LWK's memory manager, which runs on it as it is: its privileged
 * instructions trap and are emulated (sim.c), its memory is a reserved range of this process,
 * its cores have TLBs that keep stale entries as long as real ones may, and a proxy and a
 * janitor are at the other end of the mapping log and of the rings (sim_host.c). One thread
 * runs it all; cores take turns. What must not be ends in sim_fail().
 */
#ifndef TESTS_FUZZ_SIM_H
#define TESTS_FUZZ_SIM_H

#include "guest-lwk/process.h"

#define SIM_CORES 3
/* gpa_to_ptr() of a gpa from here on wraps around to this process's own addresses. */
#define SIM_GPA   (SIM_ARENA - ABI_DIRECT_VA)
#define SIM_ARENA 0x0000300000000000ULL
/* Boot table, share area; RAM's ranges of 2 MiB pages end here, 1 GiB pages begin. */
#define SIM_DEVICE (1ULL << 30)

struct sim_range {
	u64 size, host_page;
	u32 node;
};
#define SIM_MAX_RANGES 4

enum sim_kind { SIM_READ, SIM_WRITE, SIM_EXEC };

extern struct process sim_proc;
/* A copy of it, not used until it takes its place; mm NULL: none. Their indices are 0 and 1. */
extern struct process sim_child;

/* Random numbers of this run. */
u64 sim_random(u64 below);
void sim_seed(u64 seed);

/* Prints what is wrong with the trace of the last operations, and aborts. */
void sim_fail(const char *fmt, ...) NORETURN __attribute__((format(printf, 1, 2)));
/* One line for that trace. */
void sim_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* RAM, cores, the LWK's own memory; once in a process. */
void sim_boot(const struct sim_range *ranges, u32 n);
/* The core that runs now enters the kernel, and goes back to the program. */
void sim_enter(void);
void sim_leave(void);
/* The child takes the place of its maker, which is destroyed. */
void sim_become_child(void);
/* Another core runs; what it leaves behind is in the program or, idle, in the kernel. */
void sim_switch_core(void);
/* A core idles, on the boot tables. */
void sim_core_idle(u32 core);

/*
 * The program touches va: as the hardware does it, through this core's TLB, with a page fault
 * where that is needed. 0 and where the byte is, or what mm_fault() answered. *faulted tells if
 * there was one.
 */
s64 sim_touch(u64 va, enum sim_kind kind, void **ptr, bool *faulted);
/* Every core that is in the program: its TLB grants nothing that the page tables do not. */
void sim_tlb_check(void);
/* The same core's TLBs hold nothing of [gpa, gpa+len) (writable: nothing that could write to
 * it). */
bool sim_tlb_holds(u64 gpa, u64 len, bool writable);
bool sim_tlb_holds_va(u64 va, u64 len);
/* A page table is freed: no core's caches of upper entries can lead to it. */
void sim_table_check(u64 gpa);
/* What another thread does when a call waits for room in the log, once. */
extern void (*sim_meanwhile)(void);
/* While the child is made. */
extern bool sim_copying;
/* Page tables that there is memory for. */
extern u64 sim_pages_left;
/* While the kernel zeroes pages that stay mapped (MADV_DONTNEED). */
extern bool sim_zero_in_place;

/* Between sim.c and sim_tlb.c: a core loads these page tables (0: the boot tables). */
void tlb_boot(u64 ram, u64 size);
void tlb_flush(u32 core, u64 root);

/* ---- sim_window.c ---- */

#define WINDOW_FILES 4 /* descriptors 20 and up; the last cannot be written to */
#define WINDOW_FD    20
#define WINDOW_PAGES 2048 /* of a file, at most */
/* Pages are numbered through all files. What is behind one; does its file have it? */
void *window_ptr(u32 page);
bool window_inside(u32 page);
bool window_is(u64 gpa);
/* The file gets another length. */
void window_truncate(u32 file, u32 pages);
void window_boot(void);
void window_log_unmap(u32 proc, u64 va, u64 len);
/* A copy keeps what its maker has there. */
void window_log_keep(u32 proc, u64 va, u64 len);
/* The proxy has something of a file in [va, va+len). */
bool window_maps(u64 va, u64 len);
/* The same for the GiBs that [start, end) touches. */
bool window_maps_gib(u64 start, u64 end);
/* One more reference for each page, which has some. */
void window_hold(u64 gpa, u64 len);
/* A reference is dropped for each page: its record came, and then it is done. */
void window_put(u64 gpa, u64 len);
/* The processor used a page that has no memory: true if the kernel was told. */
bool window_refuses(u64 gpa);
/* What is referenced is in an entry, or on its way back. */
void window_check(void);
void window_check_gone(void);

/* ---- sim_host.c ---- */

/* Pages of the window in records that the janitor has or is to take. */
u64 host_window_held(void);

void host_boot(u64 ram, const struct sim_range *ranges, u32 n);
/* The janitor takes what is in the reclaim ring and gives back all, or some, of what it holds.
 */
bool host_is_kernels(u64 gpa); /* in a block of the kernel's own */
void host_janitor(bool all);
/* Where the proxy has va mapped. NULL: nowhere. */
void *host_proxy_ptr(u64 va);
u64 host_proxy_block(u64 va);
/* Free RAM of a set of nodes (with what is on its way back) in 2 MiB blocks and, whole ones
 * only, 1 GiB blocks.
 */
u64 host_free_blocks(u64 set);
u64 host_free_gibs(u64 set);
/* Nodes that have 2 MiB blocks to give right now; and that of a block. */
u64 host_nodes_free(void);
/* Nodes that have any such block. */
u64 host_nodes_small(void);
u32 host_node(u64 gpa);
/* mm_call_policy.c: a block of this node is to serve va. */
void policy_check(u64 va, u32 node, bool gib);
/* The proxy has a 2 MiB page somewhere in the GiBs that [start, end) touches. */
bool host_has_small(u64 start, u64 end);
/* Where mm_va.c puts what is large; its upper part is for reservations, and between them and
 * the rest is the room that is the window's own. */
#define SIM_LARGE_START  (ABI_PIE_BASE + (1ULL << 40))
#define SIM_LARGE_END    (ABI_MMAP_TOP - (1ULL << 40))
#define SIM_WINDOW_START (ABI_MMAP_TOP - (5ULL << 40))
#define SIM_WINDOW_END   (ABI_MMAP_TOP - (4ULL << 40))
/* Nothing is lost: what is free, committed and the kernel's own is all there is. */
void host_check(u64 committed);
/* The process is gone: it holds no block, no page table, no kernel memory. */
void host_check_gone(void);

#endif
