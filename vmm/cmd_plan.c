/* SPDX-License-Identifier: MIT */
/* `lwvmm plan`: what `run` with the same options would place where. Touches nothing. */
#include <stdio.h>

#include "numa/host.h"
#include "numa/options.h"
#include "numa/plan.h"
#include "vmm/base/problem.h"
#include "vmm/cmd.h"

static int plan_show(char *const *argv, struct problem *problem)
{
	/* Tens of KiB each, and needed once. */
	static struct options opt;
	static struct host host;
	static struct plan plan;
	int err = options_parse(argv, OPTIONS_PLAN, &opt, problem);

	if (err)
		return err;
	if (opt.help) {
		help_topic_print("plan", stdout);
		return 0;
	}
	err = host_read("", &host, problem);
	if (!err)
		err = plan_make(&opt, &host, &plan, problem);
	if (err)
		return err;
	if (opt.plan_json)
		plan_print_json(&plan, stdout);
	else
		plan_print(&plan, &host, stdout);
	return 0;
}

int cmd_plan(char *const *argv)
{
	struct problem problem = {0};

	if (plan_show(argv, &problem)) {
		problem_print(&problem);
		return problem.status;
	}
	return 0;
}
