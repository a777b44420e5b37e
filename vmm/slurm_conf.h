/* SPDX-License-Identifier: MIT */
/* The lines of slurm.conf for a guest's node, and for its host without the guest's cores. */
#ifndef VMM_SLURM_CONF_H
#define VMM_SLURM_CONF_H

#include <stdint.h>
#include <stdio.h>

#include "numa/host.h"

struct slurm_guest {
	const char *name;
	const char *host; /* the host's own name */
	unsigned ncores;
	const uint16_t *core; /* host CPUs, in the order of the guest's */
	uint64_t mem;         /* bytes */
};

void slurm_conf_print(const struct slurm_guest *guest, const struct host *host, FILE *out);

#endif
