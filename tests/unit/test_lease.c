/* SPDX-License-Identifier: MIT */
/* Leases of cores: exclusive between processes, all or none, and gone with their process. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "vmm/lease.h"

#define ROUNDS 200

static struct problem problem;
static struct lease lease;
static char top[] = "/tmp/lwvmm-lease-XXXXXX";
static char dir[64];

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/leases", top);
}

static void teardown(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", top);
	ck_assert_int_eq(system(command), 0);
}

static struct plan plan_of(const char *name, uint16_t first, unsigned n)
{
	struct plan plan = {.nvcpus = n};

	snprintf(plan.name, sizeof(plan.name), "%s", name);
	for (unsigned i = 0; i < n; i++)
		plan.vcpu[i].core = (uint16_t)(first + n - 1 - i); /* not in ascending order */
	return plan;
}

/* A child that holds cores until it is killed. */
static pid_t holder_start(const char *name, uint16_t first, unsigned n)
{
	struct plan plan = plan_of(name, first, n);
	int ready[2];
	char c;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0); /* what is killed later must be a process of ours */
	if (pid == 0) {
		c = lease_take_in(dir, &plan, &lease, &problem) ? 'n' : 'y';
		if (write(ready[1], &c, 1) == 1)
			pause();
		_exit(1);
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	ck_assert_int_eq(c, 'y');
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void holder_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(test_refused_by_name)
{
	pid_t pid = holder_start("alice", 3, 1);
	struct plan plan = plan_of("bob", 3, 1);
	char want[128], *text = NULL;
	size_t len;
	FILE *out;

	ck_assert_int_eq(lease_take_in(dir, &plan, &lease, &problem), -EBUSY);
	snprintf(want, sizeof(want),
		"core 3: leased by guest alice (pid %d): choose other cores or stop it", pid);
	ck_assert_str_eq(problem.text, want);
	out = open_memstream(&text, &len);
	ck_assert_int_eq(lease_list_in(dir, out), 1);
	fclose(out);
	snprintf(want, sizeof(want), "core 3: leased by guest alice (pid %d)\n", pid);
	ck_assert_str_eq(text, want);
	free(text);
	holder_kill(pid);
}
END_TEST

START_TEST(test_kill_leaves_none)
{
	struct plan plan = plan_of("bob", 0, 4);
	char none[1];
	FILE *out = fmemopen(none, sizeof(none), "w");

	holder_kill(holder_start("alice", 0, 4));
	ck_assert_int_eq(lease_list_in(dir, out), 0);
	ck_assert_int_eq(lease_take_in(dir, &plan, &lease, &problem), 0);
	ck_assert_uint_eq(lease.n, 4);
	lease_drop(&lease);
	ck_assert_int_eq(lease_list_in(dir, out), 0);
	fclose(out);
}
END_TEST

START_TEST(test_all_or_none)
{
	pid_t pid = holder_start("alice", 5, 1);
	struct plan plan = plan_of("bob", 4, 3);
	FILE *out = fopen("/dev/null", "w");

	ck_assert_int_eq(lease_take_in(dir, &plan, &lease, &problem), -EBUSY);
	ck_assert_uint_eq(lease.n, 0);
	ck_assert_int_eq(lease_list_in(dir, out), 1); /* alice's alone */
	fclose(out);
	holder_kill(pid);
}
END_TEST

/* A forked process drops its copies; the lease stays with the other. */
START_TEST(test_copy_dropped)
{
	struct plan plan = plan_of("alice", 1, 1);
	struct lease other;
	pid_t pid;

	ck_assert_int_eq(lease_take_in(dir, &plan, &lease, &problem), 0);
	pid = fork();
	if (pid == 0) {
		lease_drop(&lease);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(lease_take_in(dir, &plan, &other, &problem), -EBUSY);
	lease_drop(&lease);
	ck_assert_int_eq(lease_take_in(dir, &plan, &other, &problem), 0);
	lease_drop(&other);
}
END_TEST

START_TEST(test_open_to_all_users)
{
	struct plan plan = plan_of("alice", 2, 1);
	char path[96];
	struct stat st;

	umask(077);
	ck_assert_int_eq(lease_take_in(dir, &plan, &lease, &problem), 0);
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 01777);
	snprintf(path, sizeof(path), "%s/core-2", dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0666);
	lease_drop(&lease);
}
END_TEST

/* What other users can put there: a link, a FIFO, a text that would upset a terminal. */
START_TEST(test_hostile_files)
{
	struct plan plan = plan_of("alice", 0, 1);
	char path[96];
	int fd;
	struct plan link = plan_of("alice", 1, 1), fifo = plan_of("alice", 2, 1);

	ck_assert_int_eq(lease_take_in(dir, &plan, &lease, &problem), 0);
	snprintf(path, sizeof(path), "%s/core-1", dir);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/core-2", dir);
	ck_assert_int_eq(mkfifo(path, 0666), 0);
	snprintf(path, sizeof(path), "%s/core-0", dir);
	fd = open(path, O_WRONLY | O_TRUNC);
	ck_assert_int_eq(write(fd, "7 \033[2Jx", 8), 8);
	close(fd);

	struct lease other;

	ck_assert_int_eq(lease_take_in(dir, &plan, &other, &problem), -EBUSY);
	ck_assert_ptr_nonnull(strstr(problem.text, "guest ?[2Jx (pid 7)"));
	problem.status = 0;
	ck_assert_int_eq(lease_take_in(dir, &link, &other, &problem), -ELOOP);
	problem.status = 0;
	ck_assert_int_eq(lease_take_in(dir, &fifo, &other, &problem), -EINVAL);
	lease_drop(&lease);
}
END_TEST

/* Waits for the starting gun, tries once, says how it went, and holds on until told to end. */
static void racer(int start, int result, int end)
{
	struct plan plan = plan_of("racer", 9, 2);
	char c;

	if (read(start, &c, 1) != 1)
		_exit(1);
	c = lease_take_in(dir, &plan, &lease, &problem) ? 'n' : 'y';
	if (write(result, &c, 1) != 1 || read(end, &c, 1) < 0)
		_exit(1);
	_exit(0);
}

START_TEST(test_race)
{
	int start[2], result[2], end[2];
	char c[2];

	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid[2];

		ck_assert_int_eq(pipe(start) | pipe(result) | pipe(end), 0);
		for (int k = 0; k < 2; k++) {
			pid[k] = fork();
			if (pid[k] == 0)
				racer(start[0], result[1], end[0]);
		}
		ck_assert_int_eq(write(start[1], "gg", 2), 2);
		for (int k = 0; k < 2; k++)
			ck_assert_int_eq(read(result[0], &c[k], 1), 1);
		ck_assert_msg((c[0] == 'y') != (c[1] == 'y'), "round %d: %c %c", i, c[0], c[1]);
		ck_assert_int_eq(write(end[1], "ee", 2), 2);
		for (int k = 0; k < 2; k++)
			waitpid(pid[k], NULL, 0);
		for (int k = 0; k < 2; k++) {
			close(start[k]);
			close(result[k]);
			close(end[k]);
		}
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("lease");
	TCase *t = tcase_create("lease");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_refused_by_name);
	tcase_add_test(t, test_kill_leaves_none);
	tcase_add_test(t, test_all_or_none);
	tcase_add_test(t, test_copy_dropped);
	tcase_add_test(t, test_open_to_all_users);
	tcase_add_test(t, test_hostile_files);
	tcase_add_test(t, test_race);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_run(suite());
}
