/* SPDX-License-Identifier: MIT */
/*
 * Memory policies, as Linux has them (numa_memory_policy.rst): from which nodes blocks are
 * taken when memory is committed. A thread has one, and a vma may have one, which then counts.
 * A policy never moves what is committed.
 */
#ifndef LWK_MEMPOLICY_H
#define LWK_MEMPOLICY_H

#include "guest-lwk/pmem.h"

struct mm;
struct process;
struct vma;

enum {
	MPOL_DEFAULT,
	MPOL_PREFERRED,
	MPOL_BIND,
	MPOL_INTERLEAVE,
	MPOL_LOCAL,
	MPOL_PREFERRED_MANY,
	MPOL_END
};
#define MPOL_F_STATIC_NODES   (1U << 15)
#define MPOL_F_RELATIVE_NODES (1U << 14)
#define MPOL_F_NUMA_BALANCING (1U << 13)
#define MPOL_MODE_FLAGS       (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | MPOL_F_NUMA_BALANCING)

#define NODE_NONE 0xffffffffU

/* All zero: the default. No padding, so that policies are compared as bytes. */
struct mempolicy {
	u16 mode, flags; /* MPOL_*, MPOL_F_* */
	u32 home;        /* BIND, PREFERRED_MANY: nearest to this node; or NODE_NONE */
	u64 nodes;       /* in force: with memory, in this guest */
	u64 asked;       /* as the program said it */
};

/* Is there such a mode, with such flags? 0 or -EINVAL. */
s64 mempolicy_mode_check(u32 mode_and_flags);
/* The policy that a program asks for by mode (with flags) and nodes. 0 or -EINVAL. */
s64 mempolicy_make(struct mempolicy *policy, u32 mode_and_flags, u64 asked);
/* What get_mempolicy() says of it. */
static inline u32 mempolicy_mode(const struct mempolicy *policy)
{
	return policy->mode | policy->flags;
}
u64 mempolicy_nodes(const struct mempolicy *policy);

/*
 * Policies of vmas are numbered in each address space, and the number is part of vma->flags: so
 * vmas merge only with their like, and what copies flags copies the policy. 0: none of its own.
 */
#define VMA_POLICY_SHIFT   16
#define VMA_POLICY(number) ((u32)(number) << VMA_POLICY_SHIFT)
/* The number of a policy, -ENOMEM. Caller holds mm.lock. */
s64 mempolicy_number(struct mm *mm, const struct mempolicy *policy);
/* That of vma, NULL: it has none. */
const struct mempolicy *mempolicy_of(const struct mm *mm, const struct vma *vma);

/* mempolicy_show.c: an open is to be forwarded, perhaps of numa_maps. */
void mempolicy_publish(struct process *proc);

/* The process ends. */
void mempolicy_free(struct mm *mm);

/*
 * Where the next blocks for vma come from: va is the first, `unit` bytes (2 MiB or 1 GiB) the
 * step of an interleaving. On behalf of the current thread.
 */
void mempolicy_place(
	struct process *proc, const struct vma *vma, u64 va, u64 unit, struct placement *place);
/* No policy: near the current thread, or near the first core of a process that has none yet. */
void mempolicy_place_near(const struct process *proc, struct placement *place);

/* sys_mempolicy.c */
s64 sys_set_mempolicy(u64 mode, u64 mask, u64 maxnode);
s64 sys_get_mempolicy(u64 mode, u64 mask, u64 maxnode, u64 addr, u64 flags);
s64 sys_mbind(u64 addr, u64 len, u64 mode, u64 mask, u64 maxnode, u64 flags);
s64 sys_set_mempolicy_home_node(u64 addr, u64 len, u64 home, u64 flags);
/* sys_pages.c */
s64 sys_move_pages(u64 pid, u64 count, u64 pages, u64 to, u64 status, u64 flags);
s64 sys_migrate_pages(u64 pid, u64 maxnode, u64 from, u64 to);
/* Reads a program's set of nodes; a bit that stands for no node of ours is kept as bit 63. */
s64 user_read_nodes(u64 *set, u64 mask, u64 maxnode);

#define MPOL_MF_STRICT   1U
#define MPOL_MF_MOVE     2U
#define MPOL_MF_MOVE_ALL 4U
/* CAP_SYS_NICE, as far as the guest knows: the program runs as root. */
bool may_move_all(void);

#endif
