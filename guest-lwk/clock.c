/* SPDX-License-Identifier: MIT */
/* The guest's clocks: the host's by the time page, CPU clocks by the scheduler's account. */
#include "guest-lwk/clock.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/vdso/read.h"

/*
 * Clocks of negative numbers: ~pid << 3 | PER_THREAD | kind, from clock_getcpuclockid() and its
 * kin.
 */
#define CPU_CLOCK_PER_THREAD 4
#define CPU_CLOCK_KIND       3 /* 0 all, 1 user, 2 scheduler's; 3 is no CPU clock */

bool clock_is_wall(u32 clock)
{
	u64 ns;

	return time_page_base(&machine.share->time, clock, &ns);
}

u64 process_cpu_ns(struct process *proc)
{
	u64 sum;

	spin_lock(&proc->lock);
	sum = proc->dead_cpu_tsc;
	for (struct thread *t = proc->threads; t; t = t->next)
		sum += sched_cpu_tsc(t);
	spin_unlock(&proc->lock);
	return tsc_to_ns(sum);
}

static s64 cpu_clock_of_thread(u32 tid, u64 *ns)
{
	struct process *proc = current_thread()->proc;
	struct thread *t;

	spin_lock(&proc->lock);
	for (t = proc->threads; t && t->tid != tid; t = t->next)
		;
	if (t)
		*ns = tsc_to_ns(sched_cpu_tsc(t));
	spin_unlock(&proc->lock);
	return t ? 0 : -EINVAL;
}

static s64 cpu_clock_ns(u32 clock, u64 *ns)
{
	struct thread *t = current_thread();
	u32 id = ~clock >> 3;

	if ((s32)clock >= 0 || (clock & CPU_CLOCK_KIND) == CPU_CLOCK_KIND)
		return -EINVAL;
	if (clock & CPU_CLOCK_PER_THREAD)
		return cpu_clock_of_thread(id ? id : t->tid, ns);
	if (id && id != t->proc->pid)
		return -EINVAL;
	*ns = process_cpu_ns(t->proc);
	return 0;
}

s64 clock_ns(u32 clock, u64 *ns)
{
	struct thread *t = current_thread();

	if (time_page_read(&machine.share->time, clock, ns))
		return 0;
	switch (clock) {
	case ABI_CLOCK_PROCESS_CPUTIME:
		*ns = process_cpu_ns(t->proc);
		return 0;
	case ABI_CLOCK_THREAD_CPUTIME:
		*ns = tsc_to_ns(sched_cpu_tsc(t));
		return 0;
	default:
		return cpu_clock_ns(clock, ns);
	}
}

/* (ns << 32) / mult, by the instruction: the compiler would call a library. */
u64 clock_ticks(u64 ns)
{
	u64 mult = READ_ONCE(machine.share->time.mult);
	u64 lo = ns << 32, hi = ns >> 32;

	if (hi >= mult)
		return ~0ULL;
	__asm__("div %2" : "+a"(lo), "+d"(hi) : "r"(mult));
	return lo;
}

s64 clock_to_tsc(u32 clock, u64 ns, u64 *tsc)
{
	u64 now, at;

	if (!time_page_read_at(&machine.share->time, clock, &now, &at))
		return -EINVAL;
	/* One more for what the division cut off: early would mean a second interrupt. */
	*tsc = ns > now ? ns_add(at, ns_add(clock_ticks(ns - now), 1)) : at;
	return 0;
}

u64 ns_add(u64 a, u64 b)
{
	return a + b < a ? ~0ULL : a + b;
}
