/* SPDX-License-Identifier: MIT */
/* Threads: their slots, their making and their end. */
#include "guest-lwk/futex.h"
#include "guest-lwk/futex_host.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/robust.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/trace.h"
#include "guest-lwk/vfork.h"

static struct spinlock slots_lock; /* a leaf: threads[].state FREE and the next field */
static u32 slot_hint;
static u32 generation[ABI_MAX_THREADS];

/* Words below the return address of switch_stacks(): r15 r14 r13 r12 rbp rbx. */
#define SWITCH_WORDS 6

/*
 * A slot is also a mailbox: one whose last thread died with a call under way is free only when
 * the host has answered or given up (process.c).
 */
static bool slot_free(u32 slot)
{
	return threads[slot].state == THREAD_FREE &&
	       load_acquire(&machine.share->mbox[slot].state) == ABI_MBOX_IDLE;
}

static struct thread *slot_take(void)
{
	u32 slot, tried = 0;

	spin_lock(&slots_lock);
	slot = slot_hint;
	while (tried < ABI_MAX_THREADS && !slot_free(slot)) {
		slot = (slot + 1) % ABI_MAX_THREADS;
		tried++;
	}
	if (tried < ABI_MAX_THREADS) {
		threads[slot].state = THREAD_READY; /* in no queue */
		threads[slot].slot = slot;
		slot_hint = slot;
	}
	spin_unlock(&slots_lock);
	return tried < ABI_MAX_THREADS ? &threads[slot] : NULL;
}

static void slot_give(struct thread *t)
{
	spin_lock(&slots_lock);
	t->state = THREAD_FREE;
	slot_hint = MIN(slot_hint, t->slot); /* the lowest, so that its stack is used again */
	spin_unlock(&slots_lock);
}

/*
 * Unlike any other of this guest, above the host's pids and below 2^30, which is what a futex
 * word can hold.
 */
static u32 tid_make(u32 slot)
{
	return ABI_TID_BASE + (generation[slot]++ % 0xff000) * ABI_MAX_THREADS + slot;
}

/*
 * What the slot's last thread left. Stack and core stay; state too, which says that the slot is
 * taken.
 */
static void thread_clear(struct thread *t, struct process *proc)
{
	const size_t kept = offsetof(struct thread, state),
		     rest = offsetof(struct thread, rq_next);
	u64 *frame = (u64 *)thread_regs(t) - SWITCH_WORDS - 1;
	u64 kstack = t->kstack;
	u32 slot = t->slot;

	memset(frame, 0, SWITCH_WORDS * sizeof(*frame));
	frame[SWITCH_WORDS] = (u64)thread_entry;
	/* A wake-up that comes late (futex.c) may look at state and core at any time. */
	memset(t, 0, kept);
	memset((char *)t + rest, 0, sizeof(*t) - rest);
	WRITE_ONCE(t->core, this_core());
	t->proc = proc;
	t->slot = slot;
	t->kstack = kstack;
	t->tid = proc->pid;
	t->ksp = (u64)frame;
	t->affinity = proc->affinity;
	t->account = &machine.share->thread[slot];
	*t->account = (struct abi_thread){.seq = machine.share->mbox[slot].seq};
}

/* False: the process is ending. */
static bool thread_link(struct thread *t)
{
	struct process *proc = t->proc;
	struct thread *parent = current_thread();
	bool alive;

	spin_lock(&proc->lock);
	alive = !proc->exiting;
	if (alive) {
		if (parent->proc == proc) {
			t->tid = tid_make(t->slot);
			t->affinity = parent->affinity;
			t->signals.blocked = parent->signals.blocked;
			t->policy = parent->policy;
			t->sched_policy = parent->sched_policy;
			t->interleaved = parent->interleaved;
		}
		proc->slot_first = MIN(proc->slot_first, t->slot);
		proc->slot_end = MAX(proc->slot_end, t->slot + 1);
		t->next = proc->threads;
		proc->threads = t;
		WRITE_ONCE(t->account->proc, proc->index + 1);
		WRITE_ONCE(proc->share->nthreads, ++proc->nthreads);
	}
	spin_unlock(&proc->lock);
	return alive;
}

struct thread *thread_create(struct process *proc)
{
	struct thread *t = slot_take();

	if (!t)
		return NULL;
	if (!t->kstack)
		t->kstack = (u64)kmem_alloc(KSTACK_SIZE);
	if (t->kstack) {
		thread_clear(t, proc);
		if (thread_link(t))
			return t;
	}
	slot_give(t);
	return NULL;
}

/*
 * What the program's other threads wait for. Not when the whole process ends and nobody would
 * look.
 */
static void tell_others(struct thread *t)
{
	robust_exit(t);
	if (t->clear_child_tid && !user_write_u32(t->clear_child_tid, 0))
		futex_wake_addr(t->clear_child_tid, 1);
}

/* The running thread's account becomes its process's. */
static void account_end(struct thread *t)
{
	struct abi_proc *p = t->proc->share;
	const struct abi_core *c = t->core->share;

	u64 cpu = sched_cpu_tsc(t);

	/* The first also has what the program before an execve() used; that one told so itself.
	 */
	t->proc->dead_cpu_tsc += cpu;
	WRITE_ONCE(p->dead_cpu_tsc, p->dead_cpu_tsc + cpu);
	p->dead_local += t->account->local + c->n_syscalls_local - c->local_since;
	p->dead_forwarded += machine.share->mbox[t->slot].seq - t->account->seq;
	WRITE_ONCE(t->account->proc, 0);
}

/*
 * Whoever ends last, leader or not, gives the process its status, as on Linux since 6.0. The
 * lock is held while the end is published, so that core 0 does not reap the process before.
 */
static void thread_unlink(struct thread *t, u32 code)
{
	struct process *proc = t->proc;
	struct thread **at;

	spin_lock(&proc->lock);
	for (at = &proc->threads; *at != t; at = &(*at)->next)
		;
	*at = t->next;
	account_end(t);
	if (!proc->exiting)
		proc->exit_wait = (code & 0xff) << 8;
	WRITE_ONCE(proc->share->nthreads, --proc->nthreads);
	if (!proc->nthreads) {
		proc->exiting = true; /* nothing that comes now changes the status */
		process_finished(proc);
	}
	spin_unlock(&proc->lock);
}

void thread_exit(u32 code)
{
	struct thread *t = current_thread();

	vfork_drop(t);
	futex_host_exit(t);
	/* Words of the window are looked at by other processes, too. */
	if (!READ_ONCE(t->proc->exiting) || READ_ONCE(t->proc->mm->windows))
		tell_others(t);
	signal_exit_thread(t);
	trace_exit();
	/*
	 * From here on the process may be destroyed as soon as it has no thread: off its page
	 * tables first.
	 */
	mm_load(NULL);
	thread_unlink(t, code);
	sched_exit();
}

void thread_reap(struct thread *t)
{
	xstate_free(t);
	slot_give(t);
}
