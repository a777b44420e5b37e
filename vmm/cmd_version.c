/* SPDX-License-Identifier: MIT */
/* `lwvmm version`: one line, for people and for bug reports. */
#include <stdio.h>

#include "vmm/base/problem.h"
#include "vmm/cmd.h"
#include "vmm/version.h"

int cmd_version(char *const *argv)
{
	struct problem problem = {0};

	if (*argv) {
		problem_set(&problem, -1, EXIT_LWVMM_FAILED,
			"version: takes no %s: lwvmm version", *argv);
		problem_print(&problem);
		return problem.status;
	}
	puts("lwvmm " LWVMM_VERSION);
	return 0;
}
