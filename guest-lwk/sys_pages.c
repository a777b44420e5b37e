/* SPDX-License-Identifier: MIT */
/*
 * move_pages and migrate_pages: where pages are. Nothing is moved (mm_policy.c says why): a
 * page that should be is busy, as Linux says of one that it cannot move.
 */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/mempolicy.h"
#include "guest-lwk/process.h"

#define CHUNK 64

/* Only the calling program itself is known here. */
static s64 self_check(u64 pid)
{
	struct process *proc = current_thread()->proc;
	s64 err = -ESRCH;

	if (!(u32)pid || (u32)pid == proc->pid)
		return 0;
	spin_lock(&proc->lock);
	for (const struct thread *t = proc->threads; t && err; t = t->next)
		err = t->tid == (u32)pid ? 0 : err;
	spin_unlock(&proc->lock);
	return err;
}

/* `on` becomes what the status of a page that was to go to `to` is. */
static s64 move_status(const s32 *to, s32 *on, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		if (to[i] < 0 || to[i] >= MAX_NODES || !(nodes.memory >> to[i] & 1))
			return -ENODEV;
		if (on[i] >= 0 && on[i] != to[i])
			on[i] = -EBUSY;
	}
	return 0;
}

static s64 pages_chunk(u32 n, u64 pages, u64 to, u64 status)
{
	struct mm *mm = current_thread()->proc->mm;
	u64 page[CHUNK];
	s32 wanted[CHUNK], on[CHUNK];
	s64 err = 0;

	if (user_read(page, pages, n * sizeof(*page)) ||
		(to && user_read(wanted, to, n * sizeof(*wanted))))
		return -EFAULT;
	spin_lock(&mm->lock);
	mm_where(mm, page, on, n);
	spin_unlock(&mm->lock);
	if (to)
		err = move_status(wanted, on, n);
	if (!err && user_write(status, on, n * sizeof(*on)))
		err = -EFAULT;
	return err;
}

s64 sys_move_pages(u64 pid, u64 count, u64 pages, u64 to, u64 status, u64 flags)
{
	s64 err;

	if ((u32)flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if ((u32)flags & MPOL_MF_MOVE_ALL && !may_move_all())
		return -EPERM;
	err = self_check(pid);
	for (u64 at = 0; at < count && !err; at += CHUNK)
		err = pages_chunk((u32)MIN(count - at, CHUNK), pages + at * sizeof(u64),
			to ? to + at * sizeof(s32) : 0, status + at * sizeof(s32));
	return err;
}

s64 sys_migrate_pages(u64 pid, u64 maxnode, u64 from, u64 to)
{
	struct mm *mm = current_thread()->proc->mm;
	u64 leave, arrive;
	s64 err = user_read_nodes(&leave, from, maxnode);

	if (!err)
		err = user_read_nodes(&arrive, to, maxnode);
	if (!err)
		err = self_check(pid);
	if (err)
		return err;
	if (arrive & ~nodes.memory && !may_move_all())
		return -EPERM;
	if (!(arrive & nodes.memory))
		return -EINVAL;
	spin_lock(&mm->lock);
	u64 left = mm_pages_on(mm, leave & nodes.memory & ~arrive);

	spin_unlock(&mm->lock);
	return (s64)left;
}
