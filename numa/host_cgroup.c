/* SPDX-License-Identifier: MIT */
/*
 * What our control groups allow. Version 1 has one hierarchy for each controller, version 2 one
 * for all; hybrid hosts have both. A limit anywhere between our group and the root of its
 * hierarchy counts.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "numa/host_parts.h"

#define CGROUP_DIR "/sys/fs/cgroup"
/* Version 1 writes "no limit" as LONG_MAX rounded down to pages: nothing that large is a limit.
 */
#define LIMIT_NONE (UINT64_C(1) << 62)

/* Our group in the hierarchy that has a controller: `base` is the hierarchy's root, `path` ours
 * in it. */
struct group {
	int version; /* 0: there is none */
	char base[512];
	char path[2048];
};

static bool word_in_list(const char *list, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; at < list + len; at += strcspn(at, ",:") + 1) {
		if (strncmp(at, word, n) == 0 && (at[n] == ',' || at[n] == ':'))
			return true;
	}
	return false;
}

/* Looks through /proc/self/cgroup: lines of "ID:CONTROLLERS:PATH", version 2 has id 0 and no
 * list. */
static void group_find(const char *root, const char *controller, struct group *group)
{
	struct host_path file = host_path(root, "/proc/self/cgroup");
	char text[HOST_TEXT_MAX];

	group->version = 0;
	if (host_file_text(&file, text, sizeof(text)))
		return;
	for (char *line = text, *next; line; line = next) {
		char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!path)
			continue;
		list++;
		if (word_in_list(list, (size_t)(path - list), controller))
			group->version = 1;
		else if (list == path && group->version == 0)
			group->version = 2;
		else
			continue;
		snprintf(group->path, sizeof(group->path), "%s", path + 1);
		if (group->version == 1)
			break;
	}
}

/* Where the hierarchy is mounted, and whether our path can be seen in it (in a container it may
 * not). */
static void group_locate(const char *root, const char *controller, struct group *group)
{
	struct host_path file;

	if (group->version == 1) {
		snprintf(group->base, sizeof(group->base), CGROUP_DIR "/%s", controller);
	} else {
		file = host_path(root, CGROUP_DIR "/cgroup.controllers");
		snprintf(group->base, sizeof(group->base), "%s",
			access(file.text, F_OK) == 0 ? CGROUP_DIR : CGROUP_DIR "/unified");
	}
	file = host_path(root, "%s%s", group->base, group->path);
	if (access(file.text, F_OK) != 0 || strcmp(group->path, "/") == 0)
		group->path[0] = '\0';
}

static bool group_open(const char *root, const char *controller, struct group *group)
{
	group_find(root, controller, group);
	if (group->version)
		group_locate(root, controller, group);
	return group->version != 0;
}

/* One step towards the root of the hierarchy; false when we were there. */
static bool group_up(struct group *group)
{
	char *slash = strrchr(group->path, '/');

	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

/* Lowers *left to what this group's limit leaves, and *limit to the limit. */
static void limit_apply(const char *root, const struct group *group, const char *limit_file,
	const char *usage_file, uint64_t reclaimable, uint64_t *limit, uint64_t *left)
{
	struct host_path path =
		host_path(root, "%s%s/%s", group->base, group->path, limit_file);
	uint64_t max, used = 0;

	if (host_file_u64(&path, &max) || max >= LIMIT_NONE)
		return;
	path = host_path(root, "%s%s/%s", group->base, group->path, usage_file);
	host_file_u64(&path, &used);
	used -= reclaimable < used ? reclaimable : used;
	if (max < *limit)
		*limit = max;
	if (max - (used < max ? used : max) < *left)
		*left = max - (used < max ? used : max);
}

/* Page cache that has not been used lately goes before anything is refused. */
static uint64_t reclaimable_read(const char *root, const struct group *group)
{
	struct host_path path = host_path(root, "%s%s/memory.stat", group->base, group->path);
	char text[HOST_TEXT_MAX];
	uint64_t bytes = 0;

	if (host_file_text(&path, text, sizeof(text)) == 0)
		host_text_u64(text,
			group->version == 1 ? "total_inactive_file" : "inactive_file", &bytes);
	return bytes;
}

static void memory_read(const char *root, struct host *host)
{
	struct group group;

	if (!group_open(root, "memory", &group))
		return;
	do {
		limit_apply(root, &group,
			group.version == 1 ? "memory.limit_in_bytes" : "memory.max",
			group.version == 1 ? "memory.usage_in_bytes" : "memory.current",
			reclaimable_read(root, &group), &host->cgroup_memory_limit,
			&host->cgroup_memory_left);
	} while (group_up(&group));
}

/* Pages are charged when they are touched and, apart from that, when they are reserved: both
 * count. */
static void hugetlb_read(const char *root, const char *size, uint64_t *left)
{
	static const char *const kind[] = {"", ".rsvd"};
	struct group group;
	uint64_t limit = UINT64_MAX;

	if (!group_open(root, "hugetlb", &group))
		return;
	do {
		for (unsigned i = 0; i < 2; i++) {
			char max[64], used[64];

			snprintf(max, sizeof(max), "hugetlb.%s%s.%s", size, kind[i],
				group.version == 1 ? "limit_in_bytes" : "max");
			snprintf(used, sizeof(used), "hugetlb.%s%s.%s", size, kind[i],
				group.version == 1 ? "usage_in_bytes" : "current");
			limit_apply(root, &group, max, used, 0, &limit, left);
		}
	} while (group_up(&group));
}

void host_cgroup_limits_read(const char *root, struct host *host)
{
	host->cgroup_memory_limit = UINT64_MAX;
	host->cgroup_memory_left = UINT64_MAX;
	host->cgroup_hugetlb_2m = UINT64_MAX;
	host->cgroup_hugetlb_1g = UINT64_MAX;
	memory_read(root, host);
	hugetlb_read(root, "2MB", &host->cgroup_hugetlb_2m);
	hugetlb_read(root, "1GB", &host->cgroup_hugetlb_1g);
}

bool host_cgroup_cpus_read(const char *root, uint16_t *list, unsigned max, unsigned *n)
{
	struct group group;

	*n = 0;
	if (!group_open(root, "cpuset", &group))
		return false;
	/* The nearest group that has the controller switched on says what is in force. */
	do {
		struct host_path path = host_path(root, "%s%s/%s", group.base, group.path,
			group.version == 1 ? "cpuset.effective_cpus" : "cpuset.cpus.effective");

		*n = host_file_list(&path, list, max);
	} while (*n == 0 && group_up(&group));
	return *n != 0;
}
