/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom while mm.lock is not held. There are two reasons to wait.
 *
 * A part is VMA_PENDING: a call is under way that maps it, or takes it away. Its owner's call
 * ends whatever becomes of the process (fwd_call_whole), and so does the wait.
 *
 * A fork is under way. The host's fork copies what the proxy has mapped, and core 0 copies
 * entries later (mm_fork.c): both must see the same of the window, as under Linux's lock of the
 * address space. So a fork begins when no change of the window is under way, and until it is
 * over none begins: no new mapping (mm_window_change), and nothing that would take one away
 * (mm_window_settle; this does not wait while the fork itself waits for changes, one of which
 * may be its caller's). Only one thread forks at a time, and who waits to make a change goes
 * before the next one that forks, so that forks in a row hold nobody up for good.
 * A thread may be ended in its fork, when its process is: mm.forking stays set then, and
 * `exiting`, which was stored before, ends these waits. What they did not wait for is of no
 * account: the copy is not made if core 0 sees `exiting` under mm.lock (mm_fork), and if it
 * does not, nobody has come past by then.
 *
 * No wake-up is lost. A waiter is in mm.waiters, and declares itself blocked and looks once
 * more before it gives mm.lock up; who ends what others wait for does so under that lock, and
 * wakes those in the list before it gives it up. So process.lock is not needed here, and must
 * not be: it comes before mm.lock (lock.h), which is held. process_exit() does not hold that;
 * it stores `exiting` and then looks, past a full fence, which threads are blocked; the waiter
 * declares itself blocked, full fence (sched_prepare), and then reads `exiting`.
 */
#include "guest-lwk/mm_window.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/vma.h"

struct range {
	u64 start, end;
};

/* On the waiting thread's kernel stack, in a list under mm.lock. */
struct mm_waiter {
	struct thread *thread;
	struct mm_waiter *next;
};

static void waiter_remove(struct mm *mm, const struct mm_waiter *waiter)
{
	struct mm_waiter **at = &mm->waiters;

	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
}

static bool wait_while(struct process *proc,
	bool (*held)(const struct process *proc, struct range), struct range range)
{
	struct thread *t = current_thread();
	struct mm *mm = proc->mm;
	struct mm_waiter me = {.thread = t, .next = mm->waiters};

	if (!held(proc, range))
		return false;
	t->wait = WAIT_MAPPING;
	mm->waiters = &me;
	for (sched_prepare(); held(proc, range); sched_prepare()) {
		spin_unlock(&mm->lock);
		schedule();
		spin_lock(&mm->lock);
	}
	sched_cancel();
	waiter_remove(mm, &me);
	t->wait = WAIT_NONE;
	return true;
}

/* The same, for one who is to change something. */
static bool wait_to_change(struct process *proc,
	bool (*held)(const struct process *proc, struct range), struct range range)
{
	struct mm *mm = proc->mm;

	mm->waiting++;
	bool waited = wait_while(proc, held, range);

	/* Who is to fork may have waited for us. */
	if (!--mm->waiting && waited)
		mm_window_wake(mm);
	return waited;
}

static bool forking(const struct process *proc)
{
	return proc->mm->forking && !READ_ONCE(proc->exiting);
}

/* And does not wait any more for changes that had begun. */
static bool copying(const struct process *proc)
{
	return forking(proc) && !proc->mm->changes;
}

bool mm_window_pending(struct mm *mm, u64 start, u64 end)
{
	const struct vma *vma = vma_find_above(mm, start);

	while (vma && vma->start < end && !(vma->flags & VMA_PENDING))
		vma = vma->next;
	return vma && vma->start < end;
}

static bool settling(const struct process *proc, struct range r)
{
	struct mm *mm = proc->mm;

	return mm_window_pending(mm, r.start, r.end) ||
	       (copying(proc) && mm_window_meets(mm, r.start, r.end));
}

bool mm_window_settle(struct process *proc, u64 start, u64 end)
{
	return unlikely(proc->mm->windows) &&
	       wait_to_change(proc, settling, (struct range){start, end});
}

void mm_window_wake(struct mm *mm)
{
	for (const struct mm_waiter *waiter = mm->waiters; waiter; waiter = waiter->next)
		sched_wake(waiter->thread);
}

/* ---- changes and forks ---- */

static bool no_change(const struct process *proc, struct range unused)
{
	(void)unused;
	return forking(proc);
}

void mm_window_change(struct process *proc)
{
	wait_to_change(proc, no_change, (struct range){0});
	proc->mm->changes++;
}

void mm_window_changed(struct process *proc)
{
	struct mm *mm = proc->mm;

	spin_lock(&mm->lock);
	mm->changes--;
	if (mm->forking)
		mm_window_wake(mm);
	spin_unlock(&mm->lock);
}

static bool no_turn(const struct process *proc, struct range unused)
{
	(void)unused;
	return (proc->mm->forking || proc->mm->waiting) && !READ_ONCE(proc->exiting);
}

static bool changing(const struct process *proc, struct range unused)
{
	(void)unused;
	return proc->mm->changes && !READ_ONCE(proc->exiting);
}

void mm_window_hold(struct process *proc)
{
	struct mm *mm = proc->mm;

	spin_lock(&mm->lock);
	wait_while(proc, no_turn, (struct range){0});
	mm->forking = true;
	wait_while(proc, changing, (struct range){0});
	spin_unlock(&mm->lock);
}

void mm_window_release(struct process *proc)
{
	struct mm *mm = proc->mm;

	spin_lock(&mm->lock);
	mm->forking = false;
	mm_window_wake(mm);
	spin_unlock(&mm->lock);
}
