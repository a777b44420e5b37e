/* SPDX-License-Identifier: MIT */
/*
 * The VMM process of one guest: takes what the plan says, builds and runs the guest, and gives
 * everything back. It is beside the proxy, not above or below it (design.md section 4).
 */
#ifndef VMM_MONITOR_H
#define VMM_MONITOR_H

#include "numa/options.h"
#include "numa/plan.h"
#include "vmm/boot.h"

struct monitor_job {
	const struct options *opt;
	const struct plan *plan;
	struct boot_image image;
	int sock;           /* to the proxy (vmm/proto.h) */
	uint64_t start_tsc; /* when lwvmm started */
};

/*
 * Makes the calling process a VMM's, apart from the caller's session, terminal, descriptors and
 * working directory, and runs the guest. Returns the process's exit status, when the guest is
 * gone.
 */
int monitor_main(const struct monitor_job *job);

#endif
