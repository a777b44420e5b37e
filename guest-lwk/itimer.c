/* SPDX-License-Identifier: MIT */
/*
 * Interval timers. One fires on the core that armed it last; what it does then is decided under
 * the process's lock by the deadline that holds at that moment, so one that was just set anew,
 * stopped or deleted on another core does nothing.
 */
#include "guest-lwk/itimer.h"
#include "guest-lwk/clock.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/sys.h"

#define SIGALRM   14
#define SI_KERNEL 128
#define SI_TIMER  (-2)
#define USEC_NS   1000ULL
/*
 * However short the interval, the program must get on between two signals. Delivering one takes
 * up to some milliseconds where ring 0 is emulated.
 */
#define LEAST_NS          50000ULL
#define LEAST_SOFTWARE_NS 5000000ULL

/*
 * Its last signal is still queued: that one's overrun counts on, as POSIX has it. process.lock
 * is held.
 */
static bool still_queued(struct sigpending *pending, const struct itimer *it, u32 more)
{
	struct sigqueue *q;

	for (q = pending->head; q; q = q->next) {
		if (q->info.code == SI_TIMER && q->info.timerid == (s32)it->id) {
			q->info.overrun += (s32)more;
			return true;
		}
	}
	return false;
}

static struct thread *thread_of(const struct process *proc, u32 tid)
{
	struct thread *t;

	for (t = proc->threads; t && t->tid != tid; t = t->next)
		;
	return t;
}

/* What to send, and to whom (NULL: to the process). False: nothing. process.lock is held. */
static bool expiry(struct itimer *it, u32 missed, struct ksiginfo *info, struct thread **to)
{
	struct process *proc = it->proc;

	*to = NULL;
	if (it->notify == SIGEV_NONE)
		return false;
	*info = (struct ksiginfo){.signo = it->signo, .code = SI_KERNEL};
	if (it == &proc->itimers.real)
		return true;
	if (it->notify == SIGEV_THREAD_ID && !(*to = thread_of(proc, it->notify_tid)))
		return false;
	if (still_queued(
		    *to ? &(*to)->signals.pending : &proc->sighand.shared, it, missed + 1)) {
		it->overrun += missed + 1;
		return false;
	}
	it->overrun = missed;
	info->code = SI_TIMER;
	info->timerid = (s32)it->id;
	info->overrun = (s32)missed;
	info->value = it->value;
	return true;
}

/*
 * Periods that have passed since the deadline, and those left out because they are too short.
 */
static u64 periods_missed(const struct itimer *it, u64 now)
{
	u64 least = ns_to_tsc(machine.software_kvm ? LEAST_SOFTWARE_NS : LEAST_NS);

	if (!it->interval_tsc)
		return 0;
	return (now - it->deadline_tsc) / it->interval_tsc +
	       (it->interval_tsc < least ? least / it->interval_tsc : 0);
}

static void itimer_fire(struct timer *timer)
{
	struct itimer *it = container_of(timer, struct itimer, timer);
	struct process *proc = it->proc;
	struct thread *to = NULL;
	struct ksiginfo info;
	bool send = false;
	u64 now = rdtsc();

	spin_lock(&proc->lock);
	if (it->armed && it->deadline_tsc <= now && !proc->exiting) {
		u64 missed = periods_missed(it, now);

		send = expiry(it, (u32)MIN(missed, 0x7ffffffe), &info, &to);
		itimer_arm(it,
			it->interval_tsc ? it->deadline_tsc + (missed + 1) * it->interval_tsc
					 : 0,
			it->interval_ns);
	}
	spin_unlock(&proc->lock);
	/*
	 * A thread that ends now leaves its slot behind: the signal finds nobody, or comes
	 * late.
	 */
	if (send && to)
		signal_send_thread(to, &info);
	else if (send)
		signal_send_process(proc, &info);
}

void itimer_arm(struct itimer *it, u64 deadline_tsc, u64 interval_ns)
{
	it->armed = deadline_tsc != 0;
	it->deadline_tsc = deadline_tsc;
	it->interval_tsc = clock_ticks(interval_ns);
	it->interval_ns = interval_ns;
	it->timer.fire = itimer_fire;
	if (it->armed)
		timer_start(&it->timer, deadline_tsc);
	else
		timer_stop(&it->timer);
}

void itimer_left(const struct itimer *it, u64 *left, u64 *interval)
{
	u64 now = rdtsc();

	*left = *interval = 0;
	if (!it->armed)
		return;
	/* Armed but late is about to fire: 0 would mean 'not armed'. */
	*left = MAX(it->deadline_tsc > now ? tsc_to_ns(it->deadline_tsc - now) : 0, USEC_NS);
	*interval = it->interval_ns; /* as it was given: ticks and back would round it */
}

u64 itimer_span(u64 ns)
{
	return ns ? ns_add(rdtsc(), MAX(clock_ticks(ns), 1)) : 0;
}

