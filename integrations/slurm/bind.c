/* SPDX-License-Identifier: MIT */
/*
 * --cpu-bind speaks of the guest's CPUs. map_cpu and mask_cpu name those of each task; none
 * leaves all to each; every other binding is lwvmm's own: the step's cores dealt out to its
 * tasks in order.
 */
#include "integrations/slurm/bind.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CPUS 64 /* of a guest */

static void mask_format(uint64_t mask, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < MAX_CPUS && len < size; i++)
		if (mask >> i & 1)
			len += (size_t)snprintf(
				text + len, size - len, "%s%u", len ? "," : "", i);
}

/* "0-3,8" of Slurm's; what is beyond a guest is left out. */
static uint64_t list_parse(const char *list)
{
	uint64_t mask = 0;

	while (*list >= '0' && *list <= '9') {
		char *end;
		unsigned long from = strtoul(list, &end, 10), to = from;

		if (*end == '-')
			to = strtoul(end + 1, &end, 10);
		for (; from <= to && from < MAX_CPUS; from++)
			mask |= 1ULL << from;
		list = *end == ',' ? end + 1 : end;
	}
	return mask;
}

/* The task's item of a list, which is used again from its beginning where tasks are more. */
static const char *item_of(const char *list, unsigned long task)
{
	unsigned long n = 1;

	for (const char *at = list; (at = strchr(at, ',')) != NULL; at++)
		n++;
	for (task %= n; task; task--)
		list = strchr(list, ',') + 1;
	return list;
}

/* Threads of a core have neighbouring numbers, as slurm-conf has told Slurm. */
static uint64_t threads_of(uint64_t cores, const char *cpus)
{
	unsigned long ncpus = cpus ? strtoul(cpus, NULL, 10) : 0;
	unsigned long per = ncpus / (unsigned)(__builtin_popcountll(cores) + !cores);
	uint64_t mask = 0;

	if (per < 2)
		return cores;
	for (unsigned i = 0; i < MAX_CPUS; i++)
		if (cores >> i & 1)
			for (unsigned k = 0; k < per && i * per + k < MAX_CPUS; k++)
				mask |= 1ULL << (i * per + k);
	return mask;
}

bool bind_cpus(const struct bind_words *words, char *cpus, size_t size)
{
	const char *type = words->type ? words->type : "", *list = words->list;
	unsigned long task = words->localid ? strtoul(words->localid, NULL, 10) : 0;
	bool map = strncmp(type, "map_cpu", 7) == 0, mask = strncmp(type, "mask_cpu", 8) == 0;

	cpus[0] = '\0';
	if (!strcmp(type, "none"))
		return true;
	if ((map || mask) && list && *list) {
		/* strtoul takes a mask with 0x, and a number without. */
		unsigned long item = strtoul(item_of(list, task), NULL, map ? 0 : 16);

		mask_format(mask ? item : item < MAX_CPUS ? 1ULL << item : 0, cpus, size);
		return true;
	}
	if (words->cores)
		mask_format(threads_of(list_parse(words->cores), words->cpus), cpus, size);
	return false;
}
