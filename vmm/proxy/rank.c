/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/rank.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

/* A number and nothing else, unless `rest` says where it ended. */
static bool number_read(const char *text, unsigned *value, const char **rest)
{
	char *end;
	unsigned long n;

	if (!text || *text < '0' || *text > '9')
		return false;
	n = strtoul(text, &end, 10);
	if (n > INT_MAX || (!rest && *end))
		return false;
	*value = (unsigned)n;
	if (rest)
		*rest = end;
	return true;
}

/* The node's item of Slurm's list of tasks per node: "4", "2(x3),1". */
static bool tasks_of_node(const char *list, unsigned node, unsigned *tasks)
{
	while (number_read(list, tasks, &list)) {
		unsigned times = 1;

		if (list[0] == '(' && list[1] == 'x') {
			if (!number_read(list + 2, &times, &list) || *list++ != ')')
				return false;
		}
		if (node < times)
			return *list == ',' || !*list;
		node -= times;
		if (*list++ != ',')
			return false;
	}
	return false;
}

/*
 * Only what srun tells a task: a batch script has a SLURM_LOCALID too, and is no rank.
 */
static bool slurm_read(rank_getenv_fn *get, struct rank *rank)
{
	unsigned node = 0;

	number_read(get("SLURM_NODEID"), &node, NULL);
	return number_read(get("SLURM_LOCALID"), &rank->local, NULL) &&
	       tasks_of_node(get("SLURM_STEP_TASKS_PER_NODE"), node, &rank->count);
}

struct rank rank_read(rank_getenv_fn *get)
{
	/* mpiexec within a Slurm step: its own word is the nearer one. */
	static const struct {
		const char *local, *count;
	} name[] = {
		{"OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"},
		{"MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
		{"PMI_LOCAL_RANK", "PMI_LOCAL_SIZE"},
	};
	struct rank rank;

	for (unsigned i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		if (number_read(get(name[i].local), &rank.local, NULL) &&
			number_read(get(name[i].count), &rank.count, NULL) &&
			rank.local < rank.count)
			return rank;
	}
	if (slurm_read(get, &rank) && rank.local < rank.count)
		return rank;
	return (struct rank){0};
}

uint64_t rank_cpus(struct rank rank, uint64_t allowed, unsigned ncores)
{
	uint64_t all = ncores < 64 ? (1ULL << ncores) - 1 : ~0ULL, mine = 0;
	uint64_t cpus = allowed ? allowed & all : all;
	unsigned n = (unsigned)__builtin_popcountll(cpus), seen = 0;
	uint64_t from, to;

	if (rank.count < 2)
		return allowed;
	from = (uint64_t)rank.local * n / rank.count;
	to = (uint64_t)(rank.local + 1) * n / rank.count;
	if (to == from)
		to++;
	for (unsigned i = 0; i < ncores; i++) {
		if (!(cpus >> i & 1))
			continue;
		if (seen >= from && seen < to)
			mine |= 1ULL << i;
		seen++;
	}
	return mine;
}
