/* SPDX-License-Identifier: MIT */
/* Where a step of Slurm may run on the host of a guest: a made-up tree of control groups. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "integrations/slurm/cgroup.h"
#include "tests/unit/suite.h"
#include "vmm/base/filelock.h"

#define JOB   5
#define SCOPE "system.slice/v02_slurmstepd.scope"

static char root[64], self[96], isolated[96], leases[96];
static const struct cgroup_places places = {
	.self = self,
	.mount = root,
	.mount_v1 = root,
	.isolated = isolated,
	.leases = leases,
};

static void file_write(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *c = path + strlen(root) + 1; (c = strchr(c, '/')) != NULL; c++) {
		*c = '\0';
		mkdir(path, 0755);
		*c = '/';
	}
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static const char *file_text(const char *name)
{
	static char text[64];
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return text;
}

static void tree_make(void)
{
	strcpy(root, "/tmp/test-slurm-cgroup-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(self, sizeof(self), "%s/self", root);
	snprintf(isolated, sizeof(isolated), "%s/isolated", root);
	snprintf(leases, sizeof(leases), "%s/leases", root);
	file_write("self", "4:memory:/elsewhere\n0::/" SCOPE "/job_5/step_0/slurm\n");
	file_write("isolated", "2-3,6-7\n");
	file_write(SCOPE "/cpuset.cpus.effective", "0-7\n");
	file_write(SCOPE "/job_5/cpuset.cpus", "0-1\n");
	file_write(SCOPE "/job_5/step_extern/user/cpuset.cpus", "0-1\n");
	file_write(SCOPE "/job_5/step_0/cpuset.cpus", "\n");
	file_write(SCOPE "/job_5/step_0/slurm/cpuset.cpus", "\n");
	file_write(SCOPE "/job_5/step_0/user/cpuset.cpus", "0-1\n");
	file_write(SCOPE "/job_5/step_0/user/task_0/cpuset.cpus", "0-0\n");
	file_write(SCOPE "/job_5/step_0/user/task_1/cpuset.cpus", "\n");
}

static void tree_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	ck_assert_int_eq(system(command), 0);
}

/* Held by this process, as a guest's are by its VMM; the rest are what guests have left. */
static void lease(unsigned from, unsigned to)
{
	char name[32], path[128];

	for (unsigned core = 0; core < 8; core++) {
		int fd;

		snprintf(name, sizeof(name), "leases/core-%u", core);
		file_write(name, "1 guest\n");
		if (core < from || core > to)
			continue;
		snprintf(path, sizeof(path), "%s/%s", root, name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(filelock_try(fd), 0);
	}
}

static const struct {
	unsigned from, to;
	const char *isolated, *cores;
} guests[] = {
	{0, 3, "2-3,6-7\n", "4-5"},                  /* what neither has */
	{0, 3, "\n", "4-7"}, {4, 7, "0-3\n", "0-3"}, /* nothing but isolated ones */
	{0, 7, "2-3,6-7\n", "0-7"},                  /* guests have all: shared */
	{9, 9, "2-3,6-7\n", "0-1,4-5"},              /* the guest does not run */
};

START_TEST(cores_beside_the_guests)
{
	struct cgroup_step step;

	tree_make();
	lease(guests[_i].from, guests[_i].to);
	file_write("isolated", guests[_i].isolated);
	ck_assert_int_eq(cgroup_open(&places, JOB, &step), 0);
	ck_assert_str_eq(step.text, guests[_i].cores);
	cgroup_close(&step);
	tree_remove();
}
END_TEST

START_TEST(what_is_confined_is_freed)
{
	struct cgroup_step step;

	tree_make();
	lease(0, 3);
	ck_assert_int_eq(cgroup_open(&places, JOB, &step), 0);
	ck_assert_uint_eq(step.n, 3);
	ck_assert(!step.moves);
	ck_assert_str_eq(file_text(SCOPE "/job_5/cpuset.cpus"), "0-1\n");
	ck_assert_int_eq(cgroup_free_cores(&step), 0);
	cgroup_close(&step);
	ck_assert_uint_eq(step.n, 0);
	ck_assert_str_eq(file_text(SCOPE "/job_5/cpuset.cpus"), "4-5\n");
	ck_assert_str_eq(file_text(SCOPE "/job_5/step_0/cpuset.cpus"), "\n");
	ck_assert_str_eq(file_text(SCOPE "/job_5/step_0/slurm/cpuset.cpus"), "\n");
	ck_assert_str_eq(file_text(SCOPE "/job_5/step_0/user/cpuset.cpus"), "4-5\n");
	ck_assert_str_eq(file_text(SCOPE "/job_5/step_0/user/task_0/cpuset.cpus"), "4-5\n");
	ck_assert_str_eq(file_text(SCOPE "/job_5/step_0/user/task_1/cpuset.cpus"), "\n");
	ck_assert_str_eq(file_text(SCOPE "/job_5/step_extern/user/cpuset.cpus"), "0-1\n");
	tree_remove();
}
END_TEST

START_TEST(parents_before_their_children)
{
	struct cgroup_step step;
	char link[64], path[256];

	tree_make();
	ck_assert_int_eq(cgroup_open(&places, JOB, &step), 0);
	ck_assert_uint_eq(step.n, 3);
	for (unsigned i = 0, last = 0; i < step.n; i++) {
		ssize_t len;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", step.fd[i]);
		len = readlink(link, path, sizeof(path));
		ck_assert_int_gt(len, (ssize_t)last);
		last = (unsigned)len;
	}
	cgroup_close(&step);
	tree_remove();
}
END_TEST

START_TEST(where_slurm_makes_no_groups)
{
	static const char *const selfs[] = {
		"",
		"0::/\n",
		"4:cpuset:/slurm/uid_0/job_55/step_0\n",
		"4:memory:/slurm/uid_0/job_5/step_0\n",
		"0::/" SCOPE "/job_55/step_0/slurm\n",
		"0::/" SCOPE "/job_5\n",
	};
	struct cgroup_step step;

	tree_make();
	for (unsigned i = 0; i < sizeof(selfs) / sizeof(selfs[0]); i++) {
		file_write("self", selfs[i]);
		ck_assert_int_eq(cgroup_open(&places, JOB, &step), 0);
		ck_assert_uint_eq(step.n, 0);
		ck_assert_int_eq(cgroup_free_cores(&step), 0);
	}
	tree_remove();
}
END_TEST

/* The group of our own, with all that a process needs to go there; Slurm's stay as they are. */
START_TEST(with_v1_the_writer_moves)
{
	static const char *const selfs[] = {
		"1:cpuset:/slurm_v02/uid_0/job_5/step_0\n0::/\n",
		"1:cpu,cpuset,memory:/slurm_v02/uid_0/job_5/step_0\n0::/system.slice\n",
	};
	struct cgroup_step step;

	tree_make();
	lease(0, 3);
	file_write("self", selfs[_i]);
	file_write("slurm_v02/cpuset.cpus", "0-7\n");
	file_write("slurm_v02/cpuset.mems", "0-1\n");
	file_write("slurm_v02/uid_0/job_5/cpuset.cpus", "0-1\n");
	file_write("slurm_v02/lwvmm/cpuset.cpus", "");
	file_write("slurm_v02/lwvmm/cpuset.mems", "");
	file_write("slurm_v02/lwvmm/cgroup.procs", "");
	ck_assert_int_eq(cgroup_open(&places, JOB, &step), 0);
	ck_assert(step.moves);
	ck_assert_str_eq(file_text("slurm_v02/lwvmm/cpuset.cpus"), "4-5");
	ck_assert_str_eq(file_text("slurm_v02/lwvmm/cpuset.mems"), "0-1");
	ck_assert_str_eq(file_text("slurm_v02/lwvmm/cgroup.procs"), "");
	ck_assert_int_eq(cgroup_free_cores(&step), 0);
	cgroup_close(&step);
	ck_assert_str_eq(file_text("slurm_v02/lwvmm/cgroup.procs"), "0");
	ck_assert_str_eq(file_text("slurm_v02/uid_0/job_5/cpuset.cpus"), "0-1\n");
	tree_remove();
}
END_TEST

START_TEST(without_cpusets_nobody_is_confined)
{
	struct cgroup_step step;

	tree_make();
	file_write("self", "0::/other_slurmstepd.scope/job_5/step_0/slurm\n");
	ck_assert_int_eq(cgroup_open(&places, JOB, &step), 0);
	ck_assert_uint_eq(step.n, 0);
	tree_remove();
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("cgroup");
	Suite *suite = suite_create("slurm_cgroup");

	tcase_add_loop_test(
		tcase, cores_beside_the_guests, 0, sizeof(guests) / sizeof(guests[0]));
	tcase_add_test(tcase, what_is_confined_is_freed);
	tcase_add_test(tcase, parents_before_their_children);
	tcase_add_loop_test(tcase, with_v1_the_writer_moves, 0, 2);
	tcase_add_test(tcase, where_slurm_makes_no_groups);
	tcase_add_test(tcase, without_cpusets_nobody_is_confined);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
