/* SPDX-License-Identifier: MIT */
/* The options that say how much memory, where, and which nodes the guest has. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "numa/options_parts.h"

#define PART_TEXT 64

/* A number of a node, alone: cpulist_parse() has the strict digits. */
static bool number_parse(const char *text, uint16_t *value)
{
	unsigned n;

	return cpulist_parse(text, value, 1, &n) == 0 && !strpbrk(text, "-,:");
}

static int part_refuse(struct problem *problem, const char *part, const char *text)
{
	return options_refuse(problem, "--mem", part, text);
}

/* One "SIZE@NODE"; `part` is changed while it is looked at. */
static int part_add(struct options *opt, char *part, struct problem *problem)
{
	struct mem_part *to = &opt->mem_part[opt->nmem_parts];
	char *at = strchr(part, '@');
	int err;

	if (!at)
		return part_refuse(problem, part,
			"a part without a node: write SIZE@NODE in every part, like 8G@0,8G@1");
	*at = '\0';
	err = size_parse(part, &to->size);
	*at = '@';
	if (err)
		return part_refuse(problem, part,
			"not a size: give a number above zero with K, M, G or T before the @");
	if (!number_parse(at + 1, &to->node))
		return part_refuse(problem, part,
			"not a node: give the number of a host node behind the @");
	for (unsigned i = 0; i < opt->nmem_parts; i++) {
		if (opt->mem_part[i].node == to->node)
			return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
				"--mem %s: node %u is named twice: name each node once", part,
				to->node);
	}
	if (__builtin_add_overflow(opt->mem, to->size, &opt->mem) || opt->mem > INT64_MAX)
		return part_refuse(problem, part, "more than any machine has: ask for less");
	opt->nmem_parts++;
	return 0;
}

static int parts_set(struct options *opt, const char *value, struct problem *problem)
{
	for (const char *at = value; at; at = strchr(at, ',')) {
		char part[PART_TEXT];
		size_t len;
		int err;

		at += *at == ',' && at != value;
		len = strcspn(at, ",");
		if (len >= sizeof(part))
			return part_refuse(problem, value,
				"not sizes and nodes: write them like 8G@0,8G@1");
		if (opt->nmem_parts == OPTIONS_MAX_PARTS)
			return part_refuse(problem, value,
				"more than 16 parts: a guest has at most 16 nodes");
		memcpy(part, at, len);
		part[len] = '\0';
		err = part_add(opt, part, problem);
		if (err)
			return err;
	}
	return 0;
}

int options_mem_set(struct options *opt, const char *value, struct problem *problem)
{
	opt->nmem_parts = 0;
	opt->mem = 0;
	if (strchr(value, '@'))
		return parts_set(opt, value, problem);
	if (size_parse(value, &opt->mem))
		return options_refuse(problem, "--mem", value,
			"not a size: give a number above zero with K, M, G or T, like 2G or "
			"1.5G; to name host nodes write 8G@0,8G@1");
	return 0;
}

int options_numa_set(struct options *opt, const char *value, struct problem *problem)
{
	uint16_t n = 0;

	opt->numa_nodes = 0;
	if (strcmp(value, "mirror") == 0) {
		opt->numa = NUMA_MIRROR;
	} else if (strcmp(value, "none") == 0) {
		opt->numa = NUMA_NONE;
	} else if (number_parse(value, &n) && n) {
		opt->numa = NUMA_SPLIT;
		opt->numa_nodes = n;
	} else {
		return options_refuse(problem, "--numa", value,
			"not a way to make nodes: mirror, none or a number of nodes above "
			"zero");
	}
	return 0;
}

int options_no_smt_set(struct options *opt, const char *value, struct problem *problem)
{
	opt->no_smt = true;
	return 0;
}
