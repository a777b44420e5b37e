/* SPDX-License-Identifier: MIT */
/*
 * lwvmm-task: executed by slurmstepd instead of a task's program, with the program's arguments;
 * becomes `lwvmm exec GUEST ... -- PROGRAM ARGS` (spank.c).
 */
#include "integrations/slurm/task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integrations/slurm/bind.h"
#include "integrations/slurm/program.h"

#define FAILED    125 /* as lwvmm's own */
#define MAX_WORDS 12  /* before the program's, and the NULL */

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "lwvmm: %s: %s\n", what, why);
	return FAILED;
}

/* A variable of ours, of which the program sees nothing. Its text stays where execve put it. */
static const char *take(const char *name)
{
	const char *value = getenv(name);

	unsetenv(name);
	return value;
}

struct task {
	const char *guest, *program, *lwvmm, *label;
	struct bind_words bind;
};

static void become(const struct task *task, const char *path, char **rest)
{
	char cpus[256];
	unsigned n = 0, nrest = 0;
	char **words;

	while (rest[nrest])
		nrest++;
	words = calloc(nrest + MAX_WORDS, sizeof(*words));
	if (!words)
		return;
	words[n++] = "lwvmm";
	words[n++] = "exec";
	words[n++] = (char *)task->guest;
	if (bind_cpus(&task->bind, cpus, sizeof(cpus))) {
		words[n++] = "--bind";
		words[n++] = "none";
	}
	if (cpus[0]) {
		words[n++] = "--cores";
		words[n++] = cpus;
	}
	if (task->label && task->label[0]) {
		words[n++] = "--label";
		words[n++] = (char *)task->label;
	}
	words[n++] = "--";
	words[n++] = (char *)path;
	memcpy(words + n, rest, nrest * sizeof(*words));
	execv(task->lwvmm, words);
	free(words);
}

/* What slurmstepd says of a program that it cannot execute, and the status that it ends with.
 */
static int refuse(const char *path, const char *line, int err)
{
	const char *node = getenv("SLURMD_NODENAME");

	if (line[0])
		fprintf(stderr, "slurmstepd-%s: error: execve(): bad interpreter(%s): %s\n",
			node ? node : "", line, strerror(err));
	else
		fprintf(stderr, "slurmstepd-%s: error: execve(): %s: %s\n", node ? node : "",
			path, strerror(err));
	return err;
}

int main(int argc, char **argv)
{
	struct task task = {
		.guest = take(TASK_ENV_GUEST),
		.program = take(TASK_ENV_PROGRAM),
		.lwvmm = take(TASK_ENV_LWVMM),
		.label = take(TASK_ENV_LABEL),
		.bind =
			{
				.type = take(TASK_ENV_BIND_TYPE),
				.list = take(TASK_ENV_BIND_LIST),
				.localid = getenv("SLURM_LOCALID"),
				.cores = take(TASK_ENV_CORES),
				.cpus = take(TASK_ENV_CPUS),
			},
	};
	char line[PROGRAM_HEAD];
	const char *path;
	int err;

	if (argc < 1 || !task.guest || !task.program || !task.lwvmm)
		return fail("no task", "this is started by Slurm, with lwvmm's plug-in");
	path = program_path(task.program, getenv("PATH"));
	err = program_refused(path, line);
	if (err)
		return refuse(path, line, err);
	become(&task, path, argv + 1);
	return fail(task.lwvmm, strerror(errno));
}
