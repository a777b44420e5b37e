/* SPDX-License-Identifier: MIT */
/* Small calls about the thread itself, and its end. */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sys.h"

enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS, ARCH_GET_CPUID = 0x1011 };

#define ROBUST_HEAD_SIZE 24

s64 sys_gettid(void)
{
	return current_thread()->tid;
}

s64 sys_set_tid_address(u64 addr)
{
	struct thread *t = current_thread();

	t->clear_child_tid = addr;
	return t->tid;
}

s64 sys_set_robust_list(u64 head, u64 len)
{
	if (len != ROBUST_HEAD_SIZE)
		return -EINVAL;
	current_thread()->robust_list = head;
	return 0;
}

s64 sys_get_robust_list(u64 tid, u64 head, u64 len)
{
	struct thread *t = current_thread();
	struct process *proc = t->proc;
	u64 list = t->robust_list, size = ROBUST_HEAD_SIZE;

	if (tid && (u32)tid != t->tid) {
		spin_lock(&proc->lock);
		for (t = proc->threads; t && t->tid != (u32)tid; t = t->next)
			;
		list = t ? t->robust_list : 0;
		spin_unlock(&proc->lock);
	}
	if (!t)
		return -ESRCH;
	if (user_write(len, &size, sizeof(size)) || user_write(head, &list, sizeof(list)))
		return -EFAULT;
	return 0;
}

/* The current thread's bases are in the registers (sched.c, bases_owner). */
s64 sys_arch_prctl(u64 code, u64 addr)
{
	u64 value;

	switch ((u32)code) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (addr >= ABI_USER_END)
			return -EPERM;
		if ((u32)code == ARCH_SET_FS)
			fsbase_write(addr);
		else
			wrmsr(MSR_KERNEL_GS_BASE, addr);
		return 0;
	case ARCH_GET_FS:
	case ARCH_GET_GS:
		value = (u32)code == ARCH_GET_FS ? fsbase_read() : rdmsr(MSR_KERNEL_GS_BASE);
		return user_write(addr, &value, sizeof(value));
	case ARCH_GET_CPUID: /* programs may use the instruction */
		return 1;
	default:
		return -EINVAL;
	}
}

s64 sys_exit(u64 code)
{
	thread_exit((u32)code);
}

s64 sys_exit_group(u64 code)
{
	process_exit(current_thread()->proc, ((u32)code & 0xff) << 8);
	thread_exit((u32)code);
}
