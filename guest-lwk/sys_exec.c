/* SPDX-License-Identifier: MIT */
/*
 * execve(): the proxy finds the program and becomes its proxy, a new one with the same pid; to
 * us that is the end of this process and the beginning of another
 * (docs/decisions/0007-processes.md).
 */
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/bequest.h"
#include "guest-lwk/itimer.h"
#include "guest-lwk/process.h"
#include "guest-lwk/sys.h"
#include "guest-lwk/sys_misc.h"
#include "guest-lwk/vfork.h"

#define AT_FDCWD ((u64)-100)

static u64 ignored_set(const struct sigaction_k *action)
{
	u64 set = 0;

	for (u32 n = 1; n <= NSIG; n++)
		if (action[n].handler == 1 /* SIG_IGN */)
			set |= SIGMASK(n);
	return set;
}

static u64 pending_set(const struct thread *t)
{
	return t->signals.pending.set | t->proc->sighand.shared.set;
}

void bequest_pending(struct process *proc)
{
	const struct thread *t = proc->execs;

	if (t)
		WRITE_ONCE(machine.share->bequest[t->slot].sig_pending, pending_set(t));
}

/* Of several threads the first: the others' calls fail, or are lost with their threads. */
static void execs_set(struct thread *t, bool execs)
{
	struct process *proc = t->proc;

	if (t->vfork)
		return;
	spin_lock(&proc->lock);
	if (proc->execs == (execs ? NULL : t))
		proc->execs = execs ? t : NULL;
	spin_unlock(&proc->lock);
}

void bequest_fill(struct thread *t)
{
	struct abi_bequest *b = &machine.share->bequest[t->slot];
	struct process *proc = t->proc;

	spin_lock(&proc->lock);
	b->sig_blocked = t->vfork ? t->vfork->mask : t->signals.blocked;
	b->sig_ignored = ignored_set(vfork_actions(t));
	b->sig_pending = 0;
	if (!t->vfork)
		b->sig_pending = pending_set(t);
	b->affinity = t->affinity;
	memcpy(b->limit, proc->limits, sizeof(b->limit));
	/* A child has none, and keeps none. */
	if (t->vfork)
		b->alarm = (struct abi_alarm){0};
	else
		itimer_bequeath(proc, &b->alarm);
	spin_unlock(&proc->lock);
}

/* The host reads what has a block: a list that was never written to may have none yet. */
static void commit(struct process *proc, u64 addr)
{
	if (addr)
		mm_check(proc, addr, sizeof(u64), ABI_PROT_R);
}

s64 sys_execveat(u64 folder, u64 path, u64 argv, u64 envp, u64 flags)
{
	const u64 arg[6] = {path, argv, envp, folder, flags};
	struct thread *t = current_thread();
	s64 ret;

	execs_set(t, true);
	bequest_fill(t);
	commit(t->proc, path);
	commit(t->proc, argv);
	commit(t->proc, envp);
	ret = syscall_proxy(ABI_CALL_EXEC, arg);
	execs_set(t, false);
	return ret;
}

s64 sys_execve(u64 path, u64 argv, u64 envp)
{
	return sys_execveat(AT_FDCWD, path, argv, envp, 0);
}
