/* SPDX-License-Identifier: MIT */
/* timer_create and its kin, on the clocks of the time page. */
#include "guest-lwk/clock.h"
#include "guest-lwk/itimer.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/sys.h"

#define SIGALRM       14
#define TIMER_ABSTIME 1

struct user_sigevent {
	u64 value;
	s32 signo, notify, tid;
	u8 pad[44];
};
_Static_assert(sizeof(struct user_sigevent) == 64, "Linux ABI");

/* The timer with this id, process.lock held; NULL: none (and the lock is free again). */
static struct itimer *timer_lock(u64 id)
{
	struct process *proc = current_thread()->proc;
	struct itimer *it = NULL;

	spin_lock(&proc->lock);
	if ((u32)id < ITIMERS_POSIX)
		it = proc->itimers.posix[(u32)id];
	if (it && it->used)
		return it;
	spin_unlock(&proc->lock);
	return NULL;
}

static void timer_unlock(struct itimer *it)
{
	spin_unlock(&it->proc->lock);
}

/*
 * A free one, used from now on. Those deleted stay for the next: a fire() may still look at
 * them.
 */
static s64 timer_take(struct process *proc, const struct itimer *setting)
{
	s64 id = -EAGAIN;

	spin_lock(&proc->lock);
	for (u32 i = 0; i < ITIMERS_POSIX && id < 0; i++) {
		struct itimer **it = &proc->itimers.posix[i];

		if (*it && (*it)->used)
			continue;
		if (!*it)
			*it = kmem_alloc(sizeof(**it));
		if (!*it)
			break;
		(*it)->proc = proc;
		(*it)->used = true;
		(*it)->armed = false;
		(*it)->clock = setting->clock;
		(*it)->signo = setting->signo;
		(*it)->notify = setting->notify;
		(*it)->notify_tid = setting->notify_tid;
		(*it)->value = setting->value;
		(*it)->overrun = 0;
		(*it)->id = i;
		id = i;
	}
	spin_unlock(&proc->lock);
	return id;
}

static bool thread_in_process(struct process *proc, u32 tid)
{
	struct thread *t;

	spin_lock(&proc->lock);
	for (t = proc->threads; t && t->tid != tid; t = t->next)
		;
	spin_unlock(&proc->lock);
	return t;
}

static s64 event_read(u64 addr, struct process *proc, struct itimer *setting)
{
	struct user_sigevent event;

	if (user_read(&event, addr, sizeof(event)))
		return -EFAULT;
	setting->value = event.value;
	setting->signo = event.signo;
	setting->notify = (u32)event.notify;
	setting->notify_tid = (u32)event.tid;
	if (event.notify == SIGEV_NONE)
		return 0;
	if (event.notify != SIGEV_SIGNAL && event.notify != SIGEV_THREAD_ID)
		return -EINVAL;
	if (event.signo < 1 || event.signo > NSIG)
		return -EINVAL;
	if (event.notify == SIGEV_THREAD_ID && !thread_in_process(proc, (u32)event.tid))
		return -EINVAL;
	return 0;
}

s64 sys_timer_create(u64 clock, u64 event, u64 id_addr)
{
	struct process *proc = current_thread()->proc;
	struct itimer setting = {.clock = (u32)clock, .signo = SIGALRM, .notify = SIGEV_SIGNAL};
	s64 err = 0;

	if (!clock_is_wall((u32)clock) || (u32)clock == ABI_CLOCK_MONOTONIC_RAW)
		return -EINVAL;
	if (event)
		err = event_read(event, proc, &setting);
	if (err)
		return err;
	s64 id = timer_take(proc, &setting);

	if (id < 0)
		return id;
	if (!event) /* sigev_value is the id then */
		proc->itimers.posix[id]->value = (u64)id;
	if (user_write_u32(id_addr, (u32)id)) {
		sys_timer_delete((u64)id);
		return -EFAULT;
	}
	return 0;
}

/* struct itimerspec: the interval, then the value. */
static s64 write_itimerspec(u64 addr, u64 left, u64 interval)
{
	s64 err = user_write_timespec(addr, interval);

	return err ? err : user_write_timespec(addr + 16, left);
}

s64 sys_timer_settime(u64 id, u64 flags, u64 new_value, u64 old_value)
{
	u64 interval, ns, left, old_interval, deadline;
	s64 err = user_read_timespec(new_value, &interval);

	if (!err)
		err = user_read_timespec(new_value + 16, &ns);
	if (err)
		return err;
	struct itimer *it = timer_lock(id);

	if (!it)
		return -EINVAL;
	deadline = itimer_span(ns);
	if (ns && (flags & TIMER_ABSTIME))
		err = clock_to_tsc(it->clock, ns, &deadline);
	if (!err) {
		itimer_left(it, &left, &old_interval);
		it->overrun = 0;
		itimer_arm(it, deadline, interval);
	}
	timer_unlock(it);
	if (!err && old_value)
		err = write_itimerspec(old_value, left, old_interval);
	return err;
}

s64 sys_timer_gettime(u64 id, u64 value)
{
	struct itimer *it = timer_lock(id);
	u64 left, interval;

	if (!it)
		return -EINVAL;
	itimer_left(it, &left, &interval);
	timer_unlock(it);
	return write_itimerspec(value, left, interval);
}

s64 sys_timer_getoverrun(u64 id)
{
	struct itimer *it = timer_lock(id);

	if (!it)
		return -EINVAL;
	s64 overrun = it->overrun;

	timer_unlock(it);
	return overrun;
}

s64 sys_timer_delete(u64 id)
{
	struct itimer *it = timer_lock(id);

	if (!it)
		return -EINVAL;
	it->used = false;
	itimer_arm(it, 0, 0);
	timer_unlock(it);
	return 0;
}
