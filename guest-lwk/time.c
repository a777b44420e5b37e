/* SPDX-License-Identifier: MIT */
/* Calls that tell the time of day and the time used. Programs mostly ask the vDSO instead. */
#include "guest-lwk/children.h"
#include "guest-lwk/clock.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sys.h"

#define TICK_NS 10000000ULL /* of times(2): 100 a second */

struct user_timeval {
	s64 sec, usec;
};

struct user_rusage {
	struct user_timeval utime, stime;
	s64 maxrss, rest[13];
};
_Static_assert(sizeof(struct user_rusage) == 144, "Linux ABI");

s64 sys_clock_gettime(u64 clock, u64 ts)
{
	u64 ns;
	s64 err = clock_ns((u32)clock, &ns);

	return err ? err : user_write_timespec(ts, ns);
}

s64 sys_clock_getres(u64 clock, u64 res)
{
	u64 ns;
	s64 err = clock_ns((u32)clock, &ns);

	if (err || !res)
		return err;
	return user_write_timespec(res, 1);
}

s64 sys_gettimeofday(u64 tv, u64 tz)
{
	u64 ns, zone = 0; /* two ints: minutes west, kind of summer time */
	s64 err = clock_ns(ABI_CLOCK_REALTIME, &ns);

	if (!err && tv) {
		struct user_timeval now = {
			(s64)(ns / NS_PER_SEC), (s64)(ns % NS_PER_SEC / 1000)};

		err = user_write(tv, &now, sizeof(now));
	}
	if (!err && tz)
		err = user_write(tz, &zone, sizeof(zone));
	return err;
}

s64 sys_time(u64 where)
{
	u64 ns;
	s64 err = clock_ns(ABI_CLOCK_REALTIME, &ns);

	if (err)
		return err;
	ns /= NS_PER_SEC;
	if (where && user_write(where, &ns, sizeof(ns)))
		return -EFAULT;
	return (s64)ns;
}

/*
 * All CPU time counts as the program's: kernel time is not told apart (the kernel hardly takes
 * any).
 */
s64 sys_times(u64 buf)
{
	struct process *proc = current_thread()->proc;
	u64 ns;
	s64 err = clock_ns(ABI_CLOCK_BOOTTIME, &ns);

	if (err)
		return err;
	if (buf) {
		u64 tms[4] = {process_cpu_ns(proc) / TICK_NS, 0,
			tsc_to_ns(READ_ONCE(proc->children_tsc)) / TICK_NS};

		if (user_write(buf, tms, sizeof(tms)))
			return -EFAULT;
	}
	return (s64)(ns / TICK_NS);
}

s64 sys_getrusage(u64 who, u64 buf)
{
	enum { RUSAGE_CHILDREN = -1, RUSAGE_SELF = 0, RUSAGE_THREAD = 1 };
	struct thread *t = current_thread();
	struct user_rusage usage = {0};
	u64 ns = 0;

	switch ((s32)who) {
	case RUSAGE_SELF:
		ns = process_cpu_ns(t->proc);
		break;
	case RUSAGE_THREAD:
		ns = tsc_to_ns(sched_cpu_tsc(t));
		break;
	case RUSAGE_CHILDREN:
		children_timeval(READ_ONCE(t->proc->children_tsc), (u64 *)&usage.utime);
		return user_write(buf, &usage, sizeof(usage));
	default:
		return -EINVAL;
	}
	usage.utime =
		(struct user_timeval){(s64)(ns / NS_PER_SEC), (s64)(ns % NS_PER_SEC / 1000)};
	usage.maxrss = (s64)(READ_ONCE(t->proc->mm->committed) >> 10);
	return user_write(buf, &usage, sizeof(usage));
}
