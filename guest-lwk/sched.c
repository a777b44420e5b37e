/* SPDX-License-Identifier: MIT */
/*
 * Run queues and the switch from thread to thread.
 *
 * A thread's state and core change under the lock of its core's run queue, but for two stores
 * that only the running thread makes: BLOCKED in sched_prepare() and RUNNING in sched_cancel().
 * A thread that ends or moves always switches to the idle thread, which, on a stack of its own,
 * sees it off: nothing else has to know that a stack must be empty before it is reused or taken
 * to another core.
 */
#include "guest-lwk/sched.h"
#include "guest-lwk/arch.h"
#include "guest-lwk/sched_place.h"

#define SLICES_PER_SEC 100
#define SLICE_OVER     (~0ULL) /* slice_end: used up, later than any deadline */

/* ---- run queues ---- */

/* Caller holds the run queue's lock. True if nobody waited before. */
static bool runq_put(struct core *core, struct thread *t)
{
	struct runq *q = &core->runq;

	t->rq_next = NULL;
	if (q->head)
		q->tail->rq_next = t;
	else
		WRITE_ONCE(q->head, t);
	q->tail = t;
	return q->count++ == 0;
}

static struct thread *runq_take(struct core *core)
{
	struct runq *q = &core->runq;
	struct thread *t = q->head;

	if (t) {
		WRITE_ONCE(q->head, t->rq_next);
		q->count--;
	}
	return t;
}

static struct core *lock_core_of(struct thread *t)
{
	for (;;) {
		struct core *core = READ_ONCE(t->core);

		spin_lock(&core->runq.lock);
		if (core == t->core)
			return core;
		spin_unlock(&core->runq.lock);
	}
}

/*
 * Somebody began to wait on core: an idle core must look, a busy one must start a slice. The
 * queue was filled before; core_kick() has the fence that pairs with those before HLT and
 * before the return to a program (need_irq = 1, fence, look at the queue and at need_resched).
 */
static void sched_ask(struct core *core)
{
	WRITE_ONCE(core->need_resched, true);
	if (core != this_core())
		core_kick(core);
}

static void sched_enqueue(struct core *core, struct thread *t)
{
	spin_lock(&core->runq.lock);
	bool first = runq_put(core, t);

	spin_unlock(&core->runq.lock);
	if (first)
		sched_ask(core);
}

/* ---- switching ---- */

/*
 * FS and GS bases stay in the registers while the core idles: a thread that blocks and goes on,
 * with nobody in between, costs no MSR access. bases_owner is always a thread of this core.
 */
static void bases_save(struct core *core)
{
	struct thread *t = core->bases_owner;

	if (!t)
		return;
	t->fsbase = fsbase_read();
	t->gsbase = rdmsr(MSR_KERNEL_GS_BASE);
	core->bases_owner = NULL;
}

static void bases_load(struct core *core, struct thread *t)
{
	if (core->bases_owner == t)
		return;
	bases_save(core);
	fsbase_write(t->fsbase);
	wrmsr(MSR_KERNEL_GS_BASE, t->gsbase);
	core->bases_owner = t;
}

/* prev's time and calls end, next's begin. The VMM reads along (server_stat.c). */
static void account_switch(
	struct core *core, struct thread *prev, const struct thread *next, u64 now)
{
	struct abi_core *c = core->share;
	u64 local = c->n_syscalls_local;

	WRITE_ONCE(c->running, 0);
	prev->account->cpu_tsc += now - c->busy_since;
	prev->account->local += local - c->local_since;
	c->busy_since = now;
	c->local_since = local;
	store_release(&c->running, next == core->idle ? 0 : next->slot + 1);
}

/*
 * The run queue's lock is held and given back here. prev has its new state already; once the
 * lock is free another core may make it ready, but only this core can take it, and that is
 * after the switch.
 */
static void switch_to(struct core *core, struct thread *prev, struct thread *next)
{
	u64 now = rdtsc();
	u64 slice = next != core->idle && core->runq.count
			    ? now + machine.tsc_hz / SLICES_PER_SEC
			    : 0;
	bool rearm = core->slice_end != slice;

	account_switch(core, prev, next, now);
	core->current = next;
	core->slice_end = slice;
	core->need_resched = false;
	next->state = THREAD_RUNNING;
	spin_unlock(&core->runq.lock);

	if (rearm)
		timer_arm(core);
	if (next != core->idle) {
		bases_load(core, next);
		mm_load(next->proc);
		xstate_switch(next);
		if (core->kstack_top != next->kstack + KSTACK_SIZE)
			core_set_kstack(core, next->kstack + KSTACK_SIZE);
	}
	switch_stacks(&prev->ksp, next->ksp);
}

/*
 * The fence: BLOCKED is visible before the caller looks at its condition. Who makes the
 * condition true does that first and then takes the run queue's lock (a locked exchange, so a
 * full fence) to look at the state. One of the two sees the other.
 */
void sched_prepare(void)
{
	WRITE_ONCE(current_thread()->state, THREAD_BLOCKED);
	fence_full();
}

/* Without the lock: a waker that saw BLOCKED stores the same value (sched_wake). */
void sched_cancel(void)
{
	WRITE_ONCE(current_thread()->state, THREAD_RUNNING);
}

void schedule(void)
{
	struct core *core = this_core();
	struct thread *prev = core->current;

	spin_lock(&core->runq.lock);
	if (prev->state == THREAD_RUNNING) { /* woken since sched_prepare() */
		spin_unlock(&core->runq.lock);
		return;
	}
	struct thread *next = runq_take(core);

	switch_to(core, prev, next ? next : core->idle);
}

