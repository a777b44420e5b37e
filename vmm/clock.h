/* SPDX-License-Identifier: MIT */
/*
 * The time page (abi/share.h), by which the guest's clocks are the host's. One host thread
 * writes it, about ten times a second; guest and host share one TSC.
 *
 * CLOCK_MONOTONIC and CLOCK_MONOTONIC_RAW never jump back for a reader: an update begins where
 * the last one had got to and works the error off during the next interval.
 */
#ifndef VMM_CLOCK_H
#define VMM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-lwk/abi/share.h"

/* A clock of the host at a TSC value. */
struct clock_point {
	uint64_t tsc, ns;
};

struct clock {
	struct abi_time *page;
	struct clock_point mono, raw; /* as sampled last */
	int64_t real_off;             /* CLOCK_REALTIME - CLOCK_MONOTONIC */
};

/*
 * First contents, valid at once. `software`: rdpid and rdtscp tell the host's CPU (KVM without
 * VMX/SVM).
 */
void clock_init(struct clock *clock, struct abi_time *page, uint64_t tsc_khz, bool software);
/*
 * Brings the page in step with the host's clocks; call it each 100 ms or so, from one thread.
 */
void clock_update(struct clock *clock);

#endif
