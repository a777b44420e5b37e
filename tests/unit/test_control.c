/* SPDX-License-Identifier: MIT */
/*
 * Names of guests: taken, left over, somebody else's, and in a folder of one's own; a listener
 * that takes nobody in; whose guest it is is what the kernel says.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "vmm/control.h"

#define QUEUE_MOST 1000

static char dir[] = "/tmp/lwvmm-control-XXXXXX";
static struct problem problem;
static struct control control;
static uid_t fake_uid = (uid_t)-1; /* of every peer; -1: the kernel's word */

/* By --wrap: a peer of another user, without being two. */
int __real_getsockopt(int sock, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int sock, int level, int name, void *value, socklen_t *len);

int __wrap_getsockopt(int sock, int level, int name, void *value, socklen_t *len)
{
	int err = __real_getsockopt(sock, level, name, value, len);

	if (!err && level == SOL_SOCKET && name == SO_PEERCRED && fake_uid != (uid_t)-1)
		((struct ucred *)value)->uid = fake_uid;
	return err;
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(control_open_in(dir, "g", &control, &problem), 0);
}

static void teardown(void)
{
	char command[64];

	control_close(&control);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(name_is_taken_once)
{
	struct control other;
	struct stat st;
	char path[128];

	ck_assert_int_eq(control_open_in(dir, "g", &other, &problem), -EBUSY);
	ck_assert_ptr_nonnull(strstr(problem.text, "in use"));
	snprintf(path, sizeof(path), "%s/guest-g.sock", dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	problem = (struct problem){0};
	ck_assert_int_eq(control_open_in(dir, "h", &other, &problem), 0);
	control_close(&other);
}
END_TEST

/* What a killed VMM leaves: the files, not the lock. */
START_TEST(left_over_is_replaced)
{
	char names[4][CONTROL_NAME_SIZE], path[128];
	struct control other;
	struct stat st;

	close(control.lock_fd);
	ck_assert_int_eq(control_open_in(dir, "g", &other, &problem), 0);
	ck_assert_uint_eq(control_list_in(dir, names, 4), 1);
	ck_assert_str_eq(names[0], "g");
	close(other.lock_fd);
	ck_assert_uint_eq(control_list_in(dir, names, 4), 0);
	snprintf(path, sizeof(path), "%s/guest-g.sock", dir);
	ck_assert_int_eq(stat(path, &st), -1);
	ck_assert_int_eq(control_connect_in(dir, "g", true, &problem), -ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, "no such guest"));
}
END_TEST

START_TEST(what_is_not_ours_is_left_alone)
{
	char path[128];
	struct control other;

	snprintf(path, sizeof(path), "%s/guest-link", dir);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	ck_assert_int_eq(control_open_in(dir, "link", &other, &problem), -EPERM);
	problem = (struct problem){0};
	snprintf(path, sizeof(path), "%s/guest-pipe", dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(control_open_in(dir, "pipe", &other, &problem), -EPERM);
	problem = (struct problem){0};
	ck_assert_int_eq(control_connect_in(dir, "../g", true, &problem), -EINVAL);
	/* Whoever listens there, it is not we. */
	problem = (struct problem){0};
	fake_uid = geteuid() + 1;
	ck_assert_int_eq(control_connect_in(dir, "g", true, &problem), -EPERM);
	ck_assert_ptr_nonnull(strstr(problem.text, "another user"));
}
END_TEST

/* Where others can make files, too, theirs are not ours to use; where they cannot, all are. */
START_TEST(folders_of_all_and_of_one)
{
	struct control other;
	char path[128];

	if (geteuid())
		return;
	snprintf(path, sizeof(path), "%s/guest-h", dir);
	close(open(path, O_CREAT | O_WRONLY, 0644));
	ck_assert_int_eq(chown(path, 65534, 65534), 0);
	ck_assert_int_eq(chmod(dir, 01777), 0);
	ck_assert_int_eq(control_open_in(dir, "h", &other, &problem), -EPERM);
	ck_assert_int_eq(chmod(dir, 0755), 0);
	problem = (struct problem){0};
	ck_assert_int_eq(control_open_in(dir, "h", &other, &problem), 0);
	control_close(&other);
}
END_TEST

/* A VMM that is stopped, or another's listener: who connects is told, and does not hang. */
START_TEST(a_full_queue_is_told)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	static int sock[QUEUE_MOST];
	struct timespec from, to;
	unsigned n = 0;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/guest-g.sock", dir);
	do
		sock[n] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	while (!connect(sock[n], (struct sockaddr *)&at, sizeof(at)) && ++n < QUEUE_MOST);
	ck_assert_int_eq(errno, EAGAIN);
	clock_gettime(CLOCK_MONOTONIC, &from);
	ck_assert_int_eq(control_connect_in(dir, "g", true, &problem), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ck_assert_int_ge(to.tv_sec - from.tv_sec, 4);
	ck_assert_ptr_nonnull(strstr(problem.text, "does not answer"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control");
	TCase *tc = tcase_create("control");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, name_is_taken_once);
	tcase_add_test(tc, left_over_is_replaced);
	tcase_add_test(tc, what_is_not_ours_is_left_alone);
	tcase_add_test(tc, folders_of_all_and_of_one);
	tcase_add_test(tc, a_full_queue_is_told);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
