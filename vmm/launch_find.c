/* SPDX-License-Identifier: MIT */
/* Which launcher starts the ranks of a program. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/launch.h"
#include "vmm/run.h"

/* In this order; the names with a suffix are Debian's, where both libraries can be installed.
 */
static const char *const names[][5] = {
	[LAUNCH_OTHER] = {"mpiexec", "mpirun"},
	[LAUNCH_MPICH] = {"mpiexec.hydra", "mpiexec.mpich", "mpiexec"},
	[LAUNCH_OPENMPI] = {"mpirun.openmpi", "mpiexec.openmpi", "orterun", "mpirun"},
};

static const char *const library[] = {"an MPI program", "MPICH", "Open MPI"};

/* A line of what ld.so lists: "	libmpi.so.40 => /lib/libmpi.so.40 (0x...)". */
static enum launch_kind kind_of_library(const char *line)
{
	unsigned version;

	while (*line == ' ' || *line == '\t')
		line++;
	if (strncmp(line, "libmpich.so", strlen("libmpich.so")) == 0)
		return LAUNCH_MPICH;
	/* 12 is the number that MPICH and those made from it agreed on (their "ABI"). */
	if (sscanf(line, "libmpi.so.%u", &version) == 1)
		return version == 12 ? LAUNCH_MPICH : LAUNCH_OPENMPI;
	return LAUNCH_OTHER;
}

static pid_t list_spawn(const struct program *program, const int out[2])
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (dup2(out[1], STDOUT_FILENO) >= 0)
		execl(program->elf.interp, program->elf.interp, "--list", program->file,
			(char *)NULL);
	_exit(EXIT_LWVMM_NOT_FOUND);
}

/* As the host's loader resolves it: through all libraries, with the user's paths. */
static enum launch_kind kind_of_program(const struct program *program)
{
	enum launch_kind kind = LAUNCH_OTHER;
	char *line = NULL;
	size_t size = 0;
	int out[2];
	FILE *list;
	pid_t pid;

	if (!program->interp_image || pipe(out))
		return LAUNCH_OTHER;
	pid = list_spawn(program, out);
	close(out[1]);
	list = pid > 0 ? fdopen(out[0], "r") : NULL;
	/* To the end: a loader whose reader goes early is killed by the pipe. */
	while (list && getline(&line, &size, list) >= 0)
		if (kind == LAUNCH_OTHER)
			kind = kind_of_library(line);
	free(line);
	if (list)
		fclose(list);
	else
		close(out[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return kind;
}

enum launch_kind launch_kind_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *name = slash ? slash + 1 : file;

	if (strstr(name, "hydra") || strstr(name, "mpich"))
		return LAUNCH_MPICH;
	if (strstr(name, "orterun") || strstr(name, "prterun") || strstr(name, "openmpi"))
		return LAUNCH_OPENMPI;
	return LAUNCH_OTHER;
}

/* Links lead from mpiexec to what it is. */
static enum launch_kind kind_of_launcher(const char *path)
{
	char *file = realpath(path, NULL);
	enum launch_kind kind = launch_kind_of(file ? file : path);

	free(file);
	return kind;
}

static bool find(const char *name, struct launcher *launcher, struct problem *problem)
{
	int fd = run_find(name, launcher->path, sizeof(launcher->path), problem);

	if (fd < 0)
		return false;
	close(fd);
	launcher->kind = kind_of_launcher(launcher->path);
	return true;
}

int launch_find(const struct options *opt, const struct program *program,
	struct launcher *launcher, struct problem *problem)
{
	enum launch_kind kind;

	if (opt->launcher)
		return find(opt->launcher, launcher, problem) ? 0 : -ENOENT;
	kind = kind_of_program(program);
	for (unsigned i = 0; names[kind][i]; i++) {
		struct problem not_there = {0};

		if (!find(names[kind][i], launcher, &not_there))
			continue;
		/* A plain mpiexec tells by its name alone whose it is: the program's, then. */
		if (launcher->kind == LAUNCH_OTHER)
			launcher->kind = kind;
		if (launcher->kind == kind || kind == LAUNCH_OTHER)
			return 0;
	}
	return problem_set(problem, -ENOENT, EXIT_LWVMM_NOT_FOUND,
		"--ranks: no launcher for %s is in PATH (%s): install one, or name one with "
		"--launcher",
		library[kind], names[kind][0]);
}
