/* SPDX-License-Identifier: MIT */
#include "vmm/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#define NS_PER_SEC 1000000000ULL
#define TRIES      8
/* Between two samples: below, their noise would spoil the slope. */
#define LEAST_NS 5000000ULL
/* An error is worked off over this. */
#define HORIZON_NS 100000000ULL
/* More than this behind (the host was suspended): forward at once. */
#define STEP_NS 1000000ULL
/* A difference of offsets that is only noise. */
#define SAME_OFFSET_NS 2000

static uint64_t host_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* The tightest of some tries: whatever disturbs one makes it wider. */
static struct clock_point sample(clockid_t id)
{
	struct clock_point best = {0, 0};
	uint64_t width = UINT64_MAX;

	for (unsigned i = 0; i < TRIES; i++) {
		unsigned aux;
		uint64_t start = __rdtscp(&aux);
		uint64_t ns = host_ns(id);
		uint64_t end = __rdtscp(&aux);

		if (end - start < width) {
			width = end - start;
			best = (struct clock_point){start + width / 2, ns};
		}
	}
	return best;
}

/* clock - reference, by the tightest reference, clock, reference. */
static int64_t offset(clockid_t id, clockid_t reference)
{
	uint64_t width = UINT64_MAX;
	int64_t best = 0;

	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t start = host_ns(reference);
		uint64_t ns = host_ns(id);
		uint64_t end = host_ns(reference);

		if (end - start < width) {
			width = end - start;
			best = (int64_t)(ns - (start + width / 2));
		}
	}
	return best;
}

/*
 * An offset changes by steps only (clock set, suspended): small differences are the sampling's.
 */
static int64_t offset_keep(int64_t old, int64_t now)
{
	return llabs(now - old) <= SAME_OFFSET_NS ? old : now;
}

/* Whole seconds, always. */
static int64_t tai_offset(void)
{
	int64_t ns = offset(CLOCK_TAI, CLOCK_REALTIME) + (int64_t)NS_PER_SEC / 2;

	return ns - ns % (int64_t)NS_PER_SEC;
}

static uint64_t scale(uint64_t ticks, uint64_t mult)
{
	return (uint64_t)((unsigned __int128)ticks * mult >> 32);
}

static uint64_t slope(struct clock_point from, struct clock_point to)
{
	return (uint64_t)(((unsigned __int128)(to.ns - from.ns) << 32) / (to.tsc - from.tsc));
}

/*
 * Continues a line of the page at `tsc`, where it has got to *ns, towards the host's clock:
 * which was at `now` a moment before and runs at `rate`. Not back, ever; forward by a step only
 * when it is far behind.
 */
static void line_steer(
	struct clock_point now, uint64_t rate, uint64_t tsc, uint64_t *ns, uint64_t *mult)
{
	uint64_t host = now.ns + scale(tsc - now.tsc, rate);
	int64_t error = (int64_t)(host - *ns);
	int64_t most = (int64_t)(rate / 8), correction;

	if (error > (int64_t)STEP_NS) {
		*ns = host;
		error = 0;
	}
	/* ns of error a HORIZON, as a part of the rate. */
	correction = (int64_t)((__int128)error * (int64_t)rate / (int64_t)HORIZON_NS);
	if (correction > most)
		correction = most;
	if (correction < -most)
		correction = -most;
	*mult = (uint64_t)((int64_t)rate + correction);
}

/*
 * The handover is read after seq is odd (full fence): a reader that used the old lines read its
 * TSC before it, or sees the odd seq and reads again (vdso/read.h). So the new lines begin
 * where no reader has been.
 */
static uint64_t page_open(struct abi_time *page)
{
	__atomic_store_n(&page->seq, page->seq + 1, __ATOMIC_RELAXED);
	atomic_thread_fence(memory_order_seq_cst);
	_mm_lfence();
	return __rdtsc();
}

static void page_close(struct abi_time *page)
{
	__atomic_store_n(&page->seq, page->seq + 1, __ATOMIC_RELEASE);
}

void clock_init(struct clock *clock, struct abi_time *page, uint64_t tsc_khz, bool software)
{
	uint64_t mult = (1000000ULL << 32) / tsc_khz;

	*clock = (struct clock){.page = page};
	clock->raw = sample(CLOCK_MONOTONIC_RAW);
	clock->mono = sample(CLOCK_MONOTONIC); /* after raw: the page begins here */
	clock->real_off = offset(CLOCK_REALTIME, CLOCK_MONOTONIC);
	int64_t boot_off = offset(CLOCK_BOOTTIME, CLOCK_MONOTONIC), tai_off = tai_offset();

	page_open(page);
	page->tsc_base = clock->mono.tsc;
	page->mult = page->raw_mult = mult;
	page->mono_ns = clock->mono.ns;
	page->real_ns = clock->mono.ns + (uint64_t)clock->real_off;
	page->raw_ns = clock->raw.ns + scale(clock->mono.tsc - clock->raw.tsc, mult);
	page->boot_off = offset_keep(0, boot_off);
	page->tai_off = tai_off;
	page->software = software;
	page->valid = 1;
	page_close(page);
}

void clock_update(struct clock *clock)
{
	struct abi_time *page = clock->page;
	struct clock_point raw = sample(CLOCK_MONOTONIC_RAW), mono = sample(CLOCK_MONOTONIC);

	if (mono.ns - clock->mono.ns < LEAST_NS || raw.ns - clock->raw.ns < LEAST_NS)
		return;
	uint64_t rate = slope(clock->mono, mono), raw_rate = slope(clock->raw, raw);
	int64_t boot_off = offset(CLOCK_BOOTTIME, CLOCK_MONOTONIC), tai_off = tai_offset();
	int64_t real_off = offset(CLOCK_REALTIME, CLOCK_MONOTONIC);

	clock->mono = mono;
	clock->raw = raw;
	clock->real_off = offset_keep(clock->real_off, real_off);

	uint64_t tsc = page_open(page), ticks = tsc - page->tsc_base;

	page->mono_ns += scale(ticks, page->mult);
	page->raw_ns += scale(ticks, page->raw_mult);
	line_steer(mono, rate, tsc, &page->mono_ns, &page->mult);
	line_steer(raw, raw_rate, tsc, &page->raw_ns, &page->raw_mult);
	page->tsc_base = tsc;
	page->real_ns = page->mono_ns + (uint64_t)clock->real_off;
	page->boot_off = offset_keep(page->boot_off, boot_off);
	page->tai_off = tai_off;
	page_close(page);
}
