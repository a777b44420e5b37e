/* SPDX-License-Identifier: MIT */
/*
 * Signals of the current thread: its masks, faults, and what happens on the way back to the
 * program.
 */
#include "guest-lwk/gate.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sigframe.h"
#include "guest-lwk/signal_queue.h"
#include "guest-lwk/sys_signal.h"
#include "guest-lwk/vfork.h"

#define SYSCALL_BYTES 2 /* 0f 05 */

static u64 pending_set(const struct thread *t)
{
	return READ_ONCE(t->signals.pending.set) | READ_ONCE(t->proc->sighand.shared.set);
}

bool signal_pending_now(void)
{
	const struct thread *t = current_thread();

	return READ_ONCE(t->signals.work) &&
	       pending_set(t) & (~t->signals.blocked | t->signals.waited);
}

void signal_recalc(struct thread *t)
{
	WRITE_ONCE(t->signals.work, t->signals.restore_saved || vfork_over(t) ||
					    pending_set(t) & ~t->signals.blocked);
}

/* ---- masks ---- */

static void block_locked(struct thread *t, u64 blocked)
{
	u64 newly;

	blocked &= ~SIGS_NEVER_BLOCKED;
	newly = blocked & ~t->signals.blocked;
	t->signals.blocked = blocked;
	if (newly)
		signal_retarget(t, newly);
	signal_recalc(t);
}

void signal_block(u64 blocked)
{
	struct thread *t = current_thread();

	spin_lock(&t->proc->lock);
	block_locked(t, blocked);
	spin_unlock(&t->proc->lock);
}

void signal_mask_swap(u64 mask)
{
	struct thread *t = current_thread();

	t->signals.saved_blocked = t->signals.blocked;
	signal_block(mask);
}

void signal_mask_back(bool interrupted)
{
	struct thread *t = current_thread();

	if (!interrupted) {
		signal_block(t->signals.saved_blocked);
		return;
	}
	/*
	 * The signal that came is delivered under the call's mask; signal_deliver() puts the
	 * old one back.
	 */
	t->signals.restore_saved = true;
	t->signals.work = true;
}

/* ---- faults ---- */

void signal_fault(struct regs *regs, s32 signo, s32 code, u64 addr)
{
	struct thread *t = current_thread();
	struct process *proc = t->proc;
	struct sigaction_k *action = &proc->sighand.action[signo];
	const struct ksiginfo info = {.signo = signo, .code = code, .value = addr};

	if (t->vfork) {
		vfork_leave((u32)signo);
		return;
	}
	spin_lock(&proc->lock);
	/* The instruction cannot go on: who blocks or ignores this dies of it. */
	if (t->signals.blocked & SIGMASK(signo) || action->handler == SIG_IGN) {
		action->handler = SIG_DFL;
		t->signals.blocked &= ~SIGMASK(signo);
	}
	if (!(t->signals.pending.set & SIGMASK(signo)))
		sigqueue_put(proc, &t->signals.pending, &info);
	t->signals.work = true;
	spin_unlock(&proc->lock);
}

/* ---- delivery ---- */

/* An interrupted system call is made again, or says EINTR. action NULL: no handler runs. */
static void settle_call(struct regs *regs, const struct sigaction_k *action)
{
	bool again;

	if (regs->orig_rax == ~0ULL)
		return;
	switch (-(s64)regs->rax) {
	case ERESTART:
		again = !action || action->flags & SA_RESTART;
		break;
	case ERESTARTNOHAND:
		again = !action;
		break;
	case ERESTARTNOINTR:
		again = true;
		break;
	default:
		return;
	}
	if (again) {
		regs->rax = regs->orig_rax;
		regs->rip -= SYSCALL_BYTES;
	} else {
		regs->rax = (u64)-EINTR;
	}
	regs->orig_rax = ~0ULL;
}