bool sched_wake(struct thread *t)
{
	struct core *core = lock_core_of(t);
	bool blocked = t->state == THREAD_BLOCKED;
	bool first = false;

	if (blocked && core->current == t) {
		t->state = THREAD_RUNNING; /* it has not left yet and need not */
	} else if (blocked) {
		t->state = THREAD_READY;
		first = runq_put(core, t);
	}
	spin_unlock(&core->runq.lock);
	if (first)
		sched_ask(core);
	return blocked;
}

void sched_yield_now(void)
{
	struct core *core = this_core();
	struct thread *prev = core->current;

	spin_lock(&core->runq.lock);
	if (core->runq.count) {
		prev->state = THREAD_READY;
		runq_put(core, prev);
		switch_to(core, prev, runq_take(core));
		return;
	}
	core->need_resched = false;
	core->slice_end = 0;
	spin_unlock(&core->runq.lock);
}

/*
 * need_resched is taken back under the lock: who enqueues after this section sets it after we
 * cleared it; who enqueued before is counted here.
 */
void sched_resched(void)
{
	struct core *core = this_core();

	if (core->slice_end == SLICE_OVER) {
		sched_yield_now();
		return;
	}
	spin_lock(&core->runq.lock);
	core->need_resched = false;
	if (core->runq.count && !core->slice_end)
		core->slice_end = rdtsc() + machine.tsc_hz / SLICES_PER_SEC;
	spin_unlock(&core->runq.lock);
	timer_arm(core);
}

void sched_slice_end(struct core *core)
{
	core->slice_end = SLICE_OVER;
	core->need_resched = true;
}

u64 sched_cpu_tsc(struct thread *t)
{
	struct core *core = lock_core_of(t);
	u64 sum = t->account->cpu_tsc;

	if (core->current == t)
		sum += rdtsc() - core->share->busy_since;
	spin_unlock(&core->runq.lock);
	return sum;
}

/* ---- beginning, moving, ending ---- */

void sched_start(struct thread *t)
{
	struct core *core = place_choose(sched_allowed(t), this_core()->node);

	t->core = core; /* nobody can block or wake it yet: its state is READY, in no queue */
	sched_enqueue(core, t);
}

/* The current thread, READY or DEAD, leaves this core; the idle loop does the rest. */
static void leave(struct core *core, struct core *to)
{
	place_leave(core);
	core->leaving = core->current;
	core->leaving_to = to;
	spin_lock(&core->runq.lock);
	switch_to(core, core->current, core->idle);
}

void sched_move_self(void)
{
	struct core *core = this_core();
	struct thread *t = core->current;

	/* Before the mask is read: who changes it afterwards asks again. */
	t->move_asked = false;
	fence_full();
	u64 allowed = sched_allowed(t);

	if (allowed >> core->index & 1)
		return;
	struct core *to = place_choose(allowed, core->node);

	xstate_detach(t);
	bases_save(core);
	WRITE_ONCE(t->state,
		THREAD_READY); /* in no queue: whoever would wake it finds nothing to do */
	leave(core, to);
}

void sched_exit(void)
{
	struct core *core = this_core();

	core->bases_owner = NULL;
	WRITE_ONCE(core->current->state, THREAD_DEAD);
	leave(core, NULL);
	panic("thread %u ran after its end", core->current->tid);
}

/* ---- the idle thread ---- */

/*
 * What has left this core is off its stack now. The boot tables: so a core never idles on
 * tables of a process that has no thread left here, and that may be destroyed meanwhile.
 */
static void see_off(struct core *core)
{
	struct thread *t = core->leaving;
	struct core *to = core->leaving_to;

	if (!t)
		return;
	core->leaving = NULL;
	mm_load(NULL);
	if (!to) {
		thread_reap(t);
		return;
	}
	spin_lock(&core->runq.lock); /* for lock_core_of() */
	WRITE_ONCE(t->core, to);
	spin_unlock(&core->runq.lock);
	sched_enqueue(to, t);
}

static void run_next(struct core *core)
{
	spin_lock(&core->runq.lock);
	struct thread *next = runq_take(core);

	if (next)
		switch_to(core, core->idle, next);
	else
		spin_unlock(&core->runq.lock);
}

/* Interrupts are off while we poll; a timer that is due gets in here. */
static void timer_window(struct core *core)
{
	u64 armed = core->timerq.armed;

	if (armed && armed <= rdtsc())
		__asm__ volatile("sti; nop; cli" ::: "memory");
}

/* True if there is something to run. */
static bool poll(struct core *core, u64 ticks)
{
	u64 start = rdtsc();

	WRITE_ONCE(core->share->need_irq, 0);
	do {
		if (READ_ONCE(core->runq.head))
			return true;
		if (!host_poll(core))
			cpu_pause();
		timer_window(core);
	} while (rdtsc() - start < ticks);
	return READ_ONCE(core->runq.head);
}

/*
 * need_irq first, full fence, then one more look: who fills the queue or sets a done bit or an
 * event does that first, full fence, then reads need_irq. An interrupt sent from then on is
 * held until STI, whose shadow covers HLT: it cannot slip in between.
 */
static void halt(struct core *core)
{
	WRITE_ONCE(core->share->need_irq, 1);
	fence_full();
	if (READ_ONCE(core->runq.head) || host_poll(core))
		return;
	core->share->n_halts++;
	__asm__ volatile("sti; hlt; cli" ::: "memory");
}

void sched_idle(void)
{
	struct core *core = this_core();
	u64 ticks = ns_to_tsc(machine.poll_ns);

	for (;;) {
		see_off(core);
		if (poll(core, ticks))
			run_next(core);
		else
			halt(core);
	}
}
