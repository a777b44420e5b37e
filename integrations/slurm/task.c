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
#define MAX_WORDS 10  /* before the program's, and the NULL */

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "lwvmm-task: %s: %s\n", what, why);
	return FAILED;
}

/* A variable of ours, of which the program sees nothing. Its text stays where execve put it. */
static const char *take(const char *name)
{
	const char *value = getenv(name);

	unsetenv(name);
	return value;
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

static void become(const char *lwvmm, const char *guest, const char *program, char **rest,
	const struct bind_words *bind)
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
	words[n++] = (char *)guest;
	if (bind_cpus(bind, cpus, sizeof(cpus))) {
		words[n++] = "--bind";
		words[n++] = "none";
	}
	if (cpus[0]) {
		words[n++] = "--cores";
		words[n++] = cpus;
	}
	words[n++] = "--";
	words[n++] = (char *)path_of(program);
	memcpy(words + n, rest, nrest * sizeof(*words));
	execv(lwvmm, words);
	free(words);
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

	if (argc < 1 || !guest || !program || !lwvmm)
		return fail("no task", "this is started by Slurm, with lwvmm's plug-in");
	become(lwvmm, guest, program, argv + 1, &bind);
	return fail(lwvmm, strerror(errno));
}
