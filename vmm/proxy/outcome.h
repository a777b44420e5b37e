/* SPDX-License-Identifier: MIT */
/* How the proxy ends: as its program did, or with a problem of lwvmm. */
#ifndef VMM_PROXY_OUTCOME_H
#define VMM_PROXY_OUTCOME_H

#include <stdint.h>

#include "vmm/base/problem.h"

struct outcome {
	struct problem problem; /* status 0: none, wait_status counts */
	uint32_t wait_status;   /* as of wait(2) */
};

/*
 * Ends the process. Called by a thread of the program's descriptor table, which has standard
 * error. The one place outside main() that exits: the leader may be in a call that does not
 * end.
 */
void outcome_leave(const struct outcome *outcome) __attribute__((noreturn));

#endif
