/* SPDX-License-Identifier: MIT */
/*
 * The second half of a program's execve() (vmm/proxy/execute.c): the process that has the pid
 * and the descriptors of the program becomes the proxy of the next one.
 *
 *   lwvmm resume INHERIT GUEST FD NAME WORDS...    the program's file is open at FD
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "numa/options.h"
#include "vmm/cmd.h"
#include "vmm/control.h"
#include "vmm/program.h"
#include "vmm/proxy/inherit.h"
#include "vmm/proxy/proxy.h"

enum { INHERIT, GUEST, FD, NAME, WORDS };

/* Large values, one of each a process. */
static struct options options;
static struct program program = {.fd = -1};
static struct inherit inherit;

/* As the kernel names a process by the program that it executes. */
static void name_set(const char *path)
{
	const char *slash = strrchr(path, '/');

	prctl(PR_SET_NAME, slash ? slash + 1 : path);
}

static int words_check(char *const *argv, struct problem *problem)
{
	for (unsigned i = 0; i < WORDS; i++)
		if (!argv[i] || (i == INHERIT && !inherit_parse(argv[i], &inherit)) ||
			(i == GUEST && strlen(argv[i]) >= sizeof(options.name)))
			return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
				"resume: is not for you: it is how lwvmm makes execve() for a "
				"program");
	return 0;
}

static int resume(char *const *argv, struct problem *problem)
{
	int err = words_check(argv, problem);
	int fd, sock;

	if (err)
		return err;
	name_set(argv[NAME]);
	fd = (int)strtol(argv[FD], NULL, 10);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	snprintf(options.name, sizeof(options.name), "%s", argv[GUEST]);
	options.guest = argv + WORDS;
	options.timeout_s = (double)inherit.timeout_ms / 1e3;
	err = program_open_fd(fd, argv[NAME], argv + WORDS, &program, problem);
	if (err)
		return err;
	sock = control_connect(options.name, true, problem);
	if (sock < 0)
		return sock;
	return proxy_main(
		&(struct proxy_job){
			.opt = &options,
			.program = &program,
			.sock = sock,
			.affinity = inherit.affinity,
			.trace_fd = -1,
			.inherit = &inherit,
			.child = inherit.child,
		},
		problem);
}

int cmd_resume(char *const *argv)
{
	struct problem problem = {0};

	resume(argv, &problem);
	if (problem.status)
		problem_print(&problem);
	return problem.status;
}
