/* SPDX-License-Identifier: MIT */
/* The calls about memory policies; how they differ from Linux is in docs/linux-abi.md. */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/mempolicy.h"
#include "guest-lwk/mm_parts.h"
#include "guest-lwk/process.h"
#include "guest-lwk/vma.h"

#define MPOL_F_NODE         1U
#define MPOL_F_ADDR         2U
#define MPOL_F_MEMS_ALLOWED 4U

/* Linux's limit as distributions build it. Sets may be longer if the rest is empty. */
#define SET_BITS 1024
#define NO_NODE  (1ULL << 63) /* of MAX_NODES none is that */

/* One word of the set, bit 0 of which stands for node `first`, of `bits` in all. */
static s64 read_word(u64 *word, u64 mask, u64 first, u64 bits)
{
	if (user_read(word, mask + first / 8, sizeof(*word)))
		return -EFAULT;
	if (bits < SET_BITS && bits - first < 64)
		*word &= (1ULL << (bits - first)) - 1;
	return 0;
}

s64 user_read_nodes(u64 *set, u64 mask, u64 maxnode)
{
	u64 bits = maxnode - 1, word;

	*set = 0;
	if (!bits || !mask)
		return 0;
	if (bits > PAGE_SIZE * 8)
		return -EINVAL;
	/* From the end, as Linux does: which error comes first depends on it. */
	for (u64 first = ALIGN_DOWN(bits - 1, 64); first; first -= 64) {
		if (read_word(&word, mask, first, bits))
			return -EFAULT;
		if (word && first >= SET_BITS)
			return -EINVAL;
		if (word)
			*set = NO_NODE;
	}
	if (read_word(&word, mask, 0, bits))
		return -EFAULT;
	*set |= word;
	return 0;
}

static s64 write_nodes(u64 mask, u64 maxnode, u64 set)
{
	static const u64 zero[8];
	u64 len = ALIGN_UP(maxnode - 1, 64) / 8;

	if (len > PAGE_SIZE)
		return -EINVAL;
	for (u64 at = sizeof(set); at < len; at += sizeof(zero))
		if (user_write(mask + at, zero, MIN(len - at, sizeof(zero))))
			return -EFAULT;
	return user_write(mask, &set, MIN(len, sizeof(set))) ? -EFAULT : 0;
}

bool may_move_all(void)
{
	return current_thread()->proc->share->uid == 0;
}

/* Mode first, then the set, as Linux checks them. */
static s64 read_policy(struct mempolicy *policy, u64 mode, u64 mask, u64 maxnode)
{
	u64 asked;
	s64 err = mempolicy_mode_check((u32)mode);

	if (!err)
		err = user_read_nodes(&asked, mask, maxnode);
	return err ? err : mempolicy_make(policy, (u32)mode, asked);
}

s64 sys_set_mempolicy(u64 mode, u64 mask, u64 maxnode)
{
	struct thread *t = current_thread();
	struct mempolicy policy;
	s64 err = read_policy(&policy, mode, mask, maxnode);

	if (err)
		return err;
	t->policy = policy;
	t->interleaved = 63; /* begins with the first */
	return 0;
}

/* [addr, end) in whole pages. */
static s64 range_end(u64 addr, u64 len, u64 *end)
{
	*end = addr + ALIGN_UP(len, PAGE_SIZE);
	return addr & (PAGE_SIZE - 1) || *end < addr ? -EINVAL : 0;
}

s64 sys_mbind(u64 addr, u64 len, u64 mode, u64 mask, u64 maxnode, u64 flags)
{
	struct process *proc = current_thread()->proc;
	struct mempolicy policy;
	u64 asked, end;
	s64 err = mempolicy_mode_check((u32)mode);

	if (!err)
		err = user_read_nodes(&asked, mask, maxnode);
	if (err)
		return err;
	if (flags & ~(u64)(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if (flags & MPOL_MF_MOVE_ALL && !may_move_all())
		return -EPERM;
	err = range_end(addr, len, &end);
	if (err || end == addr)
		return err;
	err = mempolicy_make(&policy, (u32)mode, asked);
	if (err)
		return err;
	if (end > ABI_USER_END)
		return -EFAULT;
	spin_lock(&proc->mm->lock);
	mm_ready(proc, addr, end);
	err = mm_set_policy(proc, addr, end, &policy, (u32)flags);
	spin_unlock(&proc->mm->lock);
	return err;
}

s64 sys_set_mempolicy_home_node(u64 addr, u64 len, u64 home, u64 flags)
{
	struct process *proc = current_thread()->proc;
	u64 end;
	s64 err = range_end(addr, len, &end);

	if (addr & (PAGE_SIZE - 1) || flags || home >= MAX_NODES || !(nodes.all >> home & 1))
		return -EINVAL;
	if (err || end == addr)
		return err;
	spin_lock(&proc->mm->lock);
	mm_ready(proc, addr, end);
	err = mm_set_home(proc, addr, MIN(end, ABI_USER_END), (u32)home);
	spin_unlock(&proc->mm->lock);
	return err;
}

/* The policy of the vma at addr; -EFAULT. */
static s64 policy_at(struct process *proc, u64 addr, struct mempolicy *policy)
{
	spin_lock(&proc->mm->lock);
	const struct vma *vma = addr < ABI_USER_END ? vma_find(proc->mm, addr) : NULL;
	const struct mempolicy *own = vma ? mempolicy_of(proc->mm, vma) : NULL;

	if (own)
		*policy = *own;
	else
		memset(policy, 0, sizeof(*policy));
	spin_unlock(&proc->mm->lock);
	return vma ? 0 : -EFAULT;
}

/* The node of a page, which is committed for it, as Linux does. */
static s64 node_at(struct process *proc, u64 addr)
{
	s32 node;

	if (!mm_check(proc, addr, 1, ABI_PROT_R))
		return -EFAULT;
	spin_lock(&proc->mm->lock);
	mm_where(proc->mm, &addr, &node, 1);
	spin_unlock(&proc->mm->lock);
	return node;
}

static s64 policy_look(u64 addr, u64 flags, s64 *value, u64 *set)
{
	struct thread *t = current_thread();
	struct mempolicy policy = t->policy;
	s64 err = addr && !(flags & MPOL_F_ADDR) ? -EINVAL : 0;

	if (flags & MPOL_F_ADDR)
		err = policy_at(t->proc, addr, &policy);
	if (err)
		return err;
	*set = mempolicy_nodes(&policy);
	*value = mempolicy_mode(&policy);
	if (!(flags & MPOL_F_NODE))
		return 0;
	if (flags & MPOL_F_ADDR)
		*value = node_at(t->proc, addr);
	else if (policy.mode == MPOL_INTERLEAVE)
		*value = node_after(policy.nodes, t->interleaved);
	else
		return -EINVAL;
	return *value < 0 ? *value : 0;
}

s64 sys_get_mempolicy(u64 mode, u64 mask, u64 maxnode, u64 addr, u64 flags)
{
	s64 value = 0, err = 0;
	u64 set = nodes.memory;

	if (mask && maxnode < nodes.count)
		return -EINVAL;
	if (flags & ~(u64)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if (!(flags & MPOL_F_MEMS_ALLOWED))
		err = policy_look(addr, flags, &value, &set);
	else if (flags & (MPOL_F_NODE | MPOL_F_ADDR))
		err = -EINVAL;
	if (err)
		return err;
	if (mode && user_write_u32(mode, (u32)value))
		return -EFAULT;
	return mask ? write_nodes(mask, maxnode, set) : 0;
}
