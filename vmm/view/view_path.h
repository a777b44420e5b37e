/* SPDX-License-Identifier: MIT */
/* Which paths tell of the machine. Pure functions of strings. */
#ifndef VMM_VIEW_VIEW_PATH_H
#define VMM_VIEW_VIEW_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum view_target {
	VIEW_NOT,  /* the host answers */
	VIEW_TREE, /* what the tree has at this path, once and for all; or has not */
	/* Written anew each time somebody asks: */
	VIEW_CPUINFO,
	VIEW_MEMINFO,
	VIEW_STAT,
	VIEW_NODE_MEMINFO,
	VIEW_SELF_STATUS,
	VIEW_SELF_STAT,
	VIEW_SELF_MAPS,
	VIEW_SELF_NUMA_MAPS,
};

struct view_hit {
	enum view_target target;
	unsigned node;       /* of VIEW_NODE_MEMINFO */
	char path[PATH_MAX]; /* below the tree's root, with a leading '/' */
};

/*
 * Looks at an absolute path for process `pid`. What is collapsed: "//", "/./", and "/.." as far
 * as the path has not come into a view yet (there the tree's own links count).
 */
void view_path_find(const char *path, uint32_t pid, struct view_hit *hit);

/* Whether a relative path, or an absolute one, can lead to a view at all: the cheap question
 * before. */
bool view_path_relative(const char *path);
bool view_path_absolute(const char *path);

#endif
