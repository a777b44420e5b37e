/* SPDX-License-Identifier: MIT */
#include "vmm/view/view_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Folders that are the tree's, and some that neither it nor the guest has. */
static const char *const folders[] = {
	"/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/bus/cpu", "/sys/bus/node",
	"/sys/bus/pci", "/sys/kernel/mm/hugepages",
	"/sys/devices/system/memory", /* no hotplug */
	"/sys/fs/cgroup",             /* limits there are of the host's resources */
};

struct file {
	const char *name;
	enum view_target target;
};

/* Of /proc. Those of the tree are not in it: a kernel without them has no such files. */
static const struct file files[] = {
	{"cpuinfo", VIEW_CPUINFO},
	{"meminfo", VIEW_MEMINFO},
	{"stat", VIEW_STAT},
	{"buddyinfo", VIEW_TREE},
	{"cgroups", VIEW_TREE},
	{"interrupts", VIEW_TREE},
	{"iomem", VIEW_TREE},
	{"pagetypeinfo", VIEW_TREE},
	{"schedstat", VIEW_TREE},
	{"softirqs", VIEW_TREE},
	{"zoneinfo", VIEW_TREE},
};

/* Of /proc/PID. cmdline and exe are in the tree. */
static const struct file self_files[] = {
	{"status", VIEW_SELF_STATUS},
	{"stat", VIEW_SELF_STAT},
	{"maps", VIEW_SELF_MAPS},
	{"numa_maps", VIEW_SELF_NUMA_MAPS},
	{"cmdline", VIEW_TREE},
	{"exe", VIEW_TREE},
	{"cgroup", VIEW_TREE},
	{"cpuset", VIEW_TREE},
};

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static enum view_target file_find(const struct file *list, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(list[i].name, name) == 0)
			return list[i].target;
	return VIEW_NOT;
}

static bool in_folder(const char *path, size_t len)
{
	for (unsigned i = 0; i < LEN(folders); i++) {
		size_t n = strlen(folders[i]);

		if (len >= n && memcmp(path, folders[i], n) == 0 &&
			(len == n || path[n] == '/'))
			return true;
	}
	return false;
}

/* Takes "/.." off the end. */
static size_t parent(const char *text, size_t len)
{
	while (len && text[--len] != '/')
		;
	return len;
}

/*
 * The path without "//", "/." and "/..". `loose` keeps what a view's own links decide: "/.."
 * behind the point where the path came into a folder of ours. False: it is too long.
 */
static bool collapse(const char *path, bool loose, char out[PATH_MAX])
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t len; path += strspn(path, "/"), (len = strcspn(path, "/")); path += len) {
		if (len == 1 && path[0] == '.')
			continue;
		if (len == 2 && strncmp(path, "..", 2) == 0 && !(loose && in_folder(out, n))) {
			n = parent(out, n);
			out[n] = '\0';
			continue;
		}
		if (n + len + 2 > PATH_MAX)
			return false;
		out[n++] = '/';
		memcpy(out + n, path, len);
		n += len;
		out[n] = '\0';
	}
	return true;
}

/* What stands behind "/proc/<the process itself>/", also by one of its threads; NULL: it is
 * another's. */
static const char *self_file(const char *path, uint32_t pid)
{
	char own[24];
	size_t len;

	snprintf(own, sizeof(own), "%u/", pid);
	if (strncmp(path, "self/", 5) == 0)
		path += 5;
	else if (strncmp(path, "thread-self/", 12) == 0)
		path += 12;
	else if (strncmp(path, own, strlen(own)) == 0)
		path += strlen(own);
	else
		return NULL;
	if (strncmp(path, "task/", 5) != 0)
		return path;
	len = strspn(path + 5, "0123456789");
	return len && path[5 + len] == '/' ? path + 5 + len + 1 : NULL;
}

static void proc_find(uint32_t pid, struct view_hit *hit)
{
	const char *name = hit->path + strlen("/proc/");
	const char *own = self_file(name, pid);
	char file[32];

	if (!own) {
		hit->target = file_find(files, LEN(files), name);
		return;
	}
	hit->target = file_find(self_files, LEN(self_files), own);
	if (hit->target == VIEW_NOT)
		return;
	snprintf(file, sizeof(file), "%s", own);
	snprintf(hit->path, sizeof(hit->path), "/proc/%u/%s", pid, file);
}

/* A folder's file that is written anew: nodeN/meminfo. */
static void folder_find(const char *path, struct view_hit *hit)
{
	static const char node[] = "/sys/devices/system/node/node";
	char *end;

	hit->target = VIEW_TREE;
	if (strncmp(path, node, sizeof(node) - 1) != 0)
		return;
	hit->node = (unsigned)strtoul(path + sizeof(node) - 1, &end, 10);
	if (strcmp(end, "/meminfo") == 0)
		hit->target = VIEW_NODE_MEMINFO;
}

void view_path_find(const char *path, uint32_t pid, struct view_hit *hit)
{
	char plain[PATH_MAX] = "";

	memset(hit, 0, sizeof(*hit)); /* VIEW_NOT */
	if (!collapse(path, false, plain))
		return;
	if (strncmp(plain, "/proc/", 6) == 0) {
		memcpy(hit->path, plain, strlen(plain) + 1);
		proc_find(pid, hit);
	} else if (in_folder(plain, strlen(plain)) && collapse(path, true, hit->path)) {
		folder_find(plain, hit);
		/* A path that ends in '/' must be a folder, here too. */
		size_t len = strlen(hit->path);

		if (path[strlen(path) - 1] == '/' && len + 1 < PATH_MAX)
			memcpy(hit->path + len, "/", 2);
	}
}

/* Every path into a view has one of these in it: the last step of a folder, or a file's name.
 */
static bool component_tells(const char *name, size_t len)
{
	for (unsigned i = 0; i < LEN(folders); i++) {
		const char *last = strrchr(folders[i], '/') + 1;

		if (strlen(last) == len && strncmp(last, name, len) == 0)
			return true;
	}
	for (unsigned i = 0; i < LEN(files) + LEN(self_files); i++) {
		const char *file =
			i < LEN(files) ? files[i].name : self_files[i - LEN(files)].name;

		if (strlen(file) == len && strncmp(file, name, len) == 0)
			return true;
	}
	return false;
}

bool view_path_relative(const char *path)
{
	for (size_t len; path += strspn(path, "/"), (len = strcspn(path, "/")); path += len)
		if (component_tells(path, len))
			return true;
	return false;
}

bool view_path_absolute(const char *path)
{
	return strstr(path, "sys/") || strstr(path, "proc/");
}
