/* SPDX-License-Identifier: MIT */
/* Signals that programs send: to themselves here, to other processes by way of the proxy. */
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/sigframe.h"
#include "guest-lwk/signal_queue.h"
#include "guest-lwk/sys_misc.h"
#include "guest-lwk/sys_signal.h"
#include "guest-lwk/vfork.h"

/* Not to the child of vfork(), which stands in the thread of another process. */
static bool is_own(u64 pid)
{
	return (u32)pid == current_thread()->proc->pid && !current_thread()->vfork;
}

static bool is_vfork(u64 pid)
{
	return current_thread()->vfork && (u32)pid == current_thread()->vfork->pid;
}

static s64 forward(u32 nr, u64 a, u64 b, u64 c, u64 d)
{
	const u64 arg[6] = {a, b, c, d};

	return syscall_forward(nr, arg);
}

static struct ksiginfo info_of(s32 signo, s32 code)
{
	struct process *proc = current_thread()->proc;

	return (struct ksiginfo){
		.signo = signo,
		.code = code,
		.pid = (s32)proc->pid,
		.uid = proc->share->uid,
	};
}

/* To the own process, or to its thread tid. Signal 0 only asks whether that is there. */
static s64 send_own(u32 tid, const struct ksiginfo *info)
{
	struct process *proc = current_thread()->proc;
	struct thread *t;
	s64 ret = 0;

	if (info->signo < 0 || info->signo > NSIG)
		return -EINVAL;
	spin_lock(&proc->lock);
	for (t = proc->threads; tid && t && t->tid != tid; t = t->next)
		;
	if (!t)
		ret = -ESRCH;
	else if (info->signo && info->signo != SIGKILL)
		ret = signal_send_locked(proc, tid ? t : NULL, info);
	spin_unlock(&proc->lock);
	if (!ret && info->signo == SIGKILL)
		process_exit(proc, SIGKILL);
	return ret;
}

s64 sys_kill(u64 pid, u64 signo)
{
	struct ksiginfo info = info_of((s32)signo, SI_USER);

	if (is_vfork(pid))
		return vfork_signal((s32)signo);
	return is_own(pid) ? send_own(0, &info) : forward(ABI_NR_kill, pid, signo, 0, 0);
}

s64 sys_tgkill(u64 tgid, u64 tid, u64 signo)
{
	struct ksiginfo info = info_of((s32)signo, SI_TKILL);

	if ((s32)tgid <= 0 || (s32)tid <= 0)
		return -EINVAL;
	if (is_vfork(tgid))
		return vfork_signal((s32)signo);
	return is_own(tgid) ? send_own((u32)tid, &info)
			    : forward(ABI_NR_tgkill, tgid, tid, signo, 0);
}

s64 sys_tkill(u64 tid, u64 signo)
{
	struct ksiginfo info = info_of((s32)signo, SI_TKILL);
	s64 ret;

	if ((s32)tid <= 0)
		return -EINVAL;
	if (is_vfork(tid))
		return vfork_signal((s32)signo);
	ret = current_thread()->vfork ? -ESRCH : send_own((u32)tid, &info);
	return ret == -ESRCH && tid < ABI_TID_BASE ? forward(ABI_NR_tkill, tid, signo, 0, 0)
						   : ret;
}

static s64 info_read(struct ksiginfo *info, u64 addr, u64 signo)
{
	struct sigframe_info from;

	if (user_read(&from, addr, sizeof(from)))
		return -EFAULT;
	from.signo = (s32)signo;
	sigframe_info_read(info, &from);
	return 0;
}

s64 sys_rt_sigqueueinfo(u64 pid, u64 signo, u64 addr)
{
	struct ksiginfo info;
	s64 err;

	if (!is_own(pid))
		return forward(ABI_NR_rt_sigqueueinfo, pid, signo, addr, 0);
	err = info_read(&info, addr, signo);
	return err ? err : send_own(0, &info);
}

s64 sys_rt_tgsigqueueinfo(u64 tgid, u64 tid, u64 signo, u64 addr)
{
	struct ksiginfo info;
	s64 err;

	if ((s32)tgid <= 0 || (s32)tid <= 0)
		return -EINVAL;
	if (!is_own(tgid))
		return forward(ABI_NR_rt_tgsigqueueinfo, tgid, tid, signo, addr);
	err = info_read(&info, addr, signo);
	return err ? err : send_own((u32)tid, &info);
}
