/* SPDX-License-Identifier: MIT */
/*
 * The time page: the writer of the host side against the reader that the vDSO and the LWK use.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#include "guest-lwk/vdso/read.h"
#include "tests/unit/suite.h"
#include "vmm/clock.h"

#define LIMIT_NS 100000 /* design.md: within 100 us */

static struct abi_time page;
static struct clock host_clock;

static uint64_t now_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void nap(long ms)
{
	struct timespec ts = {0, ms * 1000000};

	nanosleep(&ts, NULL);
}

static uint64_t measured_khz(void)
{
	uint64_t tsc = __rdtsc(), ns = now_ns(CLOCK_MONOTONIC_RAW);

	nap(20);
	return (__rdtsc() - tsc) * 1000000 / (now_ns(CLOCK_MONOTONIC_RAW) - ns);
}

static void setup(void)
{
	page = (struct abi_time){0};
	clock_init(&host_clock, &page, measured_khz(), true);
}

static uint64_t page_ns(uint32_t id)
{
	uint64_t ns = 0;

	ck_assert(time_page_read(&page, id, &ns));
	return ns;
}

/*
 * The host's clock is read before and after: however long we were off the CPU, ours lies
 * between.
 */
static void check_clock(uint32_t id)
{
	uint64_t before = now_ns((clockid_t)id), ns = page_ns(id),
		 after = now_ns((clockid_t)id);

	ck_assert_msg(ns + LIMIT_NS >= before && ns <= after + LIMIT_NS,
		"clock %u: %llu is not in [%llu, %llu]", id, (unsigned long long)ns,
		(unsigned long long)before, (unsigned long long)after);
}

static void check_all(void)
{
	static const uint32_t ids[] = {ABI_CLOCK_REALTIME, ABI_CLOCK_MONOTONIC,
		ABI_CLOCK_BOOTTIME, ABI_CLOCK_TAI, ABI_CLOCK_MONOTONIC_RAW};

	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		check_clock(ids[i]);
}

START_TEST(test_near_host)
{
	check_all();
	for (int i = 0; i < 10; i++) {
		nap(20);
		check_all();
		clock_update(&host_clock);
		check_all();
	}
}
END_TEST

START_TEST(test_not_valid)
{
	struct abi_time empty = {0};
	uint64_t ns;

	ck_assert(!time_page_read(&empty, ABI_CLOCK_MONOTONIC, &ns));
	ck_assert(!time_page_read(&page, ABI_CLOCK_THREAD_CPUTIME, &ns));
	ck_assert(!time_page_read(&page, 10, &ns));
	ck_assert(!time_page_read(&page, (uint32_t)-6, &ns));
	ck_assert_uint_eq(page.software, 1);
}
END_TEST

static atomic_bool stop;

/* The number of readings that went back, of MONOTONIC and MONOTONIC_RAW. */
static void *reader(void *arg)
{
	uint64_t mono = 0, raw = 0;
	uintptr_t bad = 0;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		uint64_t ns = 0;

		bad += !time_page_read(&page, ABI_CLOCK_MONOTONIC, &ns) || ns < mono;
		mono = ns;
		bad += !time_page_read(&page, ABI_CLOCK_MONOTONIC_RAW, &ns) || ns < raw;
		raw = ns;
	}
	return (void *)bad;
}

START_TEST(test_never_back)
{
	pthread_t thread;
	void *bad;

	atomic_store(&stop, false);
	ck_assert_int_eq(pthread_create(&thread, NULL, reader, NULL), 0);
	for (int i = 0; i < 60; i++) {
		nap(6);
		clock_update(&host_clock);
		/* Errors of both signs for the next update to work off. */
		__atomic_store_n(&page.seq, page.seq + 1, __ATOMIC_SEQ_CST);
		uint64_t tsc = __rdtsc(), ticks = tsc - page.tsc_base;

		page.mono_ns += time_page_ns(ticks, page.mult);
		page.raw_ns += time_page_ns(ticks, page.raw_mult);
		page.tsc_base = tsc;
		page.mult += i & 1 ? page.mult / 10 : -(page.mult / 10);
		__atomic_store_n(&page.seq, page.seq + 1, __ATOMIC_RELEASE);
	}
	atomic_store(&stop, true);
	pthread_join(thread, &bad);
	ck_assert_uint_eq((uintptr_t)bad, 0);
}
END_TEST

/*
 * A page that runs ahead comes back by running slower, never by a step; within a few updates.
 */
START_TEST(test_ahead)
{
	page.mono_ns += 2 * LIMIT_NS;
	nap(10);
	uint64_t before = page_ns(ABI_CLOCK_MONOTONIC);

	clock_update(&host_clock);
	ck_assert_uint_ge(page_ns(ABI_CLOCK_MONOTONIC), before);
	ck_assert_uint_lt(page.mult, page.raw_mult);
	for (int i = 0; i < 3; i++) {
		nap(100);
		clock_update(&host_clock);
	}
	check_clock(ABI_CLOCK_MONOTONIC);
}
END_TEST

/* One that is far behind (the host was suspended) is put right at once. */
START_TEST(test_far_behind)
{
	page.mono_ns -= 5000000000;
	nap(10);
	clock_update(&host_clock);
	check_clock(ABI_CLOCK_MONOTONIC);
	check_clock(ABI_CLOCK_REALTIME);
}
END_TEST

START_TEST(test_too_early)
{
	struct abi_time copy = page;

	clock_update(&host_clock);
	ck_assert_mem_eq(&copy, &page, sizeof(page));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clock");
	TCase *tcase = tcase_create("clock");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, test_near_host);
	tcase_add_test(tcase, test_not_valid);
	tcase_add_test(tcase, test_never_back);
	tcase_add_test(tcase, test_ahead);
	tcase_add_test(tcase, test_far_behind);
	tcase_add_test(tcase, test_too_early);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
