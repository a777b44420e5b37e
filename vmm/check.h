/* SPDX-License-Identifier: MIT */
/*
 * The findings of `lwvmm check`: one line each, "LEVEL  OBJECT: what is found: what to do".
 * Those of this header need only what host_read() has read.
 */
#ifndef VMM_CHECK_H
#define VMM_CHECK_H

#include <stdio.h>

#include "numa/host.h"

enum check_level {
	CHECK_OK,
	CHECK_WARN, /* guests run, but not at their best */
	CHECK_FAIL, /* no guest can run */
};

struct check {
	FILE *out;
	unsigned nwarn, nfail;
};

void check_say(struct check *check, enum check_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

void check_cores(struct check *check, const struct host *host);
void check_pools(struct check *check, const struct host *host);
void check_limits(struct check *check, const struct host *host);

/* Can a guest without options be planned? */
void check_guest(struct check *check, const struct host *host);

#endif
