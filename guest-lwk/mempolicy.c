/* SPDX-License-Identifier: MIT */
#include "guest-lwk/mempolicy.h"
#include "guest-lwk/process.h"

/* How many different policies the vmas of one process may have: 6 KiB. */
#define POLICIES 256

/* Bit n of `asked` is the nth of the nodes that there are, counted around. */
static u64 relative(u64 asked)
{
	u64 set = 0;

	for (u32 n = 0; asked; asked >>= 1, n++)
		if (asked & 1)
			set |= 1ULL << node_nth(nodes.memory, n);
	return set;
}

s64 mempolicy_mode_check(u32 mode_and_flags)
{
	u32 mode = mode_and_flags & ~MPOL_MODE_FLAGS, flags = mode_and_flags & MPOL_MODE_FLAGS;

	if (mode >= MPOL_END)
		return -EINVAL;
	if (flags & MPOL_F_STATIC_NODES && flags & MPOL_F_RELATIVE_NODES)
		return -EINVAL;
	/* Nothing scans for remote accesses here, as natively where balancing is off. */
	return flags & MPOL_F_NUMA_BALANCING && mode != MPOL_BIND ? -EINVAL : 0;
}

s64 mempolicy_make(struct mempolicy *policy, u32 mode_and_flags, u64 asked)
{
	u32 mode = mode_and_flags & ~MPOL_MODE_FLAGS, flags = mode_and_flags & MPOL_MODE_FLAGS;
	bool placed = flags & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES);

	memset(policy, 0, sizeof(*policy));
	if (mempolicy_mode_check(mode_and_flags))
		return -EINVAL;
	if (mode == MPOL_DEFAULT)
		return asked ? -EINVAL : 0;
	if (mode == MPOL_PREFERRED && !asked)
		mode = MPOL_LOCAL;
	if (mode == MPOL_LOCAL ? asked || placed : !asked)
		return -EINVAL;
	policy->mode = (u16)mode;
	policy->flags = (u16)flags;
	policy->home = NODE_NONE;
	policy->asked = asked;
	if (mode == MPOL_LOCAL)
		return 0;
	policy->nodes = flags & MPOL_F_RELATIVE_NODES ? relative(asked) : asked & nodes.memory;
	if (!policy->nodes)
		return -EINVAL;
	if (mode == MPOL_PREFERRED)
		policy->nodes &= -policy->nodes;
	return 0;
}

u64 mempolicy_nodes(const struct mempolicy *policy)
{
	return policy->flags & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES) ? policy->asked
									     : policy->nodes;
}

const struct mempolicy *mempolicy_of(const struct mm *mm, const struct vma *vma)
{
	u32 number = vma->flags >> VMA_POLICY_SHIFT;

	return number ? &mm->policies[number] : NULL;
}

/* Forgets those that no vma has any more. */
static void policies_collect(struct mm *mm)
{
	u64 used[POLICIES / 64] = {0};

	for (const struct vma *vma = mm->first; vma; vma = vma->next) {
		u32 number = vma->flags >> VMA_POLICY_SHIFT;

		used[number / 64] |= 1ULL << (number % 64);
	}
	for (u32 i = 1; i < POLICIES; i++)
		if (!(used[i / 64] >> (i % 64) & 1))
			memset(&mm->policies[i], 0, sizeof(mm->policies[i]));
}

/* Policies stand without a gap from 1 on, until some are collected. */
static u32 policies_find(const struct mm *mm, const struct mempolicy *policy)
{
	u32 i = 1;

	while (i < POLICIES && mm->policies[i].mode != MPOL_DEFAULT &&
		memcmp(&mm->policies[i], policy, sizeof(*policy)))
		i++;
	return i;
}

s64 mempolicy_number(struct mm *mm, const struct mempolicy *policy)
{
	if (policy->mode == MPOL_DEFAULT)
		return 0;
	if (!mm->policies)
		mm->policies = kmem_alloc(POLICIES * sizeof(*policy));
	if (!mm->policies)
		return -ENOMEM;
	u32 i = policies_find(mm, policy);

	if (i == POLICIES) {
		policies_collect(mm);
		i = policies_find(mm, policy);
	}
	if (i == POLICIES)
		return -ENOMEM;
	mm->policies[i] = *policy;
	return i;
}

s64 mempolicy_copy(struct mm *to, const struct mm *from)
{
	if (!from->policies)
		return 0;
	to->policies = kmem_alloc(POLICIES * sizeof(*to->policies));
	if (!to->policies)
		return -ENOMEM;
	memcpy(to->policies, from->policies, POLICIES * sizeof(*to->policies));
	return 0;
}

void mempolicy_free(struct mm *mm)
{
	if (mm->policies)
		kmem_free(mm->policies, POLICIES * sizeof(*mm->policies));
	mm->policies = NULL;
}

void mempolicy_place_near(const struct process *proc, struct placement *place)
{
	bool own = current_thread()->proc == proc;

	*place = (struct placement){
		.nodes = nodes.memory,
		.near = own ? this_core()->node : cores[__builtin_ctzll(proc->affinity)].node,
	};
}

/* By address, so that it is the same however the vma is split; a thread's goes by turns. */
static u32 interleave(const struct mempolicy *policy, bool of_thread, u64 step)
{
	struct thread *t = current_thread();

	if (!of_thread)
		return node_nth(policy->nodes, step);
	t->interleaved = (u8)node_after(policy->nodes, t->interleaved);
	return t->interleaved;
}

void mempolicy_place(
	struct process *proc, const struct vma *vma, u64 va, u64 unit, struct placement *place)
{
	const struct mempolicy *policy = mempolicy_of(proc->mm, vma);
	bool of_thread = !policy && current_thread()->proc == proc;

	mempolicy_place_near(proc, place);
	if (nodes.nmemory == 1 || (!policy && !of_thread))
		return;
	if (of_thread)
		policy = &current_thread()->policy;
	if (policy->mode == MPOL_INTERLEAVE) {
		place->near = interleave(policy, of_thread, va / unit);
		place->single = true;
	} else if (policy->mode == MPOL_PREFERRED) {
		place->near = node_first(policy->nodes);
	} else if (policy->mode == MPOL_BIND || policy->mode == MPOL_PREFERRED_MANY) {
		place->nodes = policy->nodes;
		place->only = policy->mode == MPOL_BIND;
		if (policy->home != NODE_NONE)
			place->near = policy->home;
	}
}