/* Takes the next unblocked signal out, with its action. False: none. */
static bool take(struct thread *t, struct ksiginfo *info, struct sigaction_k *action)
{
	struct process *proc = t->proc;
	u64 own = t->signals.pending.set & ~t->signals.blocked;
	u64 shared = proc->sighand.shared.set & ~t->signals.blocked;
	struct sigaction_k *at;

	if (!own && !shared)
		return false;
	if (own)
		sigqueue_take(proc, &t->signals.pending, sigqueue_first(own), info);
	else
		sigqueue_take(proc, &proc->sighand.shared, sigqueue_first(shared), info);
	at = &proc->sighand.action[info->signo];
	*action = *at;
	if (at->handler > SIG_IGN && at->flags & SA_RESETHAND)
		at->handler = SIG_DFL;
	return true;
}

/*
 * The program stops itself: its threads stay in the kernel from now on, and the proxy, which is
 * told, stops as natively, so that the shell sees it. process.c lets them go on when the host
 * says so.
 */
static void stop(struct process *proc, s32 signo)
{
	WRITE_ONCE(proc->stopped, true);
	store_release(&proc->share->stop_signal, (u32)signo);
	outl(ABI_PORT_BELL, ABI_BELL_PROC(proc->index));
	process_kick(proc);
}

static void run_handler(struct thread *t, struct regs *regs, const struct ksiginfo *info,
	const struct sigaction_k *action)
{
	struct signals *s = &t->signals;
	u64 mask = s->restore_saved ? s->saved_blocked : s->blocked;
	s64 err;

	gate_leave(regs);
	settle_call(regs, action);
	err = sigframe_push(t, regs, info, action, mask);
	spin_lock(&t->proc->lock);
	s->restore_saved = false;
	if (err) {
		/*
		 * No stack for the frame: SIGSEGV, and if that was what did not fit, the end.
		 */
		if (info->signo == SIGSEGV)
			t->proc->sighand.action[SIGSEGV].handler = SIG_DFL;
		spin_unlock(&t->proc->lock);
		signal_fault(regs, SIGSEGV, SI_KERNEL, 0);
		return;
	}
	block_locked(t, s->blocked | action->mask |
				(action->flags & SA_NODEFER ? 0 : SIGMASK(info->signo)));
	spin_unlock(&t->proc->lock);
}

/* No signal is left, or the process stops: the call that was interrupted goes on. */
static void deliver_none(struct thread *t, struct regs *regs)
{
	struct signals *s = &t->signals;

	settle_call(regs, NULL);
	if (s->restore_saved) {
		s->restore_saved = false;
		block_locked(t, s->saved_blocked);
	}
	signal_recalc(t);
}

void signal_deliver(struct regs *regs)
{
	struct thread *t = current_thread();
	struct process *proc = t->proc;
	struct sigaction_k action;
	struct ksiginfo info;

	if (vfork_over(t)) {
		vfork_end(t, regs);
		return; /* if more is to do, work is set */
	}
	spin_lock(&proc->lock);
	while (take(t, &info, &action)) {
		if (signal_ignored(action.handler, info.signo))
			continue;
		if (action.handler <= SIG_IGN && SIGMASK(info.signo) & SIGS_STOP) {
			stop(proc, info.signo);
			break; /* work is still set: we come back after the stop */
		}
		spin_unlock(&proc->lock);
		if (action.handler == SIG_DFL)
			process_exit(proc, (u32)info.signo);
		else
			run_handler(t, regs, &info, &action);
		return;
	}
	if (!proc->stopped)
		deliver_none(t, regs);
	spin_unlock(&proc->lock);
}

/* ---- life ---- */

void signal_init(struct process *proc, u64 ignored)
{
	struct sighand *sighand = &proc->sighand;

	sigqueue_drop(proc, &sighand->shared, ~0ULL);
	memset(sighand->action, 0, sizeof(sighand->action));
	ignored &= ~SIGS_NEVER_BLOCKED;
	for (; ignored; ignored &= ignored - 1)
		sighand->action[__builtin_ctzll(ignored) + 1].handler = SIG_IGN;
}

void signal_exit_thread(struct thread *t)
{
	struct process *proc = t->proc;

	spin_lock(&proc->lock);
	sigqueue_drop(proc, &t->signals.pending, ~0ULL);
	t->signals.waited = 0;
	t->signals.closed = true;
	block_locked(t, ~0ULL);
	spin_unlock(&proc->lock);
}
