/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers on a core's TSC deadline. There is no periodic tick: the deadline MSR is
 * armed only while a timer is pending. A timer belongs to the core that started it.
 */
#ifndef LWK_TIMER_H
#define LWK_TIMER_H

#include "guest-lwk/types.h"

struct core;
struct process;

struct timer {
	struct timer *next;
	struct core *core; /* whose queue it is in, NULL: none; under that queue's lock */
	u64 deadline;      /* TSC */
	void (*fire)(struct timer *); /* on its core, in the timer interrupt, no lock held */
};

/* Queues (or moves) a timer on this core. */
void timer_start(struct timer *timer, u64 deadline);
/*
 * Takes it out; false if it was not pending (it has fired or is firing on another core right
 * now).
 */
bool timer_stop(struct timer *timer);
/*
 * The same, and its fire() is not running on any core afterwards. Not from a fire(); no lock
 * that it takes.
 */
void timer_stop_sync(struct timer *timer);
/* Sets this core's deadline to the earliest of its timers and the end of the slice. */
void timer_arm(struct core *core);
/* ABI_VEC_TIMER on this core; the caller has acknowledged the interrupt. */
void timer_interrupt(void);
/* Sets up the LAPIC timer of this core. */
void timer_init_core(void);

/* setitimer and POSIX timers of a process; see itimer.c. */
#define ITIMERS_POSIX 64
struct itimer {
	struct timer timer;
	struct process *proc;
	bool used;
	bool armed;
	u64 interval_tsc, interval_ns;
	u64 deadline_tsc;
	u32 clock;
	s32 signo;  /* 0: SIGEV_NONE */
	u32 notify; /* SIGEV_* */
	u32 notify_tid;
	u64 value; /* sigev_value */
	u32 overrun;
	u32 id;
};
struct itimers {
	struct itimer real;                  /* ITIMER_REAL */
	struct itimer *posix[ITIMERS_POSIX]; /* allocated at first use */
};
void itimers_end(struct process *proc);

/*
 * The guest's clocks, from the share area's time page. clock is CLOCK_* of Linux; CPU clocks
 * are the LWK's own account. -EINVAL: no such clock.
 */
s64 clock_ns(u32 clock, u64 *ns);
/*
 * The TSC value at which clock (REALTIME, MONOTONIC, BOOTTIME, TAI) will show ns; now if that
 * is past.
 */
s64 clock_to_tsc(u32 clock, u64 ns, u64 *tsc);
/* TSC ticks of ns at the present rate of the host's clock. */
u64 clock_ticks(u64 ns);

/*
 * sleep.c: the current thread's alarm clock. At `ns` of `clock` its timed_out becomes true and
 * it is woken.
 */
s64 alarm_set(u32 clock, u64 ns);
/*
 * True once it is really that late: the rate of the clock may have changed since (then it is
 * set anew).
 */
bool alarm_rang(u32 clock, u64 ns);
void alarm_clear(void);

/* struct timespec and timeval of the program. -EFAULT, -EINVAL (out of range). */
#define NS_PER_SEC 1000000000ULL
s64 user_read_timespec(u64 addr, u64 *ns);
s64 user_write_timespec(u64 addr, u64 ns);
u64 ns_add(u64 a, u64 b); /* saturates */

#endif
