/* SPDX-License-Identifier: MIT */
/*
 * Address spaces. A vma says what is mapped with which protection; the page tables say which of
 * it has memory (is committed). Physical memory comes in blocks of 2 MiB (or whole 1 GiB
 * blocks), so one block may carry several vmas, told apart by 4 KiB entries. Unmapped parts of
 * a block in use are always zero.
 */
#ifndef LWK_MM_H
#define LWK_MM_H

#include "guest-lwk/lock.h"
#include "guest-lwk/types.h"

struct mempolicy;
struct process;

enum {
	VMA_TOUCH = 1,
	/* commit at first touch */ VMA_STACK = 2,
	/* grows down */ VMA_FIXED_KERNEL = 4, /* vDSO */
	VMA_BEYOND = 8,    /* private file mapping, pages after the file's end: SIGBUS */
	VMA_ROOM = 16,     /* of the stack, where it has not grown yet: counts in no limit */
	VMA_SHARED = 32,   /* asked for as shared: no data */
	VMA_WINDOW = 64,   /* of a file in the window (mm_window.h) */
	VMA_NOWRITE = 128, /* its descriptor does not allow writing */
	VMA_PENDING = 256, /* a call is under way that maps it, or takes it away */
	VMA_SHM = 512,     /* System V shared memory */
	VMA_HUGE = 2048,   /* of the window, in pages of 2 MiB, which are mapped whole */
	VMA_NOFORK = 4096, /* not for children (MADV_DONTFORK) */
	VMA_WIPE = 8192,   /* zero in children (MADV_WIPEONFORK) */
	VMA_LOCAL = 1024   /* 2 MiB blocks where 1 GiB blocks would be on one node (mm_va.c) */
};

struct vma {
	u64 start, end;
	u32 prot;                 /* ABI_PROT_* */
	u32 flags;                /* VMA_*, and the number of its policy (mempolicy.h) */
	struct vma *prev, *next;  /* by address */
	struct vma *left, *right; /* treap */
	u32 priority;
	u32 mapping; /* of the window: alike in what one call has mapped; else 0 */
};

struct gib_slot {
	u64 va, gpa; /* 1 GiB of program space backed by one whole 1 GiB block */
	struct gib_slot *next;
};

struct mm {
	struct spinlock lock;
	bool dying; /* cores that idle on its tables leave them when they are kicked */
	u64 root;   /* gpa of the top page table */
	struct vma *tree, *first, *last;
	struct vma *seen; /* found last (vma.c); NULL: none */
	struct gib_slot *slots;
	u64 brk_start, brk;
	u64 small_hint, sparse_hint, large_hint,
		window_hint; /* where the search for a hole begins (mm_va.c) */
#define MM_WARM 8
	u64 warm[MM_WARM]; /* empty granules that keep their blocks (mm_unmap.c), 0: none */
	u64 committed;     /* bytes of blocks that it holds */
	u64 mapped, data;  /* bytes that RLIMIT_AS and RLIMIT_DATA limit (vma.c) */
	u64 tlb_gen;       /* incremented when entries were taken away */
#define MM_PDS 8
	/* Tables of granules that were used last, by the TiB of their addresses: stack,
	 * libraries, heap and the large area are in different ones. gib: the address >> 30,
	 * plus 1. */
	struct pd_seen {
		u64 gib, *pd;
	} pds[MM_PDS];
	/* Upper page tables, of which few processes have more (pt_root.c). */
#ifndef MM_UPPER
#define MM_UPPER 16
#endif
	u64 *upper[MM_UPPER];
	u32 nupper;
	u64 *retired; /* page tables taken out, to be freed after the next flush (pt.c) */
	bool windows; /* has, or had, something of the window */
	u32 mappings; /* of the window that there ever were */
	/* mm_window_wait.c: a thread forks; changes of the window that are under way; threads
	 * that wait to make one; and all that wait. */
	bool forking;
	u32 changes, waiting;
	struct mm_waiter *waiters;
	struct attach *attached; /* System V shared memory (mm_shm.c) */
	bool touch;              /* default commit mode */
	/* Who commits does not spin for blocks that are on their way back, and is told when
	 * there are: it sleeps. */
	bool patient, starved;
	bool watch; /* blocks committed on request show if they were touched (mm_policy.c) */
	struct mempolicy *policies; /* of vmas, by number (mempolicy.h) */
};

/* pt_root.c: this core runs on proc's page tables from now on (NULL: on the boot tables). */
void mm_load(struct process *proc);

s64 mm_create(struct process *proc);
void mm_destroy(struct process *proc); /* all threads gone; blocks go to the reclaim ring */

/*
 * A page fault of the program (or of the kernel on its behalf): 0 when it was made good,
 * -EFAULT (nothing mapped there), -EACCES (not with this protection), -ENOMEM (none left, or
 * VMA_BEYOND), -EAGAIN (mm_window_wait() knows). It may sleep.
 */
s64 mm_fault(struct process *proc, u64 va, bool write, bool exec);
/*
 * True if [va, va+len) is mapped with prot; commits it. For buffers of forwarded calls. Of more
 * than MM_SMALL bytes the current process's only, and it may sleep (mm_room).
 */
bool mm_check(struct process *proc, u64 va, u64 len, u32 prot);
/* gpa of a committed address, 0: not committed. For futex keys. Commits if it may. */
u64 mm_gpa(struct process *proc, u64 va, bool write);

/*
 * The work behind the calls; lengths and addresses are whole pages, mm.lock is held.
 * mm_mmap: addr 0: anywhere, else what is there must be unmapped already. MM_POPULATE: commit
 * whatever the mode. What commits may give the lock up meanwhile (mm_room, or because blocks
 * are missing): mm_mmap, but with MM_AT_ONCE, and mm_protect and mm_commit_asked. mm_rights is
 * mm_protect without committing.
 */
