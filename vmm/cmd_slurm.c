/* SPDX-License-Identifier: MIT */
/* `lwvmm slurm-conf NAME`: of a guest that runs, or of its description. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "numa/plan.h"
#include "vmm/cmd.h"
#include "vmm/cmd_ask.h"
#include "vmm/control.h"
#include "vmm/slurm_conf.h"

/* Large, and needed once. */
static struct host host;
static struct plan plan;
static union answer answer;
static uint16_t core[PLAN_MAX_VCPUS];

static int from_description(
	char *const *argv, struct slurm_guest *guest, struct problem *problem)
{
	static struct options opt;
	char path[PATH_MAX];
	char *words[] = {"--name", argv[0], "--config", path, NULL};
	int err;

	control_config_path(argv[0], path, sizeof(path));
	err = options_parse(words, OPTIONS_PLAN, &opt, problem);
	if (!err)
		err = plan_make(&opt, &host, &plan, problem);
	if (err)
		return err;
	guest->ncores = plan.nvcpus;
	guest->mem = plan.mem;
	for (unsigned i = 0; i < plan.nvcpus; i++)
		core[i] = plan.vcpu[i].core;
	return 0;
}

static void from_running(const struct proto_guest *running, struct slurm_guest *guest)
{
	guest->ncores = running->ncores;
	guest->mem = running->mem;
	memcpy(core, running->core, sizeof(core));
}

static int show(char *const *argv, struct problem *problem)
{
	struct problem unheard = {0};
	struct slurm_guest guest = {.name = argv[0], .core = core};
	char name[HOST_NAME_MAX + 1] = "localhost";
	int err = host_read("", &host, problem);

	gethostname(name, sizeof(name) - 1);
	name[strcspn(name, ".")] = '\0';
	guest.host = name;
	if (!err && !guest_query(argv[0], PROTO_QUERY, &answer, &unheard))
		from_running(&answer.guest, &guest);
	else if (!err)
		err = from_description(argv, &guest, problem);
	if (!err)
		slurm_conf_print(&guest, &host, stdout);
	return err;
}

int cmd_slurm_conf(char *const *argv)
{
	struct problem problem = {0};

	if (*argv && (!strcmp(*argv, "--help") || !strcmp(*argv, "-h"))) {
		help_topic_print("slurm-conf", stdout);
		return 0;
	}
	if (!*argv || (*argv)[0] == '-' || argv[1])
		problem_set(&problem, -EINVAL, EXIT_LWVMM_FAILED,
			"slurm-conf: one guest is named: lwvmm slurm-conf NAME");
	else
		show(argv, &problem);
	if (problem.status)
		problem_print(&problem);
	return problem.status;
}
