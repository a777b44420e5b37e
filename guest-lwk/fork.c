/* SPDX-License-Identifier: MIT */
#include "guest-lwk/fork.h"
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/process_exec.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sys_misc.h"

s64 fork_begin(const struct new_thread *new)
{
	bool tell = new->flags &CLONE_CHILD_SETTID;
	const u64 arg[6] = {new->exit_signal, tell ? new->child_tid : 0};
	struct thread *t = current_thread();
	struct forking forking = {
		.new = *new,
		.fp = fp_control_read(),
		.fsbase = fsbase_read(),
		.gsbase = rdmsr(MSR_KERNEL_GS_BASE),
	};
	s64 pid;

	if (t->vfork)
		return -EAGAIN;
	/* The proxy writes the child's id into the copy, where the page is then. */
	if (tell)
		mm_check(t->proc, new->child_tid, sizeof(u32), ABI_PROT_R | ABI_PROT_W);
	/* A thread that is ended in its call does not come back from it: mm_window_wait.c. */
	mm_window_hold(t->proc);
	store_release(&t->forking, &forking);
	pid = syscall_proxy(ABI_CALL_FORK, arg);
	WRITE_ONCE(t->forking, NULL);
	mm_window_release(t->proc);
	if (pid > 0 && new->flags & CLONE_PARENT_SETTID)
		user_write_u32(new->parent_tid, (u32)pid);
	return pid;
}

/* What the thread left where it waits in fork(). NULL: it does not, or not any more. */
static const struct forking *forking_of(const struct process *from, const struct thread *t)
{
	if (!READ_ONCE(from->live) || READ_ONCE(from->exiting) || READ_ONCE(t->proc) != from)
		return NULL;
	return load_acquire(&t->forking);
}

/* While the thread waits in its call, its registers and settings stand still. */
static void image_take(
	struct forked *image, const struct thread *t, const struct forking *forking)
{
	const struct new_thread *new = &forking->new;

	image->regs = *thread_regs((struct thread *)t);
	image->regs.rax = 0;
	image->regs.orig_rax = ~0ULL;
	if (new->stack)
		image->regs.rsp = new->stack;
	image->fp = forking->fp;
	image->fsbase = new->flags &CLONE_SETTLS ? new->tls : forking->fsbase;
	image->gsbase = forking->gsbase;
	image->clear_child_tid = new->flags &CLONE_CHILD_CLEARTID ? new->child_tid : 0;
	image->blocked = t->signals.blocked;
	image->alt_sp = t->signals.alt_sp;
	image->alt_size = t->signals.alt_size;
	image->alt_flags = t->signals.alt_flags;
	image->affinity = t->affinity;
	image->policy = t->policy;
	image->interleaved = t->interleaved;
}

static void settings_take(struct process *proc, struct process *from, bool clear)
{
	spin_lock(&from->lock);
	memcpy(proc->limits, from->limits, sizeof(proc->limits));
	memcpy(proc->sighand.action, from->sighand.action, sizeof(proc->sighand.action));
	spin_unlock(&from->lock);
	proc->affinity = from->affinity;
	for (u32 n = 1; clear && n <= NSIG; n++)
		if (proc->sighand.action[n].handler > 1 /* SIG_IGN */)
			proc->sighand.action[n].handler = 0;
}

/*
 * Whatever the proxy says: the thread must be one that forks. And it may cease to be at any
 * time: killed, or answered because our proxy has died meanwhile. What it left is on its kernel
 * stack, which stays memory of the kernel, so that it can be read, though it may be something
 * else's by then. So thread.forking is read once, and once more after the copy: if the thread
 * still waits there all that was read was right, and else nothing of it is used. (If it waits
 * there again, for a later copy, this one's proxy is dead, and no thread begins with it.)
 */
s64 fork_map(struct process *proc)
{
	u32 index = proc->share->fork_proc - 1, slot = proc->share->fork_slot;
	struct process *from = &processes[index % ABI_MAX_PROCS];
	const struct thread *t = &threads[slot % ABI_MAX_THREADS];
	const struct forking *forking;
	struct forked *image;
	bool clear;

	if (index >= ABI_MAX_PROCS || from == proc || !from->mm)
		return -EAGAIN;
	forking = forking_of(from, t);
	if (!forking)
		return -EAGAIN;
	image = kmem_alloc(sizeof(*image));
	if (!image)
		return -ENOMEM;
	proc->forked = image;
	clear = forking->new.flags &CLONE_CLEAR_SIGHAND;
	image_take(image, t, forking);
	fence_full();
	if (forking_of(from, t) != forking)
		return -EAGAIN;
	settings_take(proc, from, clear);
	return mm_fork(proc, from, &image->holes);
}

void fork_go(struct process *proc, struct thread *t)
{
	const struct forked *image = proc->forked;

	if (image->holes)
		mm_fork_clean(proc->mm);
	*thread_regs(t) = image->regs;
	t->fsbase = image->fsbase;
	t->gsbase = image->gsbase;
	t->clear_child_tid = image->clear_child_tid;
	t->signals.blocked = image->blocked;
	t->signals.alt_sp = image->alt_sp;
	t->signals.alt_size = image->alt_size;
	t->signals.alt_flags = image->alt_flags;
	t->affinity = image->affinity;
	t->policy = image->policy;
	t->interleaved = image->interleaved;
	if (fp_control_give(t, &image->fp))
		printk("process %u: no memory for its floating-point modes", proc->pid);
	fork_drop(proc);
}

void fork_drop(struct process *proc)
{
	if (proc->forked)
		kmem_free(proc->forked, sizeof(*proc->forked));
	proc->forked = NULL;
}
