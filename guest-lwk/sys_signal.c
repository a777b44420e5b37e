/* SPDX-License-Identifier: MIT */
#include "guest-lwk/sys_signal.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sigframe.h"
#include "guest-lwk/signal_queue.h"
#include "guest-lwk/vdso/read.h"

#define SIGSET_SIZE sizeof(u64)
#define MINSIGSTKSZ 2048

/* SA_NOCLDSTOP NOCLDWAIT SIGINFO EXPOSE_TAGBITS RESTORER ONSTACK RESTART NODEFER RESETHAND:
 * others are forgotten, so that programs can ask whether they are known (SA_UNSUPPORTED). */
#define SA_KNOWN 0xdc000807ULL

enum { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };

/* ---- actions and masks ---- */

/* What is pending and will be ignored from now on goes away. */
static void action_set(struct process *proc, s32 signo, const struct sigaction_k *new)
{
	proc->sighand.action[signo] = *new;
	proc->sighand.action[signo].flags &= SA_KNOWN;
	proc->sighand.action[signo].mask &= ~SIGS_NEVER_BLOCKED;
	if (!signal_ignored(new->handler, signo))
		return;
	sigqueue_drop(proc, &proc->sighand.shared, SIGMASK(signo));
	for (struct thread *t = proc->threads; t; t = t->next)
		sigqueue_drop(proc, &t->signals.pending, SIGMASK(signo));
}

s64 sys_rt_sigaction(u64 signo, u64 new_action, u64 old_action, u64 size)
{
	struct process *proc = current_thread()->proc;
	struct sigaction_k new, old;
	s32 n = (s32)signo;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (new_action && user_read(&new, new_action, sizeof(new)))
		return -EFAULT;
	if (n < 1 || n > NSIG || (new_action && SIGMASK(n) & SIGS_NEVER_BLOCKED))
		return -EINVAL;
	spin_lock(&proc->lock);
	old = proc->sighand.action[n];
	if (new_action)
		action_set(proc, n, &new);
	spin_unlock(&proc->lock);
	return old_action ? user_write(old_action, &old, sizeof(old)) : 0;
}

s64 sys_rt_sigprocmask(u64 how, u64 new_set, u64 old_set, u64 size)
{
	u64 old = current_thread()->signals.blocked, set;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (new_set) {
		if (user_read(&set, new_set, sizeof(set)))
			return -EFAULT;
		if ((u32)how > SIG_SETMASK)
			return -EINVAL;
		if ((u32)how == SIG_BLOCK)
			set |= old;
		else if ((u32)how == SIG_UNBLOCK)
			set = old & ~set;
		signal_block(set);
	}
	return old_set ? user_write(old_set, &old, sizeof(old)) : 0;
}

s64 sys_rt_sigpending(u64 set, u64 size)
{
	struct thread *t = current_thread();
	u64 pending;

	if (size > SIGSET_SIZE)
		return -EINVAL;
	spin_lock(&t->proc->lock);
	pending = (t->signals.pending.set | t->proc->sighand.shared.set) & t->signals.blocked;
	spin_unlock(&t->proc->lock);
	return user_write(set, &pending, size);
}

/* ---- waiting ---- */

/*
 * Until a signal comes, or the alarm that is set for `until` on the monotonic clock (0: none)
 * rings.
 */
static void wait_signal(u64 until)
{
	struct thread *t = current_thread();

	for (;;) {
		t->wait = WAIT_SIGNAL;
		sched_prepare();
		if (sched_interrupted() || (until && alarm_rang(ABI_CLOCK_MONOTONIC, until)))
			break;
		schedule();
	}
	sched_cancel();
	t->wait = WAIT_NONE;
}

s64 sys_pause(void)
{
	wait_signal(0);
	return -ERESTARTNOHAND;
}

s64 sys_rt_sigsuspend(u64 mask, u64 size)
{
	u64 blocked;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (user_read(&blocked, mask, sizeof(blocked)))
		return -EFAULT;
	signal_mask_swap(blocked);
	wait_signal(0);
	signal_mask_back(true);
	return -ERESTARTNOHAND;
}

