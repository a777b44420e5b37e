/* SPDX-License-Identifier: MIT */
/* Clocks, sleeping, timers. */
#include "abi.h"

#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/resource.h>

static volatile int count, code, value;

static void on_info(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	code = info->si_code;
	value = info->si_value.sival_int;
	count++;
}

static void handle(int sig)
{
	struct sigaction action = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};

	MUST(sigaction(sig, &action, NULL));
}

CASE(clock_gettime, clock_gettime)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC,
		CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
		CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, 10, CLOCK_TAI,
		12, 99};
	struct timespec a, b;

	for (size_t i = 0; i < ARRAY_LEN(clocks); i++) {
		TELL("clock %d: ", clocks[i]);
		if (SHOW(SYS(clock_gettime, clocks[i], &a)) != 0)
			continue;
		MUST(clock_gettime(clocks[i], &b));
		TRUE(b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
	}
	SHOW(SYS(clock_gettime, CLOCK_MONOTONIC, BAD));
}

CASE(clock_getres, clock_getres)
{
	struct timespec t;

	SHOW(clock_getres(CLOCK_MONOTONIC, &t));
	TELL("%ld %ld\n", (long)t.tv_sec, t.tv_nsec);
	SHOW(clock_getres(CLOCK_PROCESS_CPUTIME_ID, &t));
	TELL("%ld %ld\n", (long)t.tv_sec, t.tv_nsec);
	SHOW(SYS(clock_getres, CLOCK_REALTIME, NULL));
	SHOW(clock_getres(99, &t));
	SHOW(SYS(clock_getres, CLOCK_MONOTONIC, BAD));
}

CASE(clocks_agree, clock_gettime, gettimeofday, time)
{
	struct timespec t, m;
	struct timeval v;
	time_t seconds;

	MUST(clock_gettime(CLOCK_REALTIME, &t));
	SHOW(SYS(gettimeofday, &v, NULL));
	seconds = SYS(time, &seconds);
	TRUE(v.tv_sec - t.tv_sec <= 1 && seconds - t.tv_sec <= 1);
	MUST(clock_gettime(CLOCK_MONOTONIC, &t));
	MUST(clock_gettime(CLOCK_BOOTTIME, &m));
	TRUE(m.tv_sec >= t.tv_sec);
	SHOW(SYS(gettimeofday, NULL, NULL));
	SHOW(SYS(gettimeofday, BAD, NULL));
	SHOW(SYS(time, BAD));
}

CASE(cpu_time, clock_gettime, getrusage, times)
{
	struct timespec a, b;
	struct rusage r;
	struct tms t;
	uint64_t begin = abi_now_ns(CLOCK_MONOTONIC);

	MUST(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a));
	while (abi_now_ns(CLOCK_MONOTONIC) - begin < 30000000)
		;
	MUST(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b));
	TRUE((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec > 1000000);
	SHOW(getrusage(RUSAGE_SELF, &r));
	TRUE(r.ru_utime.tv_sec * 1000000 + r.ru_utime.tv_usec + r.ru_stime.tv_usec > 0);
	SHOW(getrusage(RUSAGE_THREAD, &r));
	SHOW(getrusage(RUSAGE_CHILDREN, &r));
	TELL("%ld\n", (long)r.ru_utime.tv_sec);
	SHOW(getrusage(99, &r));
	SHOW(SYS(getrusage, RUSAGE_SELF, BAD));
	GOOD(times(&t));
	GOOD(SYS(times, NULL));
}

CASE(nanosleep, nanosleep)
{
	struct timespec t = {0, 20000000};
	uint64_t begin = abi_now_ns(CLOCK_MONOTONIC);

	SHOW(nanosleep(&t, NULL));
	TRUE(abi_now_ns(CLOCK_MONOTONIC) - begin >= 20000000);
	t.tv_nsec = 1000000000;
	SHOW(nanosleep(&t, NULL));
	t = (struct timespec){-1, 0};
	SHOW(nanosleep(&t, NULL));
	t = (struct timespec){0, 0};
	SHOW(nanosleep(&t, NULL));
	SHOW(SYS(nanosleep, BAD, NULL));
}

