/* SPDX-License-Identifier: MIT */
/* Scheduling, affinity, priorities. */
#include "abi.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/resource.h>

CASE(affinity, sched_getaffinity, sched_setaffinity)
{
	cpu_set_t set, one;
	int cpu;

	TRUE(SYS(sched_getaffinity, 0, sizeof(set), &set) > 0);
	SHOW(SYS(sched_getaffinity, 0, 0, &set));
	SHOW(SYS(sched_getaffinity, 0, 1, &set));
	SHOW(SYS(sched_getaffinity, 0, 12, &set));
	CPU_ZERO(&set);
	MUST(sched_getaffinity(0, sizeof(set), &set));
	for (cpu = 0; !CPU_ISSET(cpu, &set); cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	SHOW(sched_setaffinity(0, sizeof(one), &one));
	MUST(sched_getaffinity(0, sizeof(set), &set));
	TRUE(CPU_EQUAL(&one, &set));
	TRUE(sched_getcpu() == cpu);
	CPU_ZERO(&one);
	SHOW(sched_setaffinity(0, sizeof(one), &one));
	CPU_SET(1000, &one);
	SHOW(sched_setaffinity(0, sizeof(one), &one));
	SHOW(SYS(sched_setaffinity, 0, 8, BAD));
	SHOW(SYS(sched_setaffinity, 0x3ffffff, 8, &set));
	SHOW(SYS(sched_getaffinity, 0x3ffffff, 8, &set));
	SHOW(SYS(sched_getaffinity, 0, sizeof(set), BAD));
}

CASE(policy, sched_getscheduler, sched_setscheduler, sched_getparam, sched_setparam)
{
	struct sched_param p = {.sched_priority = 0};

	SHOW(sched_getscheduler(0));
	SHOW(sched_setscheduler(0, SCHED_OTHER, &p));
	SHOW(sched_getparam(0, &p));
	TELL("%d\n", p.sched_priority);
	p.sched_priority = 5;
	SHOW(sched_setscheduler(0, SCHED_OTHER, &p));
	SHOW(sched_setparam(0, &p));
	p.sched_priority = 0;
	SHOW(sched_setparam(0, &p));
	SHOW(sched_setscheduler(0, SCHED_FIFO, &p));
	SHOW(sched_setscheduler(0, 77, &p));
	SHOW(sched_setscheduler(-1, SCHED_OTHER, &p));
	SHOW(sched_setscheduler(0x3ffffff, SCHED_OTHER, &p));
	SHOW(sched_getscheduler(-1));
	SHOW(SYS(sched_getparam, 0, BAD));
	SHOW(SYS(sched_setscheduler, 0, SCHED_OTHER, NULL));
}

CASE(policy_batch, sched_setscheduler, sched_getscheduler)
{
	struct sched_param p = {.sched_priority = 0};

	SHOW(sched_setscheduler(0, SCHED_BATCH, &p));
	SHOW(sched_getscheduler(0));
	SHOW(sched_setscheduler(0, SCHED_IDLE, &p));
	SHOW(sched_getscheduler(0));
}

CASE(policy_fifo, sched_setscheduler, sched_getscheduler, sched_getparam)
{
	struct sched_param p = {.sched_priority = 3};

	SHOW(sched_setscheduler(0, SCHED_FIFO, &p));
	SHOW(sched_getscheduler(0));
	p.sched_priority = 0;
	SHOW(sched_getparam(0, &p));
	TELL("%d\n", p.sched_priority);
	p.sched_priority = 100;
	SHOW(sched_setscheduler(0, SCHED_RR, &p));
	p.sched_priority = 0;
	SHOW(sched_setscheduler(0, SCHED_OTHER, &p));
}

CASE(priority_range, sched_get_priority_max, sched_get_priority_min)
{
	SHOW(sched_get_priority_max(SCHED_FIFO));
	SHOW(sched_get_priority_min(SCHED_FIFO));
	SHOW(sched_get_priority_max(SCHED_RR));
	SHOW(sched_get_priority_max(SCHED_OTHER));
	SHOW(sched_get_priority_min(SCHED_OTHER));
	SHOW(sched_get_priority_max(SCHED_BATCH));
	SHOW(sched_get_priority_max(6));
	SHOW(sched_get_priority_max(99));
	SHOW(sched_get_priority_min(-1));
}

CASE(rr_interval, sched_rr_get_interval)
{
	struct timespec t;

	SHOW(sched_rr_get_interval(0, &t));
	TRUE(t.tv_sec == 0);
	SHOW(sched_rr_get_interval(-1, &t));
	SHOW(sched_rr_get_interval(0x3ffffff, &t));
	SHOW(SYS(sched_rr_get_interval, 0, BAD));
}

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

CASE(getattr, sched_getattr)
{
	struct attr a;

	memset(&a, 0xff, sizeof(a));
	SHOW(SYS(sched_getattr, 0, &a, sizeof(a), 0));
	TELL("size %d policy %d flags %ld nice %d priority %d\n", (int)a.size, (int)a.policy,
		(long)a.flags, a.nice, (int)a.priority);
	SHOW(SYS(sched_getattr, 0, &a, 48, 0));
	TELL("size %d\n", (int)a.size);
	SHOW(SYS(sched_getattr, 0, &a, 47, 0));
	SHOW(SYS(sched_getattr, 0, &a, 5000, 0));
	SHOW(SYS(sched_getattr, 0, &a, sizeof(a), 1));
	SHOW(SYS(sched_getattr, -1, &a, sizeof(a), 0));
	SHOW(SYS(sched_getattr, 0x3ffffff, &a, sizeof(a), 0));
	SHOW(SYS(sched_getattr, 0, NULL, sizeof(a), 0));
	SHOW(SYS(sched_getattr, 0, BAD, sizeof(a), 0));
}

CASE(setattr, sched_setattr, sched_getscheduler)
{
	struct attr a = {.size = sizeof(a), .policy = SCHED_BATCH};

	SHOW(SYS(sched_setattr, 0, &a, 0));
	SHOW(sched_getscheduler(0));
	a.policy = 77;
	SHOW(SYS(sched_setattr, 0, &a, 0));
	a.policy = SCHED_FIFO;
	SHOW(SYS(sched_setattr, 0, &a, 0));
	a.policy = SCHED_OTHER;
	a.priority = 1;
	SHOW(SYS(sched_setattr, 0, &a, 0));
	a.priority = 0;
	SHOW(SYS(sched_setattr, 0, &a, 1));
	a.flags = 1 << 20;
	SHOW(SYS(sched_setattr, 0, &a, 0));
	a.flags = 0;
	a.size = 20;
	SHOW(SYS(sched_setattr, 0, &a, 0));
	TELL("size %d\n", (int)a.size);
	SHOW(SYS(sched_setattr, -1, &a, 0));
	SHOW(SYS(sched_setattr, 0, BAD, 0));
	SHOW(SYS(sched_setattr, 0, NULL, 0));
}

CASE(yield, sched_yield)
{
	SHOW(sched_yield());
}

CASE(getcpu, getcpu)
{
	unsigned cpu = 99, node = 99;

	SHOW(SYS(getcpu, &cpu, &node, NULL));
	TRUE(cpu < 64 && node < 64);
	SHOW(SYS(getcpu, NULL, NULL, NULL));
	SHOW(SYS(getcpu, BAD, NULL, NULL));
}

CASE(nice, getpriority, setpriority)
{
	SHOW(getpriority(PRIO_PROCESS, 0));
	SHOW(SYS(getpriority, PRIO_PROCESS, 0));
	SHOW(setpriority(PRIO_PROCESS, 0, 5));
	SHOW(SYS(getpriority, PRIO_PROCESS, 0));
	SHOW(SYS(getpriority, PRIO_PROCESS, getpid()));
	SHOW(setpriority(PRIO_PROCESS, 0, 100));
	SHOW(SYS(getpriority, PRIO_PROCESS, 0));
	SHOW(getpriority(99, 0));
	SHOW(getpriority(PRIO_PROCESS, 0x3ffffff));
	SHOW(nice(-1));
}

CASE(ioprio, ioprio_get, ioprio_set)
{
	SHOW(SYS(ioprio_get, 1, 0));
	SHOW(SYS(ioprio_set, 1, 0, 2 << 13 | 4));
	SHOW(SYS(ioprio_get, 1, 0));
	SHOW(SYS(ioprio_set, 1, 0, 9 << 13));
	SHOW(SYS(ioprio_get, 9, 0));
}

CASE(membarrier, membarrier)
{
	long commands = SYS(membarrier, 0, 0, 0);

	SHOW(SYS(membarrier, 0, 1, 0));
	SHOW(SYS(membarrier, 0x4000000, 0, 0));
	TRUE(commands >= 0);
}