/* Takes one signal of set that is pending, blocked or not. 0: none. */
static s32 take_one(struct thread *t, u64 set, struct ksiginfo *info)
{
	struct process *proc = t->proc;
	struct sigpending *p = &t->signals.pending;
	s32 signo = 0;

	spin_lock(&proc->lock);
	if (!(p->set & set))
		p = &proc->sighand.shared;
	if (p->set & set) {
		signo = sigqueue_first(p->set & set);
		sigqueue_take(proc, p, signo, info);
		signal_recalc(t);
	}
	spin_unlock(&proc->lock);
	return signo;
}

/*
 * As signal_wake() leaves it to a sleeper that looks at its own flag: work is set before the
 * set is read.
 */
static void waited_set(struct thread *t, u64 set)
{
	spin_lock(&t->proc->lock);
	t->signals.waited = set;
	if (set)
		t->signals.work = true;
	else
		signal_recalc(t);
	spin_unlock(&t->proc->lock);
}

static s32 wait_one(struct thread *t, u64 set, struct ksiginfo *info, u64 until)
{
	s32 signo;

	waited_set(t, set);
	if (until)
		alarm_set(ABI_CLOCK_MONOTONIC, until);
	wait_signal(until);
	if (until)
		alarm_clear();
	waited_set(t, 0);
	signo = take_one(t, set, info);
	return signo;
}

static s64 sigtimedwait(u64 set, u64 timeout, struct ksiginfo *info)
{
	struct thread *t = current_thread();
	u64 ns = 0, now = 0;
	s32 signo;
	s64 err = timeout ? user_read_timespec(timeout, &ns) : 0;

	if (err)
		return err;
	signo = take_one(t, set, info);
	if (signo || (timeout && !ns))
		return signo ? signo : -EAGAIN;
	if (timeout && clock_ns(ABI_CLOCK_MONOTONIC, &now))
		return -EINVAL;
	signo = wait_one(t, set, info, timeout ? now + MIN(ns, ~0ULL - now) : 0);
	if (signo)
		return signo;
	return sched_interrupted() ? -EINTR : -EAGAIN;
}

s64 sys_rt_sigtimedwait(u64 set, u64 info, u64 timeout, u64 size)
{
	struct sigframe_info user_info;
	struct ksiginfo taken;
	u64 wanted;
	s64 ret;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (user_read(&wanted, set, sizeof(wanted)))
		return -EFAULT;
	ret = sigtimedwait(wanted & ~SIGS_NEVER_BLOCKED, timeout, &taken);
	if (ret <= 0 || !info)
		return ret;
	sigframe_info_fill(&user_info, &taken);
	return user_write(info, &user_info, sizeof(user_info)) ? -EFAULT : ret;
}

/* ---- frames and stacks ---- */

s64 sys_rt_sigreturn(void)
{
	struct thread *t = current_thread();
	struct regs *regs = thread_regs(t);
	u64 mask;

	if (sigframe_pop(t, regs, &mask)) {
		regs->orig_rax = ~0ULL;
		signal_fault(regs, SIGSEGV, SI_KERNEL, 0);
		return 0;
	}
	signal_block(mask);
	return (s64)regs->rax;
}

static s64 altstack_set(struct signals *s, const struct sigframe_stack *stack)
{
	u32 mode = stack->flags & ~SS_AUTODISARM;

	if (mode != 0 && mode != SS_ONSTACK && mode != SS_DISABLE)
		return -EINVAL;
	if (mode != SS_DISABLE && stack->size < MINSIGSTKSZ)
		return -ENOMEM;
	s->alt_sp = mode == SS_DISABLE ? 0 : stack->sp;
	s->alt_size = mode == SS_DISABLE ? 0 : stack->size;
	s->alt_flags = stack->flags & SS_AUTODISARM;
	return 0;
}

s64 sys_sigaltstack(u64 new_stack, u64 old_stack)
{
	struct thread *t = current_thread();
	struct sigframe_stack stack;
	u64 sp = thread_regs(t)->rsp;
	const struct sigframe_stack old = {
		.sp = t->signals.alt_sp,
		.flags = sigframe_altstack_state(t, sp) | t->signals.alt_flags,
		.size = t->signals.alt_size,
	};
	s64 err;

	if (new_stack) {
		if (user_read(&stack, new_stack, sizeof(stack)))
			return -EFAULT;
		if (sigframe_on_altstack(t, sp))
			return -EPERM;
		err = altstack_set(&t->signals, &stack);
		if (err)
			return err;
	}
	return old_stack ? user_write(old_stack, &old, sizeof(old)) : 0;
}
