/* SPDX-License-Identifier: MIT */
#include "vmm/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/bin:/usr/bin" /* as execvp has it */

/* -EACCES where execve would say so: not executable, or no regular file. */
static int open_program(const char *path)
{
	struct stat st;
	int fd;

	if (stat(path, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS))
		return -EACCES;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int not_runnable(const char *path, int err, struct problem *problem)
{
	struct stat st;

	if (err == -ENOENT || err == -ENOTDIR)
		return problem_set(problem, err, EXIT_LWVMM_NOT_FOUND,
			"%s: no such file: check the name", path);
	if (err == -EACCES && !stat(path, &st) && S_ISDIR(st.st_mode))
		return problem_set(problem, err, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: is a directory: give a program", path);
	if (err == -EACCES)
		return problem_set(problem, err, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: permission denied: it must be readable and executable (chmod +rx)",
			path);
	return problem_set(problem, err, EXIT_LWVMM_NOT_RUNNABLE,
		"%s: cannot be opened (%s): check the file", path, strerror(-err));
}

static int find_in_path(const char *name, char *path, size_t size, struct problem *problem)
{
	const char *dirs = getenv("PATH");
	int denied = 0;

	for (const char *dir = dirs ? dirs : DEFAULT_PATH; dir;) {
		size_t len = strcspn(dir, ":");
		int fd, n;

		/* An empty entry is the working directory. */
		n = snprintf(path, size, "%.*s%s%s", (int)len, dir, len ? "/" : "", name);
		fd = n < (int)size ? open_program(path) : -ENAMETOOLONG;
		if (fd >= 0)
			return fd;
		if (fd == -EACCES)
			denied = fd;
		dir = dir[len] ? dir + len + 1 : NULL;
	}
	if (denied)
		return not_runnable(name, denied, problem);
	return problem_set(problem, -ENOENT, EXIT_LWVMM_NOT_FOUND,
		"%s: not found in PATH: give a path with a slash (./%s)", name, name);
}

int run_find(const char *name, char *path, size_t size, struct problem *problem)
{
	if (!name[0])
		return not_runnable("''", -ENOENT, problem);
	return strchr(name, '/') ? run_open(name, path, size, problem)
				 : find_in_path(name, path, size, problem);
}

int run_open(const char *name, char *path, size_t size, struct problem *problem)
{
	int fd;

	if (snprintf(path, size, "%s", name) >= (int)size)
		return not_runnable(name, -ENAMETOOLONG, problem);
	fd = open_program(path);
	return fd < 0 ? not_runnable(name, fd, problem) : fd;
}

int run_open_interpreter(const char *name, const char *of, struct problem *problem)
{
	int fd = open_program(name);

	if (fd == -ENOENT || fd == -ENOTDIR)
		return problem_set(problem, fd, EXIT_LWVMM_NOT_FOUND,
			"%s: its interpreter %s is not there: install it", of, name);
	if (fd == -EACCES)
		return problem_set(problem, fd, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: its interpreter %s: permission denied: it must be a readable and "
			"executable file (chmod +rx)",
			of, name);
	if (fd < 0)
		return problem_set(problem, fd, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: its interpreter %s cannot be opened (%s): check the file", of,
			name, strerror(-fd));
	return fd;
}
