/* SPDX-License-Identifier: MIT */
/*
 * cgroup v2: Slurm 22.05 makes SCOPE/job_N/step_X/{slurm,user/task_T} and confines job_N and
 * step_X/user; the others inherit. task/affinity then binds each task to cores of those, and
 * fails where it cannot: so a step's groups are changed when all its tasks are bound, by the
 * first that is about to execute. That is the user's already: the files have been opened
 * before, by root.
 *
 * Each further step of the job confines job_N anew, and comes here: the last writer of job_N is
 * always one of us. Until then the job's earlier steps are where Slurm has put them, for
 * milliseconds; the kernel may forget a thread's own affinity over it (before Linux 6.2), which
 * then is all that is written here: the cores beside the guests'.
 *
 * cgroup v1: SLURM/uid_U/job_N/step_X, where a group must hold its children's cores, so that
 * what is changed here would end the job's next step. But there the hierarchy of cpusets is one
 * by itself, by which Slurm follows nobody: processes go to a group of our own, SLURM/lwvmm.
 */
#include "integrations/slurm/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "numa/options.h"
#include "vmm/base/filelock.h"
#include "vmm/lease.h"

#define MAX_CORES 2048
#define TEXT_SIZE sizeof(((struct cgroup_step *)0)->text)
#define MAX_DEPTH 4 /* of groups below a step's */

const struct cgroup_places cgroup_host = {
	.self = "/proc/self/cgroup",
	.mount = "/sys/fs/cgroup",
	.mount_v1 = "/sys/fs/cgroup/cpuset",
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

static int text_write(const char *dir, const char *file, const char *text)
{
	char path[PATH_MAX];
	ssize_t len = (ssize_t)strlen(text), done;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	done = write(fd, text, (size_t)len);
	close(fd);
	return done == len ? 0 : -EIO;
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
static int cores_find(const struct cgroup_places *places, const char *above, const char *file,
	char *text, size_t size)
{
	struct cores cores;
	int err = text_read(above, file, text, size);

	if (!err)
		err = cpulist_parse(text, cores.core, MAX_CORES, &cores.n);
	if (err)
		return err;
	if (leased_drop(places->leases, &cores))
		isolated_drop(places->isolated, &cores);
	cpulist_format(cores.core, cores.n, text, size);
	return 0;
}

static int file_add(struct cgroup_step *step, const char *group, const char *file)
{
	char path[PATH_MAX];
	int fd;

	if (step->n == CGROUP_MAX)
		return -E2BIG;
	snprintf(path, sizeof(path), "%s/%s", group, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	step->fd[step->n++] = fd;
	return 0;
}

/* A group that is not confined itself has what its parent has. */
static int group_open(const char *group, struct cgroup_step *step)
{
	char now[64] = ""; /* whether there is a list is all that counts */
	int err = text_read(group, "cpuset.cpus", now, sizeof(now));

	if (err == -ENOENT || (!err && !now[0]))
		return 0;
	return err ? err : file_add(step, group, "cpuset.cpus");
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

/* A line is NUMBER:CONTROLLERS:GROUP; that of cgroup v2 has none. */
static const char *line_group(char *line, const char *controller)
{
	char *names = strchr(line, ':'), *group = names ? strchr(names + 1, ':') : NULL, *rest;

	line[strcspn(line, "\n")] = '\0';
	if (!group)
		return NULL;
	*group = '\0';
	if (!controller)
		return names[1] ? NULL : group + 1;
	for (char *name = strtok_r(names + 1, ",", &rest); name;
		name = strtok_r(NULL, ",", &rest))
		if (!strcmp(name, controller))
			return group + 1;
	return NULL;
}

/*
 * `group` becomes the caller's, if it is one of the job's: then it is the slash before job_N
 * that is returned.
 */
static char *job_find(const char *self, const char *controller, const char *mount,
	uint32_t number, char group[PATH_MAX])
{
	char line[PATH_MAX], word[32], *job = NULL;
	FILE *file = fopen(self, "re");

	snprintf(word, sizeof(word), "/job_%u/", number);
	while (file && !job && fgets(line, sizeof(line), file)) {
		const char *name = line_group(line, controller);

		if (name && snprintf(group, PATH_MAX, "%s%s", mount, name) < PATH_MAX)
			job = strstr(group, word);
	}
	if (file)
		fclose(file);
	return job;
}

static int open_v2(
	const struct cgroup_places *places, char *group, char *job, struct cgroup_step *step)
{
	char *name;
	int err;

	*job = '\0';
	err = cores_find(
		places, group, "cpuset.cpus.effective", step->text, sizeof(step->text));
	if (err)
		return err == -ENOENT ? 0 : err; /* no cpuset: nobody is confined */
	*job = '/';
	name = strchr(job + 1, '/');
	*name = '\0';
	err = group_open(group, step);
	*name++ = '/';
	name[strcspn(name, "/")] = '\0';
	return err ? err : tree_open(group, step, 0);
}

/* The group of our own is one for all users and jobs of the node, and stays. */
static int open_v1(
	const struct cgroup_places *places, char *group, char *job, struct cgroup_step *step)
{
	char mems[TEXT_SIZE] = "", *user;
	int err;

	*job = '\0';
	user = strrchr(group, '/');
	*user = '\0';
	err = cores_find(places, group, "cpuset.cpus", step->text, sizeof(step->text));
	if (!err)
		err = text_read(group, "cpuset.mems", mems, sizeof(mems));
	if (err)
		return err;
	snprintf(user, PATH_MAX - (size_t)(user - group), "/lwvmm");
	if (mkdir(group, 0755) && errno != EEXIST)
		return -errno;
	err = text_write(group, "cpuset.mems", mems);
	if (!err)
		err = text_write(group, "cpuset.cpus", step->text);
	if (!err)
		err = file_add(step, group, "cgroup.procs");
	snprintf(step->text, sizeof(step->text), "0"); /* whoever writes it */
	step->moves = true;
	return err;
}

int cgroup_open(const struct cgroup_places *places, uint32_t job, struct cgroup_step *step)
{
	char group[PATH_MAX], *at;
	int err = 0;

	step->n = 0;
	step->moves = false;
	if ((at = job_find(places->self, NULL, places->mount, job, group)) != NULL)
		err = open_v2(places, group, at, step);
	else if ((at = job_find(places->self, "cpuset", places->mount_v1, job, group)) != NULL)
		err = open_v1(places, group, at, step);
	if (err)
		cgroup_close(step);
	return err;
}

int cgroup_free_cores(const struct cgroup_step *step)
{
	ssize_t len = (ssize_t)strlen(step->text);

	for (unsigned i = 0; i < step->n; i++)
		if (pwrite(step->fd[i], step->text, (size_t)len, 0) != len)
			return -errno;
	return 0;
}

void cgroup_close(struct cgroup_step *step)
{
	while (step->n)
		close(step->fd[--step->n]);
}
