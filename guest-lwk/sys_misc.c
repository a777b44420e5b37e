/* SPDX-License-Identifier: MIT */
#include "guest-lwk/sys_misc.h"
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/process.h"

s64 sys_getpid(void)
{
	return current_thread()->proc->pid;
}

/* struct sysinfo of Linux. */
struct sysinfo {
	s64 uptime;
	u64 loads[3];
	u64 totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	u16 procs, pad[3];
	u64 totalhigh, freehigh;
	u32 mem_unit, pad2;
};
_Static_assert(sizeof(struct sysinfo) == 112, "Linux's x86-64 ABI");

/* Time and load are the host's, memory is the guest's. */
s64 sys_sysinfo(u64 addr)
{
	const u64 arg[6] = {addr};
	struct sysinfo info;
	s64 ret = syscall_forward(ABI_NR_sysinfo, arg);

	if (ret)
		return ret;
	if (user_read(&info, addr, sizeof(info)))
		return -EFAULT;
	pmem_totals(&info.totalram, &info.freeram);
	info.sharedram = info.bufferram = info.totalswap = info.freeswap = 0;
	info.totalhigh = info.freehigh = 0;
	info.mem_unit = 1;
	return user_write(addr, &info, sizeof(info));
}

#define PERSONALITY_QUERY 0xffffffffU
#define ADDR_NO_RANDOMIZE 0x0040000U /* always so here */

s64 sys_personality(u64 persona)
{
	struct process *proc = current_thread()->proc;
	u32 old = READ_ONCE(proc->persona);

	if ((u32)persona == PERSONALITY_QUERY)
		return old;
	if ((u32)persona & ~ADDR_NO_RANDOMIZE)
		return -EINVAL;
	WRITE_ONCE(proc->persona, (u32)persona);
	return old;
}

/* No command is offered: libraries that ask use ordinary fences then. */
s64 sys_membarrier(u64 command, u64 flags)
{
	return command || flags ? -EINVAL : 0;
}

/* No call leaves a continuation: what was interrupted is made again from its beginning. */
s64 sys_restart_syscall(void)
{
	return -EINTR;
}

#define MCL_ALL 7 /* MCL_CURRENT MCL_FUTURE MCL_ONFAULT */

/* All memory is resident for good. */
s64 sys_mlockall(u64 flags)
{
	return !flags || flags & ~(u64)MCL_ALL || flags == 4 ? -EINVAL : 0;
}

s64 sys_munlockall(void)
{
	return 0;
}
