/* SPDX-License-Identifier: MIT */
/* What a program's memory should be: page by page, as Linux promises it. */
#ifndef TESTS_FUZZ_MM_MODEL_H
#define TESTS_FUZZ_MM_MODEL_H

#include "guest-lwk/types.h"

enum page_state { PAGE_UNMAPPED, PAGE_MAPPED, PAGE_KERNEL /* time page, vDSO */ };

struct page {
	u8 state, prot;
	u8 lazy;         /* may fault: committed at first touch, or there was no memory */
	u8 beyond;       /* behind the end of the file it maps: SIGBUS */
	u16 policy;      /* mm_call_policy.c */
	u8 nowrite;      /* of the window, and its descriptor does not allow writing */
	u8 nofork, wipe; /* MADV_DONTFORK, MADV_WIPEONFORK */
	u32 window;      /* 1 + the page of which file it is (sim_window.c); 0: RAM */
	u32 tag;         /* what is in it: model_fill(); 0: zeroes */
};

const struct page *model_page(u64 va);
/* For every page of a range: is it so? */
bool model_all(u64 start, u64 end, enum page_state state);
bool model_any(u64 start, u64 end, enum page_state state);

void model_map(u64 start, u64 end, u32 prot, bool lazy);
void model_map_kernel(u64 start, u64 end);
void model_unmap(u64 start, u64 end);
void model_protect(u64 start, u64 end, u32 prot);
void model_discard(u64 start, u64 end);
/* Contents go from one mapped range to another. */
void model_copy(u64 from, u64 to, u64 len);
void model_beyond(u64 start, u64 end);
/* Pages of a file, from this one on. */
void model_window(u64 start, u64 end, u32 page, bool nowrite);
/* A granule of [start, end] has something of the window. */
bool model_mixed(u64 start, u64 end);
void model_tag(u64 va, u32 tag);
void model_policy(u64 start, u64 end, u32 number);
/* There was, or is, little memory: what is mapped may have to be touched first. */
void model_lazy(u64 start, u64 end);

void model_fork_flags(u64 start, u64 end, bool nofork, bool wipe);
/* Remembers what a child that is made now has; then that is what should be. */
void model_fork(void);
void model_become_child(void);
void model_forget_child(void);
/* Each page of the range that has something in it. */
void model_each_tag(u64 start, u64 end, void (*fn)(u64 va));

/* The content of a page with this tag, and if a page has it. */
void model_fill(u64 *words, u32 tag);
bool model_has(const u64 *words, u32 tag);

/*
 * A call failed half way for want of memory: pages of the range are what vma_find() says,
 * unmapped only if they may be, their protection the old one or prot.
 */
void model_resync(u64 start, u64 end, bool may_be_unmapped, u32 prot);

/* Compares contents as the proxy has them: every written page, and all of some blocks. */
void model_verify(void);
/* The process is gone. */
void model_clear(void);

#endif
