/* SPDX-License-Identifier: MIT */
/*
 * Reading the time page (abi/share.h): by programs in the vDSO, by the LWK, by tests on the
 * host.
 *
 * The writer makes seq odd, full fence, and takes its handover TSC value after that. A reader
 * whose rdtsc is later than the handover therefore sees the odd or a newer seq when it looks
 * again, as long as rdtsc stays between its two looks: the two LFENCEs see to it. So clocks
 * that only move on never go back.
 */
#ifndef LWK_VDSO_READ_H
#define LWK_VDSO_READ_H

#include <stdbool.h>

#include "guest-lwk/abi/share.h"

/* CLOCK_* of Linux. */
enum abi_clock {
	ABI_CLOCK_REALTIME,
	ABI_CLOCK_MONOTONIC,
	ABI_CLOCK_PROCESS_CPUTIME,
	ABI_CLOCK_THREAD_CPUTIME,
	ABI_CLOCK_MONOTONIC_RAW,
	ABI_CLOCK_REALTIME_COARSE,
	ABI_CLOCK_MONOTONIC_COARSE,
	ABI_CLOCK_BOOTTIME,
	ABI_CLOCK_REALTIME_ALARM,
	ABI_CLOCK_BOOTTIME_ALARM,
	ABI_CLOCK_TAI = 11
};

static inline uint64_t time_page_tsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

/* ticks * mult in 32.32. */
static inline uint64_t time_page_ns(uint64_t ticks, uint64_t mult)
{
	return (uint64_t)((unsigned __int128)ticks * mult >> 32);
}

/* Where a clock stands at tsc_base. False: the page does not tell. */
static inline bool time_page_base(
	const volatile struct abi_time *page, uint32_t clock, uint64_t *ns)
{
	switch (clock) {
	case ABI_CLOCK_REALTIME:
	case ABI_CLOCK_REALTIME_COARSE:
	case ABI_CLOCK_REALTIME_ALARM:
		*ns = page->real_ns;
		return true;
	case ABI_CLOCK_MONOTONIC:
	case ABI_CLOCK_MONOTONIC_COARSE:
		*ns = page->mono_ns;
		return true;
	case ABI_CLOCK_MONOTONIC_RAW:
		*ns = page->raw_ns;
		return true;
	case ABI_CLOCK_BOOTTIME:
	case ABI_CLOCK_BOOTTIME_ALARM:
		*ns = page->mono_ns + (uint64_t)page->boot_off;
		return true;
	case ABI_CLOCK_TAI:
		*ns = page->real_ns + (uint64_t)page->tai_off;
		return true;
	default:
		return false;
	}
}

/* *ns at the TSC value *at. False: not a clock of the page, or the page is not valid. */
static inline bool time_page_read_at(
	const struct abi_time *time, uint32_t clock, uint64_t *ns, uint64_t *at)
{
	const volatile struct abi_time *page = time;
	uint64_t base = 0, tsc, start, mult;
	uint32_t seq;
	bool known;

	do {
		while ((seq = __atomic_load_n(&time->seq, __ATOMIC_ACQUIRE)) & 1)
			__builtin_ia32_pause();
		known = page->valid && time_page_base(page, clock, &base);
		start = page->tsc_base;
		mult = clock == ABI_CLOCK_MONOTONIC_RAW ? page->raw_mult : page->mult;
		tsc = time_page_tsc();
	} while (__atomic_load_n(&time->seq, __ATOMIC_RELAXED) != seq);
	if (!known)
		return false;
	/* TSCs of two cores may differ by a few ticks. */
	*ns = base + (tsc > start ? time_page_ns(tsc - start, mult) : 0);
	*at = tsc;
	return true;
}

static inline bool time_page_read(const struct abi_time *time, uint32_t clock, uint64_t *ns)
{
	uint64_t at;

	return time_page_read_at(time, clock, ns, &at);
}

#endif
