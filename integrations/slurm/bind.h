/* SPDX-License-Identifier: MIT */
/* Which CPUs of the guest a task of Slurm may use: options of `lwvmm exec`. */
#ifndef INTEGRATIONS_SLURM_BIND_H
#define INTEGRATIONS_SLURM_BIND_H

#include <stdbool.h>
#include <stddef.h>

/* What Slurm says of the task; NULL where it says nothing. */
struct bind_words {
	const char *type;    /* SLURM_CPU_BIND_TYPE, as srun has set it */
	const char *list;    /* SLURM_CPU_BIND_LIST */
	const char *localid; /* SLURM_LOCALID */
	const char *cores;   /* of the step, on this node: "0-3,8" */
	const char *cpus;    /* how many CPUs these are */
};

/*
 * `cpus` becomes the list for --cores, empty for all of the guest; true: the task is to have
 * all of them (--bind none), else its part as one of several.
 */
bool bind_cpus(const struct bind_words *words, char *cpus, size_t size);

#endif
