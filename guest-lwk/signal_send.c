/* SPDX-License-Identifier: MIT */
/* Signals on their way to a thread. */
#include "guest-lwk/fwd.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/signal_queue.h"

bool signal_ignored(u64 handler, s32 signo)
{
	return handler == SIG_IGN || (handler == SIG_DFL && SIGMASK(signo) & SIGS_IGNORED);
}

/* Signals that reach t now: not blocked, or waited for by sigtimedwait(). */
static u64 open_set(const struct thread *t)
{
	return ~t->signals.blocked | t->signals.waited;
}

void signal_wake(struct thread *t)
{
	WRITE_ONCE(t->signals.work, true);
	if (t == current_thread())
		return;
	/*
	 * The flag, full fence, then what the thread does. It says what it waits for before it
	 * looks at the flag (sched_prepare, fwd_call): one of the two sees the other.
	 */
	fence_full();
	if (READ_ONCE(t->wait) == WAIT_FORWARD)
		fwd_cancel(t);
	else
		sched_wake(t);
	core_kick(READ_ONCE(t->core));
}

/*
 * A thread of proc that signo reaches: the leader if it can be, else one that waits for it,
 * else any.
 */
static struct thread *choose(struct process *proc, s32 signo)
{
	struct thread *found = NULL;

	for (struct thread *t = proc->threads; t; t = t->next) {
		if (!(open_set(t) & SIGMASK(signo)))
			continue;
		if (t->tid == proc->pid || t->signals.waited & SIGMASK(signo))
			return t;
		found = t;
	}
	return found;
}

void signal_retarget(struct thread *t, u64 newly_blocked)
{
	u64 set = t->proc->sighand.shared.set & newly_blocked;

	for (; set; set &= set - 1) {
		struct thread *other = choose(t->proc, (s32)__builtin_ctzll(set) + 1);

		if (other && other != t)
			signal_wake(other);
	}
}

/* Stop signals and SIGCONT cancel each other while they are pending. */
static void cancel_opposite(struct process *proc, s32 signo)
{
	u64 drop = 0;

	if (SIGMASK(signo) & SIGS_STOP)
		drop = SIGMASK(SIGCONT);
	else if (signo == SIGCONT)
		drop = SIGS_STOP;
	if (!drop)
		return;
	sigqueue_drop(proc, &proc->sighand.shared, drop);
	for (struct thread *t = proc->threads; t; t = t->next)
		sigqueue_drop(proc, &t->signals.pending, drop);
}

s64 signal_send_locked(struct process *proc, struct thread *t, const struct ksiginfo *info)
{
	struct thread *target = t;
	s64 err;

	if (proc->exiting || (t && t->signals.closed))
		return 0;
	cancel_opposite(proc, info->signo);
	if (!t)
		target = choose(proc, info->signo);
	/*
	 * Blocked ones are kept even if they are ignored: the action may change before they are
	 * unblocked.
	 */
	if (target && !(target->signals.blocked & SIGMASK(info->signo)) &&
		signal_ignored(proc->sighand.action[info->signo].handler, info->signo))
		return 0;
	err = sigqueue_put(proc, t ? &t->signals.pending : &proc->sighand.shared, info);
	if (!err && target && open_set(target) & SIGMASK(info->signo))
		signal_wake(target);
	return err;
}

s64 signal_send_process(struct process *proc, const struct ksiginfo *info)
{
	s64 ret;

	if (info->signo == SIGKILL) {
		process_exit(proc, SIGKILL);
		return 0;
	}
	spin_lock(&proc->lock);
	ret = signal_send_locked(proc, NULL, info);
	spin_unlock(&proc->lock);
	return ret;
}

s64 signal_send_thread(struct thread *t, const struct ksiginfo *info)
{
	struct process *proc = t->proc;
	s64 ret;

	if (info->signo == SIGKILL) {
		process_exit(proc, SIGKILL);
		return 0;
	}
	spin_lock(&proc->lock);
	ret = signal_send_locked(proc, t, info);
	spin_unlock(&proc->lock);
	return ret;
}

/*
 * The proxy writes sig[n] only while bit n is clear: the info is read before the bit is given
 * back.
 */
void signal_from_host(struct process *proc)
{
	struct abi_proc *p = proc->share;
	u64 set = load_acquire(&p->sig_pending);

	if (!set)
		return;
	/* Before the bits go, by a locked instruction: who sees one gone sees this, or its end.
	 */
	WRITE_ONCE(p->sig_taking, 1);
	for (; set; set &= set - 1) {
		s32 signo = (s32)__builtin_ctzll(set) + 1;
		const struct abi_siginfo *from = &p->sig[signo];
		const struct ksiginfo info = {
			.signo = signo,
			.errnum = from->errnum,
			.code = from->code,
			.pid = from->pid,
			.uid = (u32)from->uid,
			.status = from->status,
			.value = from->value,
		};

		__atomic_fetch_and(&p->sig_pending, ~SIGMASK(signo), __ATOMIC_RELEASE);
		signal_send_process(proc, &info);
	}
	store_release(&p->sig_taking, 0);
}
