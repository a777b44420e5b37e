/* SPDX-License-Identifier: MIT */
/* Clocks and sleeps: monotonic everywhere, in step with each other, never too early. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>

#include "check.h"

#define MS 1000000u

/* Threads pass the greatest time seen from hand to hand: nobody may see an earlier one. */
static uint64_t latest;

static void *monotonic_body(void *arg)
{
	for (int i = 0; i < 200000; i++) {
		uint64_t seen = __atomic_load_n(&latest, __ATOMIC_SEQ_CST);
		uint64_t now = check_now_ns();

		CHECK(now >= seen);
		__atomic_compare_exchange_n(
			&latest, &seen, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
	return arg;
}

static void test_monotonic(void)
{
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		CHECK_ZERO(pthread_create(&thread[i], NULL, monotonic_body, NULL));
	for (int i = 0; i < 4; i++)
		CHECK_ZERO(pthread_join(thread[i], NULL));
}

static uint64_t call_ns(clockid_t clock)
{
	struct timespec ts;

	CHECK(syscall(SYS_clock_gettime, clock, &ts) == 0);
	return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

/* The vDSO against the system call, closely, over a while. */
static void test_against_call(void)
{
	static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME,
		CLOCK_TAI, CLOCK_MONOTONIC_RAW};

	for (int i = 0; i < 50; i++) {
		for (size_t c = 0; c < ARRAY_LEN(clocks); c++) {
			uint64_t before = call_ns(clocks[c]), here = check_clock_ns(clocks[c]);
			uint64_t after = call_ns(clocks[c]);

			CHECK(here + MS / 5 >= before && here <= after + MS / 5);
		}
		check_sleep_ms(4);
	}
}

static void test_coarse(void)
{
	struct timespec fine, coarse;
	struct timeval tv;
	time_t t;

	CHECK(clock_gettime(CLOCK_REALTIME_COARSE, &coarse) == 0);
	CHECK(clock_gettime(CLOCK_REALTIME, &fine) == 0);
	CHECK(gettimeofday(&tv, NULL) == 0);
	t = time(NULL);
	CHECK(fine.tv_sec - coarse.tv_sec <= 1 && coarse.tv_sec <= fine.tv_sec + 1);
	CHECK(tv.tv_sec - fine.tv_sec <= 1 && tv.tv_usec >= 0 && tv.tv_usec < 1000000);
	CHECK(t - fine.tv_sec <= 1 && t + 1 >= fine.tv_sec);
	CHECK(t > 1600000000);
	CHECK(clock_getres(CLOCK_MONOTONIC, &fine) == 0 && fine.tv_sec == 0 &&
		fine.tv_nsec == 1);
	CHECK_ERRNO(clock_gettime(77, &fine), EINVAL);
}

static void test_sleep(void)
{
	static const long ns[] = {0, 1, 50000, 1000000, 20000000, 100000000};

	for (size_t i = 0; i < ARRAY_LEN(ns); i++) {
		struct timespec ts = {0, ns[i]}, end;
		uint64_t start = check_now_ns();

		CHECK(nanosleep(&ts, NULL) == 0);
		CHECK(check_now_ns() - start >= (uint64_t)ns[i]);
		CHECK(check_now_ns() - start < (uint64_t)ns[i] + 2000 * MS);

		CHECK(clock_gettime(CLOCK_REALTIME, &end) == 0);
		start = check_clock_ns(CLOCK_REALTIME) + (uint64_t)ns[i];
		end.tv_nsec += ns[i];
		end.tv_sec += end.tv_nsec / 1000000000;
		end.tv_nsec %= 1000000000;
		CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &end, NULL) == 0);
		CHECK(check_clock_ns(CLOCK_REALTIME) + MS >= start);
	}
	CHECK_ERRNO(nanosleep(&(struct timespec){0, 1000000000}, NULL), EINVAL);
	CHECK_ERRNO(nanosleep(&(struct timespec){-1, 0}, NULL), EINVAL);
}

/* CPU time passes when we compute and not when we sleep. */
static void test_cpu_time(void)
{
	uint64_t process = check_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	uint64_t thread = check_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t start = check_now_ns(), slept;
	struct rusage usage;
	struct tms tms;

	while (check_clock_ns(CLOCK_THREAD_CPUTIME_ID) - thread < 100 * MS)
		CHECK(check_now_ns() - start < 30000u * (uint64_t)MS);
	CHECK(check_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - process >= 99 * MS);
	thread = check_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	check_sleep_ms(200);
	slept = check_clock_ns(CLOCK_THREAD_CPUTIME_ID) - thread;
	CHECK(slept < 100 * MS);
	CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
	CHECK(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec +
			usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec >=
		80000);
	CHECK(times(&tms) != (clock_t)-1 && tms.tms_utime + tms.tms_stime >= 8);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"monotonic", test_monotonic},
		{"against_call", test_against_call},
		{"coarse", test_coarse},
		{"sleep", test_sleep},
		{"cpu_time", test_cpu_time},
	};

	(void)argc;
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
