/* SPDX-License-Identifier: MIT */
/*
 * Scheduling policies. There is one, round robin on each core; SCHED_BATCH and SCHED_IDLE are
 * wishes that Linux need not heed either, so they are taken and told back. The real-time ones
 * would be promises: they are refused as without the right to them.
 */
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sys.h"
#include "guest-lwk/sys_misc.h"

enum { POLICY_OTHER, POLICY_FIFO, POLICY_RR, POLICY_BATCH, POLICY_IDLE = 5, POLICY_DEADLINE };

#define SLICE_NS    10000000ULL
#define POLICY_SAME 0xff /* of sched_setparam() */

/* struct sched_attr of Linux. */
struct sched_attr {
	u32 size, policy;
	u64 flags;
	s32 nice;
	u32 priority;
	u64 runtime, deadline, period;
	u32 util_min, util_max;
};
_Static_assert(sizeof(struct sched_attr) == 56, "Linux's x86-64 ABI");
#define ATTR_SIZE_LEAST  48 /* its first version */
#define FLAG_KEEP_POLICY 8
#define FLAG_KEEP_PARAMS 16
#define FLAGS_ALL        0x7f

static bool policy_is_realtime(u32 policy)
{
	return policy == POLICY_FIFO || policy == POLICY_RR;
}

static bool policy_known(u32 policy)
{
	return policy <= POLICY_BATCH || policy == POLICY_IDLE || policy == POLICY_DEADLINE;
}

/* The policy of a thread, or -ESRCH. */
static s64 policy_of(u32 tid)
{
	struct process *proc = current_thread()->proc;

	spin_lock(&proc->lock);
	struct thread *t = sched_find_thread(tid);
	s64 policy = t ? t->sched_policy : -ESRCH;

	spin_unlock(&proc->lock);
	return policy;
}

static s64 policy_set(u32 tid, u32 policy, u32 priority)
{
	struct process *proc = current_thread()->proc;
	s64 old = policy_of(tid);

	if (old < 0)
		return old;
	if (policy == POLICY_SAME)
		policy = (u32)old;
	if (!policy_known(policy) || priority > 99 ||
		policy_is_realtime(policy) != (priority != 0))
		return -EINVAL;
	if (policy_is_realtime(policy) || policy == POLICY_DEADLINE)
		return -EPERM;
	spin_lock(&proc->lock);
	struct thread *t = sched_find_thread(tid);

	if (t)
		t->sched_policy = (u8)policy;
	spin_unlock(&proc->lock);
	return t ? 0 : -ESRCH;
}

static s64 setscheduler(u64 tid, u32 policy, u64 param)
{
	u32 priority;

	if ((s32)tid < 0 || !param)
		return -EINVAL;
	if (user_read_u32(&priority, param))
		return -EFAULT;
	return policy_set((u32)tid, policy, priority);
}

s64 sys_sched_setscheduler(u64 tid, u64 policy, u64 param)
{
	return (s32)policy < 0 ? -EINVAL : setscheduler(tid, MIN((u32)policy, 0xfe), param);
}

s64 sys_sched_setparam(u64 tid, u64 param)
{
	return setscheduler(tid, POLICY_SAME, param);
}

s64 sys_sched_getscheduler(u64 tid)
{
	return (s32)tid < 0 ? -EINVAL : policy_of((u32)tid);
}

s64 sys_sched_getparam(u64 tid, u64 param)
{
	if ((s32)tid < 0 || !param)
		return -EINVAL;
	s64 policy = policy_of((u32)tid);

	return policy < 0 ? policy : user_write_u32(param, 0);
}

/* Nice values are the proxy's: of the calling thread, which is served by one thread there. */
static bool is_self(u32 tid)
{
	return !tid || tid == current_thread()->tid;
}

static s32 nice_of_self(void)
{
	const u64 arg[6] = {0};
	s64 ret = syscall_forward(ABI_NR_getpriority, arg);

	return ret > 0 ? 20 - (s32)ret : 0;
}

s64 sys_sched_getattr(u64 tid, u64 addr, u64 size, u64 flags)
{
	struct sched_attr attr = {.size = (u32)MIN((u32)size, sizeof(attr))};

	if (!addr || (s32)tid < 0 || (u32)size > PAGE_SIZE || (u32)size < ATTR_SIZE_LEAST ||
		(u32)flags)
		return -EINVAL;
	s64 policy = policy_of((u32)tid);

	if (policy < 0)
		return policy;
	attr.policy = (u32)policy;
	attr.nice = is_self((u32)tid) ? nice_of_self() : 0;
	return user_write(addr, &attr, attr.size);
}

/* What a later version of the structure would say behind ours must be 0. */
static s64 attr_read(struct sched_attr *attr, u64 addr)
{
	u32 size;

	if (user_read_u32(&size, addr))
		return -EFAULT;
	if (!size)
		size = ATTR_SIZE_LEAST;
	bool good = size >= ATTR_SIZE_LEAST && size <= PAGE_SIZE;

	for (u64 at = sizeof(*attr); good && at < size; at += 4) {
		u32 word = 0;

		if (user_read(&word, addr + at, MIN(4, size - at)))
			return -EFAULT;
		good = !word;
	}
	if (good)
		return user_read(attr, addr, MIN(size, sizeof(*attr)));
	user_write_u32(addr, sizeof(*attr));
	return -E2BIG;
}

s64 sys_sched_setattr(u64 tid, u64 addr, u64 flags)
{
	struct sched_attr attr = {0};

	if (!addr || (s32)tid < 0 || (u32)flags)
		return -EINVAL;
	s64 err = attr_read(&attr, addr);

	if (err)
		return err;
	if ((s32)attr.policy < 0 || attr.flags & ~(u64)FLAGS_ALL)
		return -EINVAL;
	if (attr.flags & FLAG_KEEP_POLICY)
		attr.policy = POLICY_SAME;
	err = policy_set((u32)tid, MIN(attr.policy, POLICY_SAME), attr.priority);
	if (err || attr.flags & FLAG_KEEP_PARAMS || !is_self((u32)tid) ||
		nice_of_self() == attr.nice)
		return err;
	const u64 arg[6] = {0, 0, (u64)(s64)attr.nice};

	return syscall_forward(ABI_NR_setpriority, arg) ? -EPERM : 0;
}

s64 sys_sched_get_priority_max(u64 policy)
{
	if (policy_is_realtime((u32)policy))
		return 99;
	return policy_known((u32)policy) ? 0 : -EINVAL;
}

s64 sys_sched_get_priority_min(u64 policy)
{
	if (policy_is_realtime((u32)policy))
		return 1;
	return policy_known((u32)policy) ? 0 : -EINVAL;
}

s64 sys_sched_rr_get_interval(u64 tid, u64 ts)
{
	if ((s32)tid < 0)
		return -EINVAL;
	s64 policy = policy_of((u32)tid);

	return policy < 0 ? policy : user_write_timespec(ts, SLICE_NS);
}
