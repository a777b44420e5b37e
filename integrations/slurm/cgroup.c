/* SPDX-License-Identifier: MIT */
/*
 * Slurm 22.05 makes SCOPE/job_N/step_X/{slurm,user/task_T} and confines job_N and step_X/user;
 * the others inherit. task/affinity then binds each task to cores of those, and fails where it
 * cannot: so a step's groups are changed when all its tasks are bound, by the first that is
 * about to execute. That is the user's already: the files have been opened before, by root.
 *
 * Each further step of the job confines job_N anew, and comes here: the last writer of job_N is
 * always one of us. Until then the job's earlier steps are where Slurm has put them, for
 * milliseconds; the kernel may forget a thread's own affinity over it (before Linux 6.2), which
 * then is all that is written here: the cores beside the guests'.
 */
#include "integrations/slurm/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "numa/options.h"
#include "vmm/base/filelock.h"
#include "vmm/lease.h"

#define MAX_CORES 2048
#define TEXT_SIZE sizeof(((struct cgroup_step *)0)->cores)
#define MAX_DEPTH 4 /* of groups below a step's */

const struct cgroup_places cgroup_host = {
	.self = "/proc/self/cgroup",
	.mount = "/sys/fs/cgroup",
	.isolated = "/sys/devices/system/cpu/isolated",
	.leases = LEASE_DIR,
};

struct cores {
	uint16_t core[MAX_CORES];
	unsigned n;
};

/* The whole of a small file, without the newline at its end. */
static int text_read(const char *dir, const char *file, char *text, size_t size)
{
	char path[PATH_MAX];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%s%s%s", dir, *dir ? "/" : "", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, size - 1);
	close(fd);
	if (len < 0)
		return -EIO;
	text[len] = '\0';
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	return 0;
}

static bool core_leased(const char *leases, unsigned core)
{
	char path[PATH_MAX];
	bool held;
	int fd;

	snprintf(path, sizeof(path), "%s/core-%u", leases, core);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	held = filelock_held(fd);
	close(fd);
	return held;
}

/* False, and all of them stay, where guests have all. */
static bool leased_drop(const char *leases, struct cores *cores)
{
	struct cores all = *cores;
	bool rest;

	cores->n = 0;
	for (unsigned i = 0; i < all.n; i++)
		if (!core_leased(leases, all.core[i]))
			cores->core[cores->n++] = all.core[i];
	rest = cores->n > 0;
	if (!rest)
		*cores = all;
	return rest;
}

/* A thread that lands on one of these stays there with all others that did. */
static void isolated_drop(const char *file, struct cores *cores)
{
	char text[TEXT_SIZE] = "";
	struct cores all = *cores, isolated;

	if (text_read("", file, text, sizeof(text)) ||
		cpulist_parse(text, isolated.core, MAX_CORES, &isolated.n))
		return;
	cores->n = 0;
	for (unsigned i = 0; i < all.n; i++) {
		bool drop = false;

		for (unsigned k = 0; k < isolated.n; k++)
			drop |= isolated.core[k] == all.core[i];
		if (!drop)
			cores->core[cores->n++] = all.core[i];
	}
	if (!cores->n)
		*cores = all;
}

/* What there is above the job, but for the cores of guests; a host that has no other shares. */
static int cores_find(
	const struct cgroup_places *places, const char *above, char *text, size_t size)
{
	struct cores cores;
	int err = text_read(above, "cpuset.cpus.effective", text, size);

	if (!err)
		err = cpulist_parse(text, cores.core, MAX_CORES, &cores.n);
	if (err)
		return err;
	if (leased_drop(places->leases, &cores))
		isolated_drop(places->isolated, &cores);
	cpulist_format(cores.core, cores.n, text, size);
	return 0;
}

/* A group that is not confined itself has what its parent has. */
static int group_open(const char *group, struct cgroup_step *step)
{
	char path[PATH_MAX + 16], now[64] = ""; /* whether there is a list is all that counts */
	int err = text_read(group, "cpuset.cpus", now, sizeof(now));
	int fd;

	if (err == -ENOENT || (!err && !now[0]))
		return 0;
	if (err)
		return err;
	if (step->n == CGROUP_MAX)
		return -E2BIG;
	snprintf(path, sizeof(path), "%s/cpuset.cpus", group);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	step->fd[step->n++] = fd;
	return 0;
}

/* Parents first: a group never has more than its parent. */
static int tree_open(char *group, struct cgroup_step *step, unsigned depth)
{
	size_t len = strlen(group);
	int err = group_open(group, step);
	DIR *dir = !err && depth < MAX_DEPTH ? opendir(group) : NULL;

	for (struct dirent *entry; dir && !err && (entry = readdir(dir));) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
			len + strlen(entry->d_name) + 2 > PATH_MAX)
			continue;
		snprintf(group + len, PATH_MAX - len, "/%s", entry->d_name);
		err = tree_open(group, step, depth + 1);
		group[len] = '\0';
	}
	if (dir)
		closedir(dir);
	return err;
}

/* The caller's group of cgroup v2, which is what the line with no controller's name is about.
 */
static int self_find(const struct cgroup_places *places, char *group, size_t size)
{
	char line[PATH_MAX];
	FILE *file = fopen(places->self, "re");
	int err = -ENOENT;

	if (!file)
		return -errno;
	while (err && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		err = snprintf(group, size, "%s%s", places->mount, line + 3) < (int)size
			      ? 0
			      : -ENAMETOOLONG;
	}
	fclose(file);
	return err;
}

/* SCOPE/job_N/step_X/...: *job points to the slash before job_N. -ENOENT: no such group. */
static int job_find(const struct cgroup_places *places, uint32_t number, char *group,
	size_t size, char **job)
{
	char word[32];
	int err = self_find(places, group, size);

	snprintf(word, sizeof(word), "/job_%u/", number);
	if (!err)
		*job = strstr(group, word);
	return err ? err : *job ? 0 : -ENOENT;
}

int cgroup_open(const struct cgroup_places *places, uint32_t job, struct cgroup_step *step)
{
	char group[PATH_MAX] = "", *at, *name;
	int err = job_find(places, job, group, sizeof(group), &at);

	step->n = 0;
	if (err)
		return err == -ENOENT ? 0 : err;
	*at = '\0';
	err = cores_find(places, group, step->cores, sizeof(step->cores));
	if (err)
		return err == -ENOENT ? 0 : err; /* no cpuset: nobody is confined */
	*at = '/';
	name = strchr(at + 1, '/');
	*name = '\0';
	err = group_open(group, step);
	*name++ = '/';
	name[strcspn(name, "/")] = '\0';
	if (!err)
		err = tree_open(group, step, 0);
	if (err)
		cgroup_close(step);
	return err;
}

int cgroup_free_cores(const struct cgroup_step *step)
{
	ssize_t len = (ssize_t)strlen(step->cores);

	for (unsigned i = 0; i < step->n; i++)
		if (pwrite(step->fd[i], step->cores, (size_t)len, 0) != len)
			return -errno;
	return 0;
}

void cgroup_close(struct cgroup_step *step)
{
	while (step->n)
		close(step->fd[--step->n]);
}