CASE(nanosleep_interrupted, nanosleep)
{
	struct timespec t = {10, 0}, left = {0, 0};

	handle(SIGUSR1);
	abi_interrupt_after(20);
	SHOW(nanosleep(&t, &left));
	TRUE(left.tv_sec == 9);
}

CASE(clock_nanosleep, clock_nanosleep)
{
	struct timespec t;

	MUST(clock_gettime(CLOCK_MONOTONIC, &t));
	SHOW(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
	t.tv_nsec += 20000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	SHOW(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
	TRUE(abi_now_ns(CLOCK_MONOTONIC) >=
		(uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec);
	t = (struct timespec){0, 1000000};
	SHOW(clock_nanosleep(CLOCK_REALTIME, 0, &t, NULL));
	SHOW(clock_nanosleep(CLOCK_BOOTTIME, 0, &t, NULL));
	SHOW(clock_nanosleep(CLOCK_TAI, 0, &t, NULL));
	SHOW(clock_nanosleep(CLOCK_MONOTONIC_RAW, 0, &t, NULL));
	SHOW(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL));
	SHOW(SYS(clock_nanosleep, 99, 0, &t, NULL));
	SHOW(SYS(clock_nanosleep, CLOCK_MONOTONIC, 0, BAD, NULL));
}

CASE(clock_nanosleep_absolute_interrupted, clock_nanosleep)
{
	struct timespec t, left = {77, 0};

	handle(SIGUSR1);
	MUST(clock_gettime(CLOCK_MONOTONIC, &t));
	t.tv_sec += 10;
	abi_interrupt_after(20);
	SHOW(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, &left));
	TELL("%ld\n", (long)left.tv_sec);
}

CASE(alarm, alarm)
{
	SHOW(alarm(100));
	SHOW(alarm(50) > 98);
	SHOW(alarm(0) > 48);
	SHOW(alarm(0));
}

CASE(itimer_real, setitimer, getitimer)
{
	struct itimerval t = {{0, 5000}, {0, 10000}}, old;

	handle(SIGALRM);
	SHOW(setitimer(ITIMER_REAL, &t, NULL));
	while (count < 3)
		abi_sleep_ms(1);
	TELL("code %d\n", code);
	SHOW(getitimer(ITIMER_REAL, &old));
	TELL("interval %ld\n", (long)old.it_interval.tv_usec);
	t = (struct itimerval){0};
	SHOW(setitimer(ITIMER_REAL, &t, &old));
	TELL("interval %ld\n", (long)old.it_interval.tv_usec);
	SHOW(getitimer(ITIMER_REAL, &old));
	TELL("value %ld %ld\n", (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
	t.it_value.tv_usec = 1000000;
	SHOW(setitimer(ITIMER_REAL, &t, NULL));
	SHOW(setitimer(9, &t, NULL));
	SHOW(getitimer(9, &t));
	SHOW(SYS(getitimer, ITIMER_REAL, BAD));
	SHOW(SYS(setitimer, ITIMER_REAL, BAD, NULL));
}

CASE(itimer_virtual, setitimer)
{
	struct itimerval t = {{0, 0}, {0, 10000}};

	handle(SIGVTALRM);
	handle(SIGPROF);
	if (SHOW(setitimer(ITIMER_VIRTUAL, &t, NULL)) != 0)
		return;
	while (count < 1)
		;
	SHOW(setitimer(ITIMER_PROF, &t, NULL));
	while (count < 2)
		;
	TELL("%d\n", count);
}

CASE(alarm_kills, alarm)
{
	alarm(1);
	for (;;)
		pause();
}

CASE(timer, timer_create, timer_settime, timer_gettime, timer_delete)
{
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGRTMIN,
		.sigev_value = {.sival_int = 44}};
	struct itimerspec t = {{0, 0}, {0, 5000000}}, now;
	timer_t id;

	handle(SIGRTMIN);
	SHOW(timer_create(CLOCK_MONOTONIC, &e, &id));
	SHOW(timer_gettime(id, &now));
	TELL("%ld %ld\n", (long)now.it_value.tv_sec, now.it_value.tv_nsec);
	SHOW(timer_settime(id, 0, &t, NULL));
	abi_wait_for(&count, 1);
	TELL("code %d value %d\n", code, value);
	t.it_value.tv_sec = 100;
	SHOW(timer_settime(id, 0, &t, NULL));
	SHOW(timer_gettime(id, &now));
	TRUE(now.it_value.tv_sec >= 99);
	t.it_value.tv_nsec = -1;
	SHOW(timer_settime(id, 0, &t, NULL));
	SHOW(timer_delete(id));
	SHOW(timer_delete(id));
	SHOW(SYS(timer_settime, 99, 0, &t, NULL));
	SHOW(SYS(timer_gettime, 99, &t));
	SHOW(SYS(timer_getoverrun, 99));
}

CASE(timer_overrun, timer_create, timer_getoverrun)
{
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
	struct itimerspec t = {{0, 1000000}, {0, 1000000}};
	sigset_t set;
	timer_t id;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	MUST(timer_create(CLOCK_MONOTONIC, &e, &id));
	MUST(timer_settime(id, 0, &t, NULL));
	abi_sleep_ms(20);
	SHOW(sigwaitinfo(&set, NULL));
	TRUE(timer_getoverrun(id) >= 1);
}

CASE(timer_kinds, timer_create)
{
	struct sigevent e = {.sigev_notify = SIGEV_NONE};
	struct itimerspec t = {{0, 0}, {0, 5000000}};
	timer_t id;

	SHOW(timer_create(CLOCK_REALTIME, &e, &id));
	SHOW(timer_settime(id, 0, &t, NULL));
	abi_sleep_ms(10);
	SHOW(timer_gettime(id, &t));
	TELL("%ld\n", t.it_value.tv_nsec);
	SHOW(timer_create(CLOCK_REALTIME, NULL, &id));
	SHOW(SYS(timer_create, CLOCK_BOOTTIME, NULL, &value));
	SHOW(SYS(timer_create, CLOCK_PROCESS_CPUTIME_ID, NULL, &value));
	SHOW(SYS(timer_create, CLOCK_MONOTONIC_RAW, NULL, &value));
	SHOW(SYS(timer_create, 99, NULL, &value));
	e.sigev_notify = 77;
	SHOW(SYS(timer_create, CLOCK_REALTIME, &e, &value));
	e = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99};
	SHOW(SYS(timer_create, CLOCK_REALTIME, &e, &value));
	SHOW(SYS(timer_create, CLOCK_REALTIME, NULL, BAD));
	SHOW(SYS(timer_create, CLOCK_REALTIME, BAD, &value));
}

static void on_thread(union sigval v)
{
	value = v.sival_int;
	count++;
}

CASE(timer_thread, timer_create, timer_settime)
{
	struct sigevent e = {.sigev_notify = SIGEV_THREAD,
		.sigev_value = {.sival_int = 3},
		.sigev_notify_function = on_thread};
	struct itimerspec t = {{0, 0}, {0, 5000000}};
	timer_t id;

	SHOW(timer_create(CLOCK_MONOTONIC, &e, &id));
	SHOW(timer_settime(id, 0, &t, NULL));
	abi_wait_for(&count, 1);
	TELL("%d\n", value);
	SHOW(timer_delete(id));
}

CASE(timer_absolute, timer_settime)
{
	struct itimerspec t = {{0, 0}, {1, 0}};
	timer_t id;

	handle(SIGALRM);
	MUST(timer_create(CLOCK_REALTIME, NULL, &id));
	SHOW(timer_settime(id, TIMER_ABSTIME, &t, NULL));
	abi_wait_for(&count, 1);
	TELL("code %d\n", code);
}

CASE(clock_set, clock_settime, settimeofday, adjtimex, clock_adjtime)
{
	struct timespec t = {0, 2000000000};

	SHOW(clock_settime(CLOCK_MONOTONIC, &t));
	SHOW(clock_settime(CLOCK_REALTIME, &t));
}
