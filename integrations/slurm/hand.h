/* SPDX-License-Identifier: MIT */
/* Around a job: its guest is lent to its user, and taken back. */
#ifndef INTEGRATIONS_SLURM_HAND_H
#define INTEGRATIONS_SLURM_HAND_H

#include <slurm/spank.h>
#include <stdbool.h>

/* Of the job's prolog and epilog on this node, which run as root. */
void hand(spank_t spank, bool back);

/* Of srun, sbatch and salloc: which guest the job shall have, for the prolog. */
void hand_choose(spank_t spank, const char *guest);

#endif
