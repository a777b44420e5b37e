/* SPDX-License-Identifier: MIT */
#include "guest-lwk/vfork.h"
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/clone.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/signal_queue.h"
#include "guest-lwk/sys_misc.h"

struct sigaction_k *vfork_actions(struct thread *t)
{
	return t->vfork ? t->vfork->action : t->proc->sighand.action;
}

/* What will be the parent's again; its signals wait until then. */
static void parent_save(struct thread *t, struct vfork *v)
{
	struct signals *s = &t->signals;

	v->regs = *thread_regs(t);
	v->fsbase = fsbase_read();
	v->gsbase = rdmsr(MSR_KERNEL_GS_BASE);
	v->blocked = v->mask = s->blocked;
	v->alt_sp = s->alt_sp;
	v->alt_size = s->alt_size;
	v->alt_flags = s->alt_flags;
	v->clear_child_tid = t->clear_child_tid;
	v->robust_list = t->robust_list;
	v->affinity = t->affinity;
	spin_lock(&t->proc->lock);
	memcpy(v->limits, t->proc->limits, sizeof(v->limits));
	memcpy(v->action, t->proc->sighand.action, sizeof(v->action));
	spin_unlock(&t->proc->lock);
	signal_block(~0ULL);
}

static void child_begin(struct thread *t, struct vfork *v, const struct new_thread *new)
{
	t->clear_child_tid = t->robust_list = 0;
	t->vfork = v;
	if (new->flags & CLONE_CLEAR_SIGHAND)
		for (u32 n = 1; n <= NSIG; n++)
			if (v->action[n].handler != SIG_IGN)
				v->action[n].handler = SIG_DFL;
	if (new->stack)
		thread_regs(t)->rsp = new->stack;
	if (new->flags & CLONE_SETTLS)
		fsbase_write(new->tls);
	if (new->flags & CLONE_PARENT_SETTID)
		user_write_u32(new->parent_tid, v->pid);
	if (new->flags & CLONE_CHILD_SETTID)
		user_write_u32(new->child_tid, v->pid);
}

/* Its program will need a place in the guest. Another may take it first: then execve() waits.
 */
static bool row_free(void)
{
	for (u32 i = 0; i < ABI_MAX_PROCS; i++)
		if (READ_ONCE(machine.share->proc[i].state) == ABI_PROC_FREE)
			return true;
	return false;
}

s64 vfork_begin(const struct new_thread *new)
{
	const u64 arg[6] = {new->exit_signal};
	struct thread *t = current_thread();
	struct vfork *v;
	s64 ret;

	if (t->vfork || !row_free())
		return -EAGAIN;
	v = kmem_alloc(sizeof(*v));
	if (!v)
		return -ENOMEM;
	ret = syscall_proxy(ABI_CALL_VFORK, arg);
	v->pid = (u32)machine.share->mbox[t->slot].arg[0];
	if (ret) {
		/* Killed before its first step: the parent learns of that by wait(). */
		if (ret == ABI_VFORK_OVER)
			ret = v->pid;
		kmem_free(v, sizeof(*v));
		return ret;
	}
	parent_save(t, v);
	child_begin(t, v, new);
	return 0;
}

void vfork_end(struct thread *t, struct regs *regs)
{
	struct vfork *v = t->vfork;
	struct signals *s = &t->signals;

	*regs = v->regs;
	regs->rax = v->pid;
	regs->orig_rax = ~0ULL;
	fsbase_write(v->fsbase);
	wrmsr(MSR_KERNEL_GS_BASE, v->gsbase);
	s->alt_sp = v->alt_sp;
	s->alt_size = v->alt_size;
	s->alt_flags = v->alt_flags;
	t->clear_child_tid = v->clear_child_tid;
	t->robust_list = v->robust_list;
	spin_lock(&t->proc->lock);
	memcpy(t->proc->limits, v->limits, sizeof(v->limits));
	t->move_asked |= t->affinity != v->affinity;
	t->affinity = v->affinity;
	s->restore_saved = false;
	spin_unlock(&t->proc->lock);
	t->vfork = NULL;
	/* What has come for the parent meanwhile is delivered from here on. */
	signal_block(v->blocked);
	kmem_free(v, sizeof(*v));
}

void vfork_drop(struct thread *t)
{
	struct vfork *v = t->vfork;

	t->vfork = NULL;
	if (v)
		kmem_free(v, sizeof(*v));
}

void vfork_leave(u32 wait_status)
{
	const u64 arg[6] = {wait_status};

	/* The answer is ABI_VFORK_OVER (fwd.c), whoever has ended the child. */
	syscall_proxy(ABI_CALL_LEAVE, arg);
}

s64 vfork_signal(s32 signo)
{
	struct vfork *v = current_thread()->vfork;
	const u64 arg[6] = {v->pid, (u64)signo};

	if (signo < 0 || signo > NSIG)
		return -EINVAL;
	/* Blocked, it stays pending in the child's host process, and with the next program. */
	if (!signo || (v->mask & SIGMASK(signo) && !(SIGMASK(signo) & SIGS_NEVER_BLOCKED)))
		return signo ? syscall_forward(ABI_NR_kill, arg) : 0;
	if (v->action[signo].handler == SIG_DFL &&
		!(SIGMASK(signo) & (SIGS_IGNORED | SIGS_STOP)))
		vfork_leave((u32)signo);
	return 0;
}
