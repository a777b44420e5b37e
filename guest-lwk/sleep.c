/* SPDX-License-Identifier: MIT */
/* Sleeping until a time: the thread's own alarm clock, nanosleep and clock_nanosleep. */
#include "guest-lwk/clock.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sys.h"

#define TIMER_ABSTIME 1

struct user_timespec {
	s64 sec, nsec;
};

s64 user_read_timespec(u64 addr, u64 *ns)
{
	struct user_timespec ts;

	if (user_read(&ts, addr, sizeof(ts)))
		return -EFAULT;
	if (ts.sec < 0 || (u64)ts.nsec >= NS_PER_SEC)
		return -EINVAL;
	*ns = (u64)ts.sec >= ~0ULL / NS_PER_SEC ? ~0ULL
						: (u64)ts.sec * NS_PER_SEC + (u64)ts.nsec;
	return 0;
}

s64 user_write_timespec(u64 addr, u64 ns)
{
	struct user_timespec ts = {(s64)(ns / NS_PER_SEC), (s64)(ns % NS_PER_SEC)};

	return user_write(addr, &ts, sizeof(ts));
}

/* On the thread's own core: it starts the timer itself and stops it before it moves. */
static void alarm_fire(struct timer *timer)
{
	struct thread *t = container_of(timer, struct thread, sleep_timer);

	t->timed_out = true;
	sched_wake(t);
}

s64 alarm_set(u32 clock, u64 ns)
{
	struct thread *t = current_thread();
	u64 tsc;
	s64 err = clock_to_tsc(clock, ns, &tsc);

	if (err)
		return err;
	t->timed_out = false;
	t->sleep_timer.fire = alarm_fire;
	timer_start(&t->sleep_timer, tsc);
	return 0;
}

bool alarm_rang(u32 clock, u64 ns)
{
	u64 now;

	if (!READ_ONCE(current_thread()->timed_out))
		return false;
	if (!clock_ns(clock, &now) && now < ns) {
		alarm_set(clock, ns);
		return false;
	}
	return true;
}

void alarm_clear(void)
{
	timer_stop(&current_thread()->sleep_timer);
}

/*
 * 0, or -ERESTARTNOHAND when a signal (or, to the deaf, the end of the process) came first: the
 * caller has the remaining time told then.
 */
static s64 sleep_heeding(u32 clock, u64 until, bool deaf)
{
	struct thread *t = current_thread();
	s64 ret = alarm_set(clock, until);

	if (ret)
		return ret;
	for (;;) {
		t->wait = WAIT_SLEEP;
		sched_prepare();
		if (alarm_rang(clock, until))
			break;
		if (deaf ? READ_ONCE(t->proc->exiting) : sched_interrupted()) {
			ret = -ERESTARTNOHAND;
			break;
		}
		schedule();
	}
	sched_cancel();
	t->wait = WAIT_NONE;
	alarm_clear();
	return ret;
}

static s64 sleep_until(u32 clock, u64 until)
{
	return sleep_heeding(clock, until, false);
}

void sleep_deaf(u64 ns)
{
	u64 now;

	if (!clock_ns(ABI_CLOCK_MONOTONIC, &now))
		sleep_heeding(ABI_CLOCK_MONOTONIC, ns_add(now, ns), true);
}

s64 sleep_for(u32 clock, u64 ns, u64 rem)
{
	u64 now, until;

	if (clock_ns(clock, &now))
		return -EINVAL;
	until = ns_add(now, ns);
	s64 ret = sleep_until(clock, until);

	if (ret && rem && !clock_ns(clock, &now) &&
		user_write_timespec(rem, until > now ? until - now : 0))
		return -EFAULT;
	return ret;
}

s64 sys_nanosleep(u64 req, u64 rem)
{
	u64 ns;
	s64 err = user_read_timespec(req, &ns);

	return err ? err : sleep_for(ABI_CLOCK_MONOTONIC, ns, rem);
}

s64 sys_clock_nanosleep(u64 clock, u64 flags, u64 req, u64 rem)
{
	u64 ns;
	s64 err;

	if ((u32)clock == ABI_CLOCK_PROCESS_CPUTIME || (u32)clock == ABI_CLOCK_MONOTONIC_RAW)
		return -EOPNOTSUPP;
	if (!clock_is_wall((u32)clock))
		return -EINVAL;
	err = user_read_timespec(req, &ns);
	if (err)
		return err;
	if (flags & TIMER_ABSTIME)
		return sleep_until((u32)clock, ns);
	/* A relative sleep is not moved by a change of the wall clock. */
	if ((u32)clock == ABI_CLOCK_REALTIME || (u32)clock == ABI_CLOCK_TAI)
		clock = ABI_CLOCK_MONOTONIC;
	return sleep_for((u32)clock, ns, rem);
}
