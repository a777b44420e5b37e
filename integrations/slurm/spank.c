/* SPDX-License-Identifier: MIT */
/*
 * Slurm's plug-in: a task of a node that is a guest becomes `lwvmm exec GUEST -- PROGRAM ARGS`.
 *
 * Slurm 22.05 lets a plug-in see a task's words but not add to them. So the first word, which
 * is what slurmstepd will execute, is replaced by lwvmm-task (task.c), and what that needs goes
 * through the task's environment. slurmstepd goes on as always: task prolog, limits, execve.
 * (docs/decisions/0010-slurm.md)
 */
#include <errno.h>
#include <slurm/slurm.h>
#include <slurm/spank.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "integrations/slurm/account.h"
#include "integrations/slurm/groups.h"
#include "integrations/slurm/hand.h"
#include "integrations/slurm/program.h"
#include "integrations/slurm/settings.h"
#include "integrations/slurm/task.h"

#define NAME_SIZE 64

SPANK_PLUGIN(lwvmm, 1)

static char chosen[NAME_SIZE];     /* --lwvmm; empty: not said */
static char task_guest[NAME_SIZE]; /* in a task: its guest; empty: it is of the host */

/* What srun was told of --cpu-bind. task/affinity makes it masks of the host's CPUs later. */
static char bind_type[64], bind_list[1024];

static int on_option(int value, const char *text, int remote)
{
	if (!text || !*text || strlen(text) >= sizeof(chosen) || strchr(text, '/')) {
		slurm_error("lwvmm: --lwvmm=%s: name a guest, or say off", text ? text : "");
		return -1;
	}
	memcpy(chosen, text, strlen(text) + 1);
	return 0;
}

static struct spank_option option = {
	.name = "lwvmm",
	.arginfo = "GUEST|off",
	.usage = "run the tasks in the guest GUEST of each node, or natively on a guest's node",
	.has_arg = 1,
	.val = 0,
	.cb = on_option,
};

int slurm_spank_init(spank_t spank, int argc, char **argv)
{
	if (settings_read(argc, argv))
		return -1;
	return spank_option_register(spank, &option) == ESPANK_SUCCESS ? 0 : -1;
}

/* Of srun, sbatch and salloc, when all options have been read. */
int slurm_spank_init_post_opt(spank_t spank, int argc, char **argv)
{
	if (!spank_remote(spank) && chosen[0] && strcmp(chosen, "off") != 0)
		hand_choose(spank, chosen);
	return 0;
}

int slurm_spank_job_prolog(spank_t spank, int argc, char **argv)
{
	if (!settings_read(argc, argv))
		hand(spank, false);
	return 0;
}

int slurm_spank_job_epilog(spank_t spank, int argc, char **argv)
{
	if (!settings_read(argc, argv))
		hand(spank, true);
	return 0;
}

/* A node is a guest's if it is described under its name: also while it does not run. */
static int node_guest(char *name)
{
	const char *node = getenv("SLURMD_NODENAME"); /* slurmstepd's own */

	if (!node || strlen(node) >= NAME_SIZE)
		return -ENODEV;
	memcpy(name, node, strlen(node) + 1);
	return settings_describe(name);
}

/* 1: the task is of this guest; 0: of the host; -errno: cannot tell. */
static int guest_find(char *name)
{
	if (!strcmp(chosen, "off"))
		return 0;
	if (!chosen[0])
		return node_guest(name);
	memcpy(name, chosen, sizeof(chosen));
	return 1;
}

/* Batch scripts, and the shell of salloc, are of the host; their srun's tasks are not. */
static bool is_task(spank_t spank)
{
	uint32_t step;

	return spank_get_item(spank, S_JOB_STEPID, &step) == ESPANK_SUCCESS &&
	       step != SLURM_BATCH_SCRIPT && step != SLURM_EXTERN_CONT &&
	       step != SLURM_INTERACTIVE_STEP;
}

/* Which of the node's cores the step has: Slurm's numbers, as slurm-conf has told it. */
static void cores_pass(spank_t spank)
{
	char *cores = NULL, cpus[16] = "";
	uint16_t ncpus = 0;

	if (spank_get_item(spank, S_STEP_ALLOC_CORES, &cores) == ESPANK_SUCCESS && cores)
		spank_setenv(spank, TASK_ENV_CORES, cores, 1);
	if (spank_get_item(spank, S_JOB_NCPUS, &ncpus) == ESPANK_SUCCESS) {
		snprintf(cpus, sizeof(cpus), "%u", ncpus);
		spank_setenv(spank, TASK_ENV_CPUS, cpus, 1);
	}
}

