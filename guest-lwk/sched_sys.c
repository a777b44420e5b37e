/* SPDX-License-Identifier: MIT */
/* Calls about scheduling: yielding, and affinity on the guest's cores. */
#include "guest-lwk/sched.h"
#include "guest-lwk/sys.h"

s64 sys_sched_yield(void)
{
	if (READ_ONCE(this_core()->runq.head))
		sched_yield_now();
	return 0;
}

struct thread *sched_find_thread(u32 tid)
{
	struct thread *self = current_thread();
	struct thread *t;

	if (!tid || tid == self->tid)
		return self;
	for (t = self->proc->threads; t && t->tid != tid; t = t->next)
		;
	return t;
}

s64 sys_sched_setaffinity(u64 tid, u64 len, u64 mask_addr)
{
	struct thread *self = current_thread();
	struct process *proc = self->proc;
	u64 mask = 0;
	s64 ret = 0;

	if (user_read(&mask, mask_addr, MIN(len, sizeof(mask))))
		return -EFAULT;
	mask &= ~0ULL >> (64 - ncores);
	if (proc->affinity)
		mask &= proc->affinity;
	spin_lock(&proc->lock);
	struct thread *t = sched_find_thread((u32)tid);

	if (!t) {
		ret = -ESRCH;
	} else if (!mask) {
		ret = -EINVAL;
	} else {
		WRITE_ONCE(t->affinity, mask);
		if (t != self) {
			WRITE_ONCE(t->move_asked, true);
			core_kick(READ_ONCE(t->core));
		}
	}
	spin_unlock(&proc->lock);
	if (!ret && t == self)
		sched_move_self();
	return ret;
}

s64 sys_sched_getaffinity(u64 tid, u64 len, u64 mask_addr)
{
	struct process *proc = current_thread()->proc;
	u64 mask = 0;

	if (len < sizeof(mask) || len % sizeof(mask))
		return -EINVAL;
	spin_lock(&proc->lock);
	struct thread *t = sched_find_thread((u32)tid);

	if (t)
		mask = sched_allowed(t);
	spin_unlock(&proc->lock);
	if (!t)
		return -ESRCH;
	return user_write(mask_addr, &mask, sizeof(mask)) ? -EFAULT : (s64)sizeof(mask);
}

s64 sys_getcpu(u64 cpu, u64 node)
{
	struct core *core = this_core();

	if (cpu && user_write_u32(cpu, core->index))
		return -EFAULT;
	if (node && user_write_u32(node, core->node))
		return -EFAULT;
	return 0;
}
