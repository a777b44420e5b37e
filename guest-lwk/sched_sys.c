/* SPDX-License-Identifier: MIT */
/* Calls about scheduling: affinity on the guest's cores, and the one policy that there is. */
#include "guest-lwk/sched.h"
#include "guest-lwk/sys.h"

enum { POLICY_OTHER, POLICY_FIFO, POLICY_RR, POLICY_BATCH, POLICY_IDLE = 5, POLICY_DEADLINE };

#define SLICE_NS 10000000ULL

s64 sys_sched_yield(void)
{
	if (READ_ONCE(this_core()->runq.head))
		sched_yield_now();
	return 0;
}

/*
 * The thread of the current process with this tid (0: the current one); process.lock is held.
 */
static struct thread *find_thread(u32 tid)
{
	struct thread *self = current_thread();
	struct thread *t;

	if (!tid || tid == self->tid)
		return self;
	for (t = self->proc->threads; t && t->tid != tid; t = t->next)
		;
	return t;
}

static s64 thread_exists(u32 tid)
{
	struct process *proc = current_thread()->proc;

	spin_lock(&proc->lock);
	bool found = find_thread(tid);

	spin_unlock(&proc->lock);
	return found ? 0 : -ESRCH;
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
	struct thread *t = find_thread((u32)tid);

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
	struct thread *t = find_thread((u32)tid);

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

static bool policy_is_realtime(u32 policy)
{
	return policy == POLICY_FIFO || policy == POLICY_RR;
}

static bool policy_known(u32 policy)
{
	return policy <= POLICY_BATCH || policy == POLICY_IDLE;
}

s64 sys_sched_setscheduler(u64 tid, u64 policy, u64 param)
{
	u32 priority;

	if ((s32)tid < 0 || !param)
		return -EINVAL;
	if (user_read_u32(&priority, param))
		return -EFAULT;
	s64 err = thread_exists((u32)tid);

	if (err)
		return err;
	if (!policy_known((u32)policy))
		return -EINVAL;
	if (policy_is_realtime((u32)policy))
		return priority >= 1 && priority <= 99 ? -EPERM : -EINVAL;
	return priority ? -EINVAL : 0;
}

s64 sys_sched_getscheduler(u64 tid)
{
	if ((s32)tid < 0)
		return -EINVAL;
	s64 err = thread_exists((u32)tid);

	return err ? err : POLICY_OTHER;
}

s64 sys_sched_setparam(u64 tid, u64 param)
{
	return sys_sched_setscheduler(tid, POLICY_OTHER, param);
}

s64 sys_sched_getparam(u64 tid, u64 param)
{
	if ((s32)tid < 0 || !param)
		return -EINVAL;
	s64 err = thread_exists((u32)tid);

	return err ? err : user_write_u32(param, 0);
}

s64 sys_sched_get_priority_max(u64 policy)
{
	if (policy_is_realtime((u32)policy))
		return 99;
	return policy_known((u32)policy) || policy == POLICY_DEADLINE ? 0 : -EINVAL;
}

s64 sys_sched_get_priority_min(u64 policy)
{
	if (policy_is_realtime((u32)policy))
		return 1;
	return policy_known((u32)policy) || policy == POLICY_DEADLINE ? 0 : -EINVAL;
}

s64 sys_sched_rr_get_interval(u64 tid, u64 ts)
{
	if ((s32)tid < 0)
		return -EINVAL;
	s64 err = thread_exists((u32)tid);

	return err ? err : user_write_timespec(ts, SLICE_NS);
}
