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
#include <pwd.h>
#include <slurm/slurm.h>
#include <slurm/spank.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integrations/slurm/groups.h"
#include "integrations/slurm/task.h"

#define NAME_SIZE  64
#define CONFIG_DIR "/etc/lwvmm" /* lwvmm's own default */

SPANK_PLUGIN(lwvmm, 1)

/* Of plugstack.conf: config=DIR lwvmm=FILE task=FILE. */
static const char *config_dir = CONFIG_DIR;
static const char *lwvmm_file = TASK_LWVMM;
static const char *task_file = TASK_FILE;

static char chosen[NAME_SIZE]; /* --lwvmm; empty: not said */

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

static bool argument(const char *word, const char *name, const char **value)
{
	size_t len = strlen(name);

	if (strncmp(word, name, len) != 0)
		return false;
	*value = word + len;
	return true;
}

static int arguments_read(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (argument(argv[i], "config=", &config_dir) ||
			argument(argv[i], "lwvmm=", &lwvmm_file) ||
			argument(argv[i], "task=", &task_file))
			continue;
		slurm_error("lwvmm: plugstack.conf: %s: not known: config=DIR lwvmm=FILE "
			    "task=FILE",
			argv[i]);
		return -1;
	}
	return 0;
}

int slurm_spank_init(spank_t spank, int argc, char **argv)
{
	if (arguments_read(argc, argv))
		return -1;
	return spank_option_register(spank, &option) == ESPANK_SUCCESS ? 0 : -1;
}

/*
 * Around a job, as root: the guest of this node is lent to the job's user, and taken back. What
 * keeps it from that is told by lwvmm, and then to the job by its tasks: a failure here would
 * drain the node.
 */
static void hand(spank_t spank, bool back)
{
	const char *node = getenv("SLURMD_NODENAME");
	char config[512], user[32], job[16];
	char *words[] = {
		"lwvmm", "hand", (char *)node, back ? "--back" : user, "--for", job, NULL};
	uint32_t id;
	uid_t uid;
	pid_t pid;
	struct passwd account, *entry;
	char text[4096];

	if (!node || spank_get_item(spank, S_JOB_ID, &id) != ESPANK_SUCCESS ||
		spank_get_item(spank, S_JOB_UID, &uid) != ESPANK_SUCCESS)
		return;
	snprintf(config, sizeof(config), "%s/%s.conf", config_dir, node);
	if (access(config, F_OK))
		return;
	if (getpwuid_r(uid, &account, text, sizeof(text), &entry))
		entry = NULL;
	snprintf(user, sizeof(user), "%u:%u", uid, entry ? entry->pw_gid : uid);
	snprintf(job, sizeof(job), "%u", id);
	setenv(TASK_ENV_CONFIG, config_dir, 1);
	if (posix_spawn(&pid, lwvmm_file, NULL, NULL, words, environ))
		slurm_error("lwvmm: %s: cannot be executed", lwvmm_file);
	else
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
}

int slurm_spank_job_prolog(spank_t spank, int argc, char **argv)
{
	if (!arguments_read(argc, argv))
		hand(spank, false);
	return 0;
}

int slurm_spank_job_epilog(spank_t spank, int argc, char **argv)
{
	if (!arguments_read(argc, argv))
		hand(spank, true);
	return 0;
}

/* A node is a guest's if it is described under its name: also while it does not run. */
static int is_described(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.conf", config_dir, name);
	return !access(path, F_OK);
}

static bool node_guest(spank_t spank, char *name)
{
	return spank_getenv(spank, "SLURMD_NODENAME", name, NAME_SIZE) == ESPANK_SUCCESS &&
	       is_described(name);
}

static bool guest_find(spank_t spank, char *name)
{
	if (!strcmp(chosen, "off"))
		return false;
	if (!chosen[0])
		return node_guest(spank, name);
	memcpy(name, chosen, sizeof(chosen));
	return true;
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
	groups_open(spank, is_described);
	return 0;
}

/* In slurmstepd. The extern step has no other hook, and its task is bound by nobody. */
int slurm_spank_task_post_fork(spank_t spank, int argc, char **argv)
{
	uint32_t step;
	bool bound = spank_get_item(spank, S_JOB_STEPID, &step) != ESPANK_SUCCESS ||
		     step != SLURM_EXTERN_CONT;

	if (!bound)
		groups_open(spank, is_described);
	groups_forked(bound);
	return 0;
}

int slurm_spank_task_init(spank_t spank, int argc, char **argv)
{
	char guest[NAME_SIZE], node[NAME_SIZE];
	char **words = NULL;
	int nwords = 0;

	groups_free();
	if (!is_task(spank) || !guest_find(spank, guest))
		return 0;
	if (spank_get_item(spank, S_JOB_ARGV, &nwords, &words) != ESPANK_SUCCESS || !words ||
		!words[0])
		return 0;
	/* Of another node than the guest's the numbers say nothing of the guest's CPUs. */
	if (node_guest(spank, node) && !strcmp(node, guest))
		cores_pass(spank);
	spank_setenv(spank, TASK_ENV_BIND_TYPE, bind_type, 1);
	spank_setenv(spank, TASK_ENV_BIND_LIST, bind_list, 1);
	if (spank_setenv(spank, TASK_ENV_GUEST, guest, 1) != ESPANK_SUCCESS ||
		spank_setenv(spank, TASK_ENV_PROGRAM, words[0], 1) != ESPANK_SUCCESS ||
		spank_setenv(spank, TASK_ENV_LWVMM, lwvmm_file, 1) != ESPANK_SUCCESS ||
		(strcmp(config_dir, CONFIG_DIR) != 0 &&
			spank_setenv(spank, TASK_ENV_CONFIG, config_dir, 1) !=
				ESPANK_SUCCESS)) {
		slurm_error("lwvmm: guest %s: the task's environment has no room", guest);
		return -1;
	}
	words[0] = (char *)task_file;
	return 0;
}
