/* SPDX-License-Identifier: MIT */
/*
 * Limits on memory and threads are kept here: they would hit the proxy, which needs both for
 * the program's sake. The host keeps the others.
 */
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/process.h"
#include "guest-lwk/sys_misc.h"

/* Our number of a resource, -1: it is the host's. */
static s32 limit_index(u32 resource)
{
	enum { RLIMIT_DATA = 2, RLIMIT_NPROC = 6, RLIMIT_AS = 9 };

	switch (resource) {
	case RLIMIT_DATA:
		return ABI_LIMIT_DATA;
	case RLIMIT_NPROC:
		return ABI_LIMIT_NPROC;
	case RLIMIT_AS:
		return ABI_LIMIT_AS;
	default:
		return -1;
	}
}

enum { PR_SET_MM = 35, PR_SET_MM_START_CODE = 1 };

/*
 * 1: the program is privileged to pass limits, 0: it is not. The host knows what has become of
 * its capabilities since the start: this call wants the same one, and only then finds that its
 * address is bad.
 */
static s64 privileged(void)
{
	const u64 probe[6] = {PR_SET_MM, PR_SET_MM_START_CODE, ~0ULL};
	s64 ret = syscall_forward(ABI_NR_prctl, probe);

	if (ret == -EINVAL)
		return 1;
	return ret == -EPERM ? 0 : ret;
}

static struct abi_limit limit_get(s32 index)
{
	struct process *proc = current_thread()->proc;

	spin_lock(&proc->lock);
	struct abi_limit limit = proc->limits[index];

	spin_unlock(&proc->lock);
	return limit;
}

/* Sets it and returns what it was. The hard limit rises for the privileged only. */
static s64 limit_set(
	s32 index, const struct abi_limit *limit, bool may_rise, struct abi_limit *old)
{
	struct process *proc = current_thread()->proc;
	struct abi_limit *at = &proc->limits[index];
	s64 ret = 0;

	spin_lock(&proc->lock);
	*old = *at;
	if (limit->hard > at->hard && !may_rise) {
		ret = -EPERM;
	} else {
		WRITE_ONCE(at->soft, limit->soft);
		at->hard = limit->hard;
	}
	spin_unlock(&proc->lock);
	return ret;
}

static s64 limit_change(s32 index, u64 addr, struct abi_limit *old)
{
	struct abi_limit limit;
	s64 may_rise, ret;

	if (user_read(&limit, addr, sizeof(limit)))
		return -EFAULT;
	if (limit.soft > limit.hard)
		return -EINVAL;
	ret = limit_set(index, &limit, false, old);
	if (ret != -EPERM)
		return ret;
	may_rise = privileged();
	return may_rise < 0 ? may_rise : limit_set(index, &limit, may_rise, old);
}

s64 sys_getrlimit(u64 resource, u64 addr)
{
	const u64 arg[6] = {resource, addr};
	s32 index = limit_index((u32)resource);

	if (index < 0)
		return syscall_forward(ABI_NR_getrlimit, arg);

	struct abi_limit limit = limit_get(index);

	return user_write(addr, &limit, sizeof(limit));
}

s64 sys_setrlimit(u64 resource, u64 addr)
{
	const u64 arg[6] = {resource, addr};
	s32 index = limit_index((u32)resource);
	struct abi_limit old;

	return index < 0 ? syscall_forward(ABI_NR_setrlimit, arg)
			 : limit_change(index, addr, &old);
}

s64 sys_prlimit64(u64 pid, u64 resource, u64 new_limit, u64 old_limit)
{
	const u64 arg[6] = {pid, resource, new_limit, old_limit};
	s32 index = limit_index((u32)resource);
	struct abi_limit old;
	s64 ret = 0;

	if (index < 0 || ((u32)pid && (u32)pid != current_thread()->proc->pid))
		return syscall_forward(ABI_NR_prlimit64, arg);
	if (new_limit)
		ret = limit_change(index, new_limit, &old);
	else
		old = limit_get(index);
	if (!ret && old_limit)
		ret = user_write(old_limit, &old, sizeof(old));
	return ret;
}

/* Threads of a user in this guest; who that is was known at the start. */
static u64 threads_of(u32 uid)
{
	u64 n = 0;

	for (u32 i = 0; i < ABI_MAX_PROCS; i++)
		if (READ_ONCE(processes[i].live) && processes[i].share->uid == uid)
			n += READ_ONCE(processes[i].nthreads);
	return n;
}

s64 limit_threads(void)
{
	const struct process *proc = current_thread()->proc;
	const u64 none[6] = {0};
	s64 ret;

	if (threads_of(proc->share->uid) < READ_ONCE(proc->limits[ABI_LIMIT_NPROC].soft))
		return 0;
	/* Root is not limited, whatever its capabilities; it may have become another user. */
	ret = syscall_forward(ABI_NR_getuid, none);
	if (ret <= 0)
		return ret;
	ret = privileged();
	if (ret < 0)
		return ret;
	return ret ? 0 : -EAGAIN;
}
