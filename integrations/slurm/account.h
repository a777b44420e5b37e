/* SPDX-License-Identifier: MIT */
/* The account of a job: what its tasks have used in the guest. */
#ifndef INTEGRATIONS_SLURM_ACCOUNT_H
#define INTEGRATIONS_SLURM_ACCOUNT_H

#include <slurm/spank.h>
#include <stddef.h>

/* A task's label for lwvmm: job, step and task. "" where Slurm does not know them. */
void account_label(spank_t spank, char *label, size_t size);

/* slurmstepd, as root: the task has ended, its line is written. */
void account_task(spank_t spank, const char *guest);

#endif
