/* SPDX-License-Identifier: MIT */
/*
 * Files of the host, mapped shared (design.md, "Shared memory"): the proxy maps the file at the
 * same addresses, the VMM into the window, a range of guest-physical addresses beyond RAM, and
 * the entries here point there. They are made by the call that maps, and no fault makes one
 * later, but where the file has no page (PTE_ABSENT).
 *
 * 2 MiB of program addresses (a granule) hold RAM or pages of the window, never both: the proxy
 * has RAM there in pages of that size at least.
 *
 * A call of the proxy is waited for, so mm.lock cannot be held over it. What it works on is
 * VMA_PENDING meanwhile: a new mapping, which has its addresses and is inaccessible, or one
 * that is about to move. Whoever else is about to change such a range, or faults on it, waits
 * until that is over (mm_window_settle), as under Linux's lock of the address space. So a
 * pending range is still its owner's when it has the answer, and what was referenced is in an
 * entry, or has been given back, by the time that anybody else can take it away.
 */
#ifndef LWK_MM_WINDOW_H
#define LWK_MM_WINDOW_H

#include "guest-lwk/abi/share.h"
#include "guest-lwk/process.h"

static inline bool window_has(u64 gpa)
{
	return gpa - machine.window_gpa < machine.window_size;
}

/* ---- mm.lock is held ---- */

/* Something of the window meets [start, end). */
bool mm_window_meets(struct mm *mm, u64 start, u64 end);
/* The same for the rest of the granules that [start, end) has a part of: no RAM there. */
bool mm_window_beside(struct mm *mm, u64 start, u64 end);
/* Something of [start, end) is pending. */
bool mm_window_pending(struct mm *mm, u64 start, u64 end);
/*
 * mm_window_wait.c. Waits, without the lock, while something of [start, end) is pending, or of
 * the window and the process forks; true if it had to.
 */
bool mm_window_settle(struct process *proc, u64 start, u64 end);
/* The same before a call that changes the window begins, which mm_window_changed() ends. */
void mm_window_change(struct process *proc);
/* Nothing is pending any more that was: whoever waits looks again. */
void mm_window_wake(struct mm *mm);
/*
 * [va, va+len) becomes a pending mapping; what is there must be gone, or goes (replace).
 * -ENOMEM, also where RAM is in one of its granules. mapping: of the one that it is to be a
 * part of, 0: its own.
 */
s64 mm_window_reserve(
	struct process *proc, u64 va, u64 len, u32 vma_flags, bool replace, u32 mapping);
/* Could that be? */
bool mm_window_fits(struct process *proc, u64 va, u64 len);
/* Entries for what has been answered for va. -ENOMEM: then nothing of it is referenced. */
s64 mm_window_enter(
	struct process *proc, u64 va, const struct abi_window_answer *answer, u32 prot);
/* Nothing is pending any more in [start, end), which gets prot and these flags as well. */
void mm_window_done(struct mm *mm, u64 start, u64 end, u32 prot, u32 vma_flags);
/* A pending mapping was not to be: it goes, with all that it has. */
void mm_window_undo(struct process *proc, u64 start, u64 end);
/* The gpa of what is mapped at va, present or not; 0: not the window. */
u64 mm_window_gpa(struct mm *mm, u64 va);

/* ---- without the lock ---- */

void mm_window_changed(struct process *proc);
/* Between these two nothing of the window comes or goes (the thread forks). */
void mm_window_hold(struct process *proc);
void mm_window_release(struct process *proc);
/* mm_fault() has said -EAGAIN: 0 (go on), or -ENOMEM (there is no such page: SIGBUS). */
s64 mm_window_wait(struct process *proc, u64 va);
/* Pages of [gpa, gpa+len) have lost their memory: they become absent. -ENOMEM. */
s64 mm_window_bad(struct process *proc, u64 gpa, u64 len);
/* A futex word, or a buffer, that host processes may share. */
bool mm_in_window(struct process *proc, u64 va);

/* mm_window_sys.c, mm_shm.c: the calls; lengths and addresses are whole pages. */
s64 window_mmap(u64 addr, u64 len, u64 prot, u64 flags, u64 fd, u64 off);
/* mm.lock is held and nothing there is pending; given up. */
s64 window_mremap(u64 addr, u64 old_len, u64 new_len, u64 flags, u64 new_addr);
/* nr of the program, on what of [start, end) is of the window, made by the proxy. */
s64 window_forward(struct process *proc, u32 nr, u64 start, u64 end, u64 arg2);
/* MADV_REMOVE of what of it is of the window. */
s64 window_remove(struct process *proc, u64 start, u64 end);

#endif
