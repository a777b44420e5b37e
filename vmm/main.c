/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "vmm/base/problem.h"
#include "vmm/cmd.h"
#include "vmm/proxy/proxy.h"

static const struct {
	const char *name;
	int (*run)(char *const *argv);
} commands[] = {
	{"run", cmd_run},
	{"exec", cmd_exec},
	{"resume", cmd_resume},
	{"start", cmd_start},
	{"status", cmd_status},
	{"ps", cmd_ps},
	{"stat", cmd_stat},
	{"stop", cmd_stop},
	{"hand", cmd_hand},
	{"slurm-conf", cmd_slurm_conf},
	{"plan", cmd_plan},
	{"check", cmd_check},
	{"version", cmd_version},
	{"help", cmd_help},
	{"--help", cmd_help},
	{"-h", cmd_help},
	{"--version", cmd_version},
};

static int dispatch(char **argv)
{
	struct problem problem = {0};

	if (!argv[0] || !argv[1]) {
		help_print(stderr);
		return EXIT_LWVMM_FAILED;
	}
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argv + 2);
	problem_set(&problem, -1, EXIT_LWVMM_FAILED, "%s: no such command: see `lwvmm help`",
		argv[1]);
	problem_print(&problem);
	return EXIT_LWVMM_FAILED;
}

int main(int argc, char **argv)
{
	struct problem problem = {0};

	if (proxy_settle(argv, &problem)) {
		problem_print(&problem);
		return problem.status;
	}
	return dispatch(argv);
}
