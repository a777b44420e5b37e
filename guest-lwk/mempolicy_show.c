/* SPDX-License-Identifier: MIT */
/*
 * For /proc/self/numa_maps, which the proxy writes when it is opened: the policies of vmas, and
 * that of the first thread for all others, are put into the share area before an open is
 * forwarded. Only then: a program may set policies often, and opens files rarely.
 */
#include "guest-lwk/mempolicy.h"
#include "guest-lwk/process.h"
#include "guest-lwk/vma.h"

static bool same_policy(const struct abi_policy *p, const struct mempolicy *policy)
{
	return p->mode == mempolicy_mode(policy) && p->nodes == policy->nodes;
}

/* Neighbours of the same policy are one. False: no room. */
static bool show(struct abi_proc *to, u64 start, u64 end, const struct mempolicy *policy)
{
	struct abi_policy *last = to->npolicies ? &to->policy[to->npolicies - 1] : NULL;

	if (last && last->end == start && same_policy(last, policy)) {
		last->end = end;
		return true;
	}
	if (to->npolicies == ABI_POLICIES)
		return false;
	to->policy[to->npolicies++] = (struct abi_policy){.start = start,
		.end = end,
		.nodes = policy->nodes,
		.mode = mempolicy_mode(policy)};
	return true;
}

static void first_thread_policy(struct process *proc, struct mempolicy *policy)
{
	memset(policy, 0, sizeof(*policy));
	spin_lock(&proc->lock);
	for (const struct thread *t = proc->threads; t; t = t->next)
		if (t->tid == proc->pid)
			*policy = t->policy;
	spin_unlock(&proc->lock);
}

/*
 * The threads of a process may come here at once; a proxy that reads meanwhile sees an odd
 * number, or another one afterwards, and reads again. mm.lock: one writer at a time.
 */
void mempolicy_publish(struct process *proc)
{
	struct abi_proc *to = proc->share;
	struct mm *mm = proc->mm;
	struct mempolicy all;

	first_thread_policy(proc, &all);
	if (!mm->policies && !to->npolicies && to->policy_all.mode == mempolicy_mode(&all) &&
		to->policy_all.nodes == all.nodes)
		return;
	spin_lock(&mm->lock);
	store_release(&to->policy_turn, to->policy_turn + 1);
	fence_full();
	to->policy_all = (struct abi_policy){.mode = mempolicy_mode(&all), .nodes = all.nodes};
	to->npolicies = 0;
	for (const struct vma *vma = mm->first; mm->policies && vma; vma = vma->next) {
		const struct mempolicy *own = mempolicy_of(mm, vma);

		if (own && !show(to, vma->start, vma->end, own))
			break;
	}
	store_release(&to->policy_turn, to->policy_turn + 1);
	spin_unlock(&mm->lock);
}
