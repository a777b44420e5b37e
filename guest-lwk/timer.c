/* SPDX-License-Identifier: MIT */
/*
 * Timer queues. Only its own core arms a queue's deadline (the MSR is the core's own), so a
 * timer is started on the core that calls; it may be stopped from any. Stopping from afar
 * leaves the deadline armed: one interrupt that finds nothing to do.
 */
#include "guest-lwk/timer.h"
#include "guest-lwk/sched.h"

#define LVT_TSC_DEADLINE (2U << 17)

/* Queue lock held, on its own core. */
static void arm_locked(struct core *core)
{
	struct timerq *q = &core->timerq;
	u64 when = q->head ? q->head->deadline : ~0ULL;

	if (core->slice_end && core->slice_end < when)
		when = core->slice_end;
	if (when == ~0ULL)
		when = 0;
	if (when == q->armed)
		return;
	q->armed = when;
	wrmsr(MSR_TSC_DEADLINE, when); /* in the past: interrupts at once; 0: never */
}

void timer_arm(struct core *core)
{
	spin_lock(&core->timerq.lock);
	arm_locked(core);
	spin_unlock(&core->timerq.lock);
}

void timer_start(struct timer *timer, u64 deadline)
{
	struct core *core = this_core();
	struct timerq *q = &core->timerq;
	struct timer **at;

	timer_stop(timer);
	timer->deadline = MAX(deadline, 1);
	spin_lock(&q->lock);
	for (at = &q->head; *at && (*at)->deadline <= timer->deadline; at = &(*at)->next)
		;
	timer->next = *at;
	*at = timer;
	WRITE_ONCE(timer->core, core);
	arm_locked(core);
	spin_unlock(&q->lock);
}

/* The core in whose queue the timer is, locked; NULL: in none. */
static struct core *lock_queue_of(struct timer *timer)
{
	for (;;) {
		struct core *core = READ_ONCE(timer->core);

		if (!core)
			return NULL;
		spin_lock(&core->timerq.lock);
		if (timer->core == core)
			return core;
		spin_unlock(&core->timerq.lock);
	}
}

bool timer_stop(struct timer *timer)
{
	struct core *core = lock_queue_of(timer);
	struct timer **at;

	if (!core)
		return false;
	for (at = &core->timerq.head; *at != timer; at = &(*at)->next)
		;
	*at = timer->next;
	timer->core = NULL;
	if (core == this_core())
		arm_locked(core);
	spin_unlock(&core->timerq.lock);
	return true;
}

/*
 * timer_interrupt() stores firing before it stores timer->core = NULL, and timer_stop() has
 * read that NULL: so a fire() that began before is seen here (loads and stores keep their order
 * on x86).
 */
void timer_stop_sync(struct timer *timer)
{
	timer_stop(timer);
	for (u32 i = 0; i < ncores; i++)
		while (load_acquire(&cores[i].timerq.firing) == timer)
			cpu_pause();
}

void timer_interrupt(void)
{
	struct core *core = this_core();
	struct timerq *q = &core->timerq;
	struct timer *timer;
	u64 now = rdtsc();

	spin_lock(&q->lock);
	q->armed = 0; /* the deadline MSR disarms itself */
	while ((timer = q->head) && timer->deadline <= now) {
		q->head = timer->next;
		WRITE_ONCE(q->firing, timer);
		store_release(&timer->core, NULL);
		spin_unlock(&q->lock);
		timer->fire(timer);
		spin_lock(&q->lock);
		store_release(&q->firing, NULL);
	}
	if (core->slice_end && core->slice_end <= now)
		sched_slice_end(core);
	arm_locked(core);
	spin_unlock(&q->lock);
}

void timer_init_core(void)
{
	wrmsr(MSR_X2APIC_LVT_TIMER, LVT_TSC_DEADLINE | ABI_VEC_TIMER);
}
