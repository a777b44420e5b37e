/* SPDX-License-Identifier: MIT */
/* Options of programs with several ranks: --ranks, --launcher, --bind. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "numa/options_parts.h"

int options_ranks_set(struct options *opt, const char *value, struct problem *problem)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || n < 1 || n > OPTIONS_MAX_RANKS)
		return options_refuse(
			problem, "--ranks", value, "give a number of ranks, from 1 to 64");
	opt->ranks = (unsigned)n;
	return 0;
}

int options_launcher_set(struct options *opt, const char *value, struct problem *problem)
{
	if (!*value)
		return options_refuse(problem, "--launcher", value,
			"needs the name of a launcher, like mpiexec");
	opt->launcher = value;
	return 0;
}

int options_bind_set(struct options *opt, const char *value, struct problem *problem)
{
	if (strcmp(value, "rank") == 0)
		opt->bind = BIND_RANK;
	else if (strcmp(value, "none") == 0)
		opt->bind = BIND_NONE;
	else
		return options_refuse(
			problem, "--bind", value, "no such binding: rank or none");
	return 0;
}

int options_ranks_check(const struct options *opt, struct problem *problem)
{
	if (!opt->ranks && (opt->launcher || opt->bind != BIND_DEFAULT))
		return options_refuse(problem, opt->launcher ? "--launcher" : "--bind", "",
			"is of several ranks: give their number: --ranks N");
	if (opt->ranks && opt->detach)
		return options_refuse(problem, "--ranks", "",
			"not with --detach: start the guest, then mpiexec -n N lwvmm exec NAME "
			"-- PROGRAM");
	return 0;
}