int slurm_spank_user_init(spank_t spank, int argc, char **argv)
{
	if (spank_getenv(spank, "SLURM_CPU_BIND_TYPE", bind_type, sizeof(bind_type)) !=
		ESPANK_SUCCESS)
		bind_type[0] = '\0';
	if (spank_getenv(spank, "SLURM_CPU_BIND_LIST", bind_list, sizeof(bind_list)) !=
		ESPANK_SUCCESS)
		bind_list[0] = '\0';
	groups_open(spank, settings_describe);
	return 0;
}

/* In slurmstepd. The extern step has no other hook, and its task is bound by nobody. */
int slurm_spank_task_post_fork(spank_t spank, int argc, char **argv)
{
	uint32_t step;
	bool bound = spank_get_item(spank, S_JOB_STEPID, &step) != ESPANK_SUCCESS ||
		     step != SLURM_EXTERN_CONT;

	if (!bound)
		groups_open(spank, settings_describe);
	groups_forked(bound);
	return 0;
}

/* In the task's process, while it is still root's: users may be kept from the descriptions. */
int slurm_spank_task_init_privileged(spank_t spank, int argc, char **argv)
{
	int found = is_task(spank) ? guest_find(task_guest) : 0;

	if (found != 1)
		task_guest[0] = '\0';
	if (found >= 0)
		return 0;
	slurm_error("lwvmm: %s: cannot be looked at for this node's guest (%s): its tasks are "
		    "not run: see that it can be",
		settings.config_dir, strerror(-found));
	return -1;
}

/* The words that slurmstepd will execute; NULL: they cannot be replaced, which has been told.
 */
static char **words_find(spank_t spank)
{
	char **words = NULL, path[4096] = "";
	uint32_t task = 0;
	int nwords = 0;

	if (spank_get_item(spank, S_JOB_ARGV, &nwords, &words) != ESPANK_SUCCESS || !words ||
		!words[0]) {
		slurm_error(
			"lwvmm: guest %s: the task has no words: is this another version of "
			"Slurm?",
			task_guest);
		return NULL;
	}
	spank_getenv(spank, "PATH", path, sizeof(path));
	spank_get_item(spank, S_TASK_GLOBAL_ID, &task);
	if (!words[1] || !program_is_multi(program_path(words[0], path), words[1], task))
		return words;
	slurm_error(
		"lwvmm: guest %s: --multi-prog: Slurm lets nobody replace its programs: srun a "
		"script that looks at SLURM_PROCID, or say --lwvmm=off",
		task_guest);
	return NULL;
}

/* What lwvmm-task takes out of the task's environment again. */
static bool task_tell(spank_t spank, const char *program)
{
	const char *node = getenv("SLURMD_NODENAME"); /* slurmstepd's own */
	char label[48] = "";

	/* Of another node than the guest's the numbers say nothing of the guest's CPUs. */
	if (node && !strcmp(node, task_guest))
		cores_pass(spank);
	if (settings.account_dir)
		account_label(spank, label, sizeof(label));
	spank_setenv(spank, TASK_ENV_LABEL, label, 1);
	spank_setenv(spank, TASK_ENV_BIND_TYPE, bind_type, 1);
	spank_setenv(spank, TASK_ENV_BIND_LIST, bind_list, 1);
	return spank_setenv(spank, TASK_ENV_GUEST, task_guest, 1) == ESPANK_SUCCESS &&
	       spank_setenv(spank, TASK_ENV_PROGRAM, program, 1) == ESPANK_SUCCESS &&
	       spank_setenv(spank, TASK_ENV_LWVMM, settings.lwvmm_file, 1) == ESPANK_SUCCESS &&
	       (!strcmp(settings.config_dir, SETTINGS_CONFIG_DIR) ||
		       spank_setenv(spank, TASK_ENV_CONFIG, settings.config_dir, 1) ==
			       ESPANK_SUCCESS);
}

int slurm_spank_task_init(spank_t spank, int argc, char **argv)
{
	char **words;

	groups_free();
	if (!task_guest[0])
		return 0;
	words = words_find(spank);
	if (!words)
		return -1;
	if (!task_tell(spank, words[0])) {
		slurm_error("lwvmm: guest %s: the task's environment has no room", task_guest);
		return -1;
	}
	words[0] = (char *)settings.task_file;
	return 0;
}

/* slurmstepd, as root, has collected the task. */
int slurm_spank_task_exit(spank_t spank, int argc, char **argv)
{
	char guest[NAME_SIZE];

	if (is_task(spank) && guest_find(guest) == 1)
		account_task(spank, guest);
	return 0;
}
