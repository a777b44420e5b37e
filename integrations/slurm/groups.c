/* SPDX-License-Identifier: MIT */
#include "integrations/slurm/groups.h"

#include <errno.h>
#include <slurm/slurm.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "integrations/slurm/cgroup.h"

static struct cgroup_step groups;

static void failed(int err)
{
	slurm_error("lwvmm: the step stays on the host's cores that have the numbers of the "
		    "guest's CPUs: %s: see ConstrainCores in docs/howto-slurm.md",
		strerror(-err));
}

static int open_as_root(spank_t spank, int (*described)(const char *node))
{
	const char *node = getenv("SLURMD_NODENAME"); /* slurmstepd's own */
	uint32_t job;

	if (!node || described(node) != 1 ||
		spank_get_item(spank, S_JOB_ID, &job) != ESPANK_SUCCESS)
		return 0;
	return cgroup_open(&cgroup_host, job, &groups);
}

/*
 * slurmstepd acts as the user here, and is root inside. The system call by itself is about this
 * thread alone: libc's would make its other threads root as well.
 */
void groups_open(spank_t spank, int (*described)(const char *node))
{
	uid_t acting = geteuid();
	int err;

	if (acting && syscall(SYS_setresuid, -1, 0, -1))
		err = -errno;
	else
		err = open_as_root(spank, described);
	if (acting && syscall(SYS_setresuid, -1, acting, -1))
		abort(); /* nothing of the user's may go on as root */
	if (err)
		failed(err);
}

void groups_forked(bool bound)
{
	if (groups.moves || !bound)
		groups_free();
}

void groups_free(void)
{
	int err = cgroup_free_cores(&groups);

	if (err)
		failed(err);
	cgroup_close(&groups);
}