void itimers_end(struct process *proc)
{
	struct itimers *all = &proc->itimers;

	/*
	 * fire() does nothing once it sees armed == false; afterwards none runs that saw it
	 * true.
	 */
	spin_lock(&proc->lock);
	all->real.armed = false;
	/* Taken from the first on (timer_take): none behind one that is not there. */
	for (u32 i = 0; i < ITIMERS_POSIX && all->posix[i]; i++)
		all->posix[i]->armed = false;
	spin_unlock(&proc->lock);
	timer_stop_sync(&all->real.timer);
	for (u32 i = 0; i < ITIMERS_POSIX && all->posix[i]; i++) {
		timer_stop_sync(&all->posix[i]->timer);
		kmem_free(all->posix[i], sizeof(struct itimer));
		all->posix[i] = NULL;
	}
}

/* ---- setitimer, getitimer, alarm ---- */

struct user_itimerval {
	u64 interval_sec, interval_usec, sec, usec;
};

static bool timeval_ok(u64 sec, u64 usec, u64 *ns)
{
	if ((s64)sec < 0 || usec >= NS_PER_SEC / USEC_NS)
		return false;
	*ns = sec >= ~0ULL / NS_PER_SEC ? ~0ULL >> 1 : sec * NS_PER_SEC + usec * USEC_NS;
	return true;
}

static s64 write_itimerval(u64 addr, u64 left, u64 interval)
{
	const struct user_itimerval value = {
		interval / NS_PER_SEC,
		interval % NS_PER_SEC / USEC_NS,
		left / NS_PER_SEC,
		left % NS_PER_SEC / USEC_NS,
	};

	return user_write(addr, &value, sizeof(value));
}

/* CPU-time timers would need a tick on every core that the process runs on. */
static s64 which_check(u64 which)
{
	static const char *const names[] = {"ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF"};

	if (which == 0)
		return 0;
	if (which < ARRAY_SIZE(names))
		printk("setitimer: %s is not served, only ITIMER_REAL", names[which]);
	return -EINVAL;
}

/* The caller holds proc->lock. */
static void real_arm(struct process *proc, u64 deadline_tsc, u64 interval_ns)
{
	struct itimer *it = &proc->itimers.real;

	it->proc = proc;
	it->signo = SIGALRM;
	it->notify = SIGEV_SIGNAL;
	itimer_arm(it, deadline_tsc, interval_ns);
}

/* Sets the real timer and tells what was left of the old setting. */
static void real_set(u64 ns, u64 interval_ns, u64 *old_left, u64 *old_interval)
{
	struct process *proc = current_thread()->proc;

	spin_lock(&proc->lock);
	itimer_left(&proc->itimers.real, old_left, old_interval);
	real_arm(proc, itimer_span(ns), interval_ns);
	spin_unlock(&proc->lock);
}

void itimer_bequeath(const struct process *proc, struct abi_alarm *alarm)
{
	u64 now, left;

	*alarm = (struct abi_alarm){0};
	itimer_left(&proc->itimers.real, &left, &alarm->interval_ns);
	if (left && !clock_ns(ABI_CLOCK_MONOTONIC, &now))
		alarm->at_ns = ns_add(now, left);
}

void itimer_inherit(struct process *proc, const struct abi_alarm *alarm)
{
	/* Copied in once: the proxy may write to it. */
	const struct abi_alarm a = *alarm;
	u64 tsc;

	if (a.at_ns && !clock_to_tsc(ABI_CLOCK_MONOTONIC, a.at_ns, &tsc))
		real_arm(proc, tsc, a.interval_ns);
}

s64 sys_setitimer(u64 which, u64 new_value, u64 old_value)
{
	struct user_itimerval value = {0};
	u64 ns, interval, old_left, old_interval;
	s64 err = which_check(which);

	if (err)
		return err;
	if (new_value && user_read(&value, new_value, sizeof(value)))
		return -EFAULT;
	if (!timeval_ok(value.sec, value.usec, &ns) ||
		!timeval_ok(value.interval_sec, value.interval_usec, &interval))
		return -EINVAL;
	real_set(ns, interval, &old_left, &old_interval);
	return old_value ? write_itimerval(old_value, old_left, old_interval) : 0;
}

s64 sys_getitimer(u64 which, u64 value)
{
	struct process *proc = current_thread()->proc;
	u64 left, interval;
	s64 err = which_check(which);

	if (err)
		return err;
	spin_lock(&proc->lock);
	itimer_left(&proc->itimers.real, &left, &interval);
	spin_unlock(&proc->lock);
	return write_itimerval(value, left, interval);
}

s64 sys_alarm(u64 seconds)
{
	u64 left, interval;

	real_set((u32)seconds * NS_PER_SEC, 0, &left, &interval);
	/* Rounded, but never to 0 while an alarm was set. */
	u64 rest = left % NS_PER_SEC;

	left /= NS_PER_SEC;
	return (s64)(left + ((rest && !left) || rest >= NS_PER_SEC / 2));
}