enum { MM_POPULATE = 1, MM_AT_ONCE = 2 };
s64 mm_mmap(struct process *proc, u64 addr, u64 len, u32 prot, u32 flags, u32 vma_flags);
s64 mm_unmap(struct process *proc, u64 start, u64 end);
s64 mm_protect(struct process *proc, u64 start, u64 end, u32 prot);
s64 mm_rights(struct process *proc, u64 start, u64 end, u32 prot);
/* The n blocks at gpa, which va was to get, and which found no page table, go back. -ENOMEM. */
s64 mm_blocks_return(struct process *proc, u64 va, u64 gpa, u64 n);
/* [start, end) lies in vma: commits what of it is not. -ENOMEM. */
s64 mm_commit(struct process *proc, struct vma *vma, u64 start, u64 end);
/* Commits what of [start, end) is to be committed when it is asked for. -ENOMEM. */
s64 mm_commit_asked(struct process *proc, u64 start, u64 end);
/* Gives the blocks of warm granules back; true if there were any. */
bool mm_warm_drop(struct process *proc);
/* A granule that only keeps its block warm gives it back. */
void mm_warm_release(struct process *proc, u64 *entry, u64 granule);
/* Whole granules of [start, end) that were committed and never touched give their blocks back.
 */
void mm_untouched_release(struct process *proc, u64 start, u64 end);
/* How far it went: it zeroes so much at a time. (A fuzzed build has its own.) */
#ifndef MM_DISCARD
#define MM_DISCARD (64ULL << 20)
#endif
u64 mm_discard(struct process *proc, u64 start, u64 end);
/* mm_fork.c: [start, end), which lies in vma, gets these flags of VMA_NOFORK and VMA_WIPE
 * instead of those. -ENOMEM; -EINVAL: a part of a huge page. */
s64 mm_set_fork(struct mm *mm, const struct vma *vma, u64 start, u64 end, u32 give, u32 take);
/* mm_unmap.c: is there a huge page across it? */
bool mm_cuts_huge(struct mm *mm, u64 at);

/*
 * mm_policy.c; mm.lock is held. mm_set_policy: [start, end) gets this policy; -EFAULT (not all
 * of it is mapped), -EIO (how says MPOL_MF_STRICT, and some blocks are on other nodes),
 * -ENOMEM.
 */
s64 mm_set_policy(
	struct process *proc, u64 start, u64 end, const struct mempolicy *policy, u32 how);
/* The same policy, nearest to another node. -ENOENT: no policy there. -EOPNOTSUPP. */
s64 mm_set_home(struct process *proc, u64 start, u64 end, u32 home);
/* The nodes of the pages at n addresses; -ENOENT (not committed), -EFAULT (not mapped). */
void mm_where(struct mm *mm, const u64 *page, s32 *node, u32 n);
/* How many 4 KiB pages lie on these nodes. */
u64 mm_pages_on(struct mm *mm, u64 set);

/*
 * mm_limit.c: RLIMIT_AS and RLIMIT_DATA; mm.lock is held. Does a new mapping of len bytes keep
 * them? The same in place of what is in [start, start+len). What mprotect() makes data of?
 */
bool mm_may_map(const struct process *proc, u64 len, u32 prot, u32 vma_flags);
bool mm_may_replace(struct process *proc, u64 start, u64 len, u32 prot, u32 vma_flags);
bool mm_may_protect(struct process *proc, u64 start, u64 end, u32 prot);
/*
 * vma_find(), for what is about to be used: the stack grows down to va if that is in its room.
 * NULL: nothing is mapped there, or the limit does not let the stack grow.
 */
struct vma *mm_vma(struct process *proc, u64 va);

/* mm_sys.c, mm_brk.c: the calls. */
s64 sys_mmap(u64 addr, u64 len, u64 prot, u64 flags, u64 fd, u64 off);
s64 sys_munmap(u64 addr, u64 len);
s64 sys_mprotect(u64 addr, u64 len, u64 prot);
s64 sys_mremap(u64 addr, u64 old_len, u64 new_len, u64 flags, u64 new_addr);
s64 sys_brk(u64 addr);
s64 sys_madvise(u64 addr, u64 len, u64 advice);
s64 sys_mincore(u64 addr, u64 len, u64 vec);
s64 sys_msync(u64 addr, u64 len, u64 flags);
s64 sys_mlock(u64 addr, u64 len);
s64 sys_mlock2(u64 addr, u64 len, u64 flags);
s64 sys_pkey_mprotect(u64 addr, u64 len, u64 prot, u64 key);
/* mm_shm.c */
s64 sys_shmat(u64 id, u64 addr, u64 flags);
s64 sys_shmdt(u64 addr);
void mm_shm_forget(struct mm *mm);
s64 mm_shm_copy(struct mm *to, const struct mm *from); /* -ENOMEM */

/* uaccess.c: copies between kernel and the current program; 0 or -EFAULT. */
s64 user_read(void *dst, u64 src, u64 len);
s64 user_write(u64 dst, const void *src, u64 len);
s64 user_read_u32(u32 *value, u64 addr);
s64 user_write_u32(u64 addr, u32 value);
/* Compare and exchange of a user word; *old gets what was there. */
s64 user_cmpxchg_u32(u64 addr, u32 *old, u32 new_value);
/*
 * Are all of these (`count` struct pollfd, not 0) quiet by the entries of abi_watch? `bare` is
 * what an entry is but for its events. Then 0, and every revents is 0. Else some may be.
 */
s64 user_quiet(u64 pollfds, u64 count, const u64 *entry, u64 bare);

#endif
