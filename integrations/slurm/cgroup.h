/* SPDX-License-Identifier: MIT */
/*
 * Slurm's control groups on a guest's node (task/cgroup with ConstrainCores=yes).
 * Slurm counts the guest's CPUs there, and confines what it starts to the host's cores that
 * have the same numbers. What runs on the host side of such a node, which is proxies, batch
 * scripts and Slurm's own helpers, belongs on the cores that no guest has.
 */
#ifndef INTEGRATIONS_SLURM_CGROUP_H
#define INTEGRATIONS_SLURM_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#define CGROUP_MAX 16

/* Where the kernel and lwvmm tell what is needed; of their own making in tests. */
struct cgroup_places {
	const char *self;     /* /proc/self/cgroup of a process of the step */
	const char *mount;    /* where cgroup v2 is mounted */
	const char *mount_v1; /* ... and the cpusets of v1 */
	const char *isolated; /* the cores that Linux schedules nobody to */
	const char *leases;   /* the folder of the cores' leases */
};

extern const struct cgroup_places cgroup_host;

/* The groups that confine a step, and what they are to be confined to. */
struct cgroup_step {
	int fd[CGROUP_MAX]; /* of their cpuset.cpus, parents first; close-on-exec */
	unsigned n;         /* none where Slurm confines nothing */
	char text[8192];    /* the cores beside all guests'; all, where guests have all */
	bool moves;         /* v1: it is the writer who goes to another group */
};

/* By root, in slurmstepd, when Slurm has made the groups. 0 or -errno. */
int cgroup_open(const struct cgroup_places *places, uint32_t job, struct cgroup_step *step);

/* By anybody who has inherited the descriptors; with cgroup v1 by each. 0 or -errno. */
int cgroup_free_cores(const struct cgroup_step *step);

void cgroup_close(struct cgroup_step *step);

#endif
