/* SPDX-License-Identifier: MIT */
/* The control groups of a step on a guest's node, in slurmstepd and in its tasks (cgroup.h). */
#ifndef INTEGRATIONS_SLURM_GROUPS_H
#define INTEGRATIONS_SLURM_GROUPS_H

#include <slurm/spank.h>
#include <stdbool.h>

/*
 * In slurmstepd, before it forks the tasks, who inherit the groups' files. `described` says, as
 * root, whether a node is a guest's (1). What goes wrong is told; the step runs then, confined.
 */
void groups_open(spank_t spank, int (*described)(const char *node));

/* In slurmstepd, when the tasks have been forked; `bound`: they are going to be bound to cores.
 */
void groups_forked(bool bound);

/* In a task, when all are bound. Once; then nothing. */
void groups_free(void);

#endif
