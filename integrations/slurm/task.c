/* SPDX-License-Identifier: MIT */
/*
 * lwvmm-task: executed by slurmstepd instead of a task's program, with the program's arguments;
 * becomes `lwvmm exec GUEST ... -- PROGRAM ARGS` (spank.c).
 */
#include "integrations/slurm/task.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "integrations/slurm/bind.h"

#define FAILED    125 /* as lwvmm's own */
#define MAX_WORDS 9   /* before the program's */

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "lwvmm-task: %s: %s\n", what, why);
	return FAILED;
}

/* A variable of ours, of which the program sees nothing. */
static const char *take(const char *name)
{
	const char *value = getenv(name);
	char *copy = value ? strdup(value) : NULL;

	unsetenv(name);
	return copy;
}

/*
 * slurmstepd would make the program's word a path now, by PATH or by the working directory,
 * which is what the program then sees as its name.
 */
static const char *path_of(const char *program)
{
	static char path[PATH_MAX];
	const char *at = getenv("PATH");
	struct stat st;

	if (program[0] == '.' && getcwd(path, sizeof(path) - 1)) {
		size_t len = strlen(path);

		snprintf(path + len, sizeof(path) - len, "/%s", program);
		return path;
	}
	if (strchr(program, '/'))
		return program;
	while (at && *at) {
		int len = (int)strcspn(at, ":");

		snprintf(path, sizeof(path), "%.*s/%s", len, at, program);
		if (!stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK))
			return path;
		at += len + (at[len] == ':');
	}
	return program; /* lwvmm says that it is not there */
}

int main(int argc, char **argv)
{
	const char *guest = take(TASK_ENV_GUEST), *program = take(TASK_ENV_PROGRAM);
	const char *lwvmm = take(TASK_ENV_LWVMM);
	struct bind_words bind = {
		.type = take(TASK_ENV_BIND_TYPE),
		.list = take(TASK_ENV_BIND_LIST),
		.localid = getenv("SLURM_LOCALID"),
		.cores = take(TASK_ENV_CORES),
		.cpus = take(TASK_ENV_CPUS),
	};
	char cpus[256];
	char **words = calloc((size_t)argc + MAX_WORDS, sizeof(*words));
	unsigned n = 0;

	if (!guest || !program || !lwvmm)
		return fail("no task", "this is started by Slurm, with lwvmm's plug-in");
	if (!words)
		return fail(guest, "no memory");
	words[n++] = "lwvmm";
	words[n++] = "exec";
	words[n++] = (char *)guest;
	if (bind_cpus(&bind, cpus, sizeof(cpus))) {
		words[n++] = "--bind";
		words[n++] = "none";
	}
	if (cpus[0]) {
		words[n++] = "--cores";
		words[n++] = cpus;
	}
	words[n++] = "--";
	words[n++] = (char *)path_of(program);
	memcpy(words + n, argv + 1, (size_t)argc * sizeof(*words)); /* and the NULL */
	execv(lwvmm, words);
	return fail(lwvmm, strerror(errno));
}
