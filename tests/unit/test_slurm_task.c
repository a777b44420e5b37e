/* SPDX-License-Identifier: MIT */
/* A task of Slurm: which file its word means, if it can be executed, and its job's account. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "integrations/slurm/account_file.h"
#include "integrations/slurm/program.h"
#include "tests/unit/suite.h"

static char dir[] = "/tmp/lwvmm-slurm-task-XXXXXX";

static void file_write(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void set_up(void)
{
	memcpy(dir + strlen(dir) - 6, "XXXXXX", sizeof("XXXXXX"));
	umask(0);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
}

static void tear_down(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static const struct {
	const char *text;
	mode_t mode;
	int err;
	const char *line;
} files[] = {
	{"\177ELF and more", 0755, 0, ""},
	{"\177ELF and more", 0644, EACCES, ""},
	{"#!/bin/sh\n", 0755, 0, ""},
	{"#! /bin/sh -e\necho", 0755, 0, ""},
	{"#!/bin/sh", 0755, 0, ""},
	{"#!/no/such -x\necho", 0755, ENOENT, "/no/such -x"},
	{"#!/etc\n", 0755, EACCES, ""},
	{"#!\n", 0755, ENOEXEC, ""},
	{"#! \t\n", 0755, ENOEXEC, ""},
	{"#!./file\n", 0755, ELOOP, ""},
	{"echo\n", 0755, ENOEXEC, ""},
	{"", 0755, ENOEXEC, ""},
};

START_TEST(what_execve_says)
{
	char line[PROGRAM_HEAD] = "?";

	file_write("file", files[_i].text, files[_i].mode);
	ck_assert_int_eq(program_refused("./file", line), files[_i].err);
	if (files[_i].err == ENOENT)
		ck_assert_str_eq(line, files[_i].line);
	if (!strchr("#", files[_i].text[0]))
		ck_assert_str_eq(line, "");
	ck_assert_int_eq(program_refused("./none", line), ENOENT);
	ck_assert_int_eq(program_refused("./file/x", line), ENOTDIR);
	ck_assert_int_eq(program_refused(dir, line), EACCES);
}
END_TEST

/* The first of the name that is no folder, also where it cannot be executed. */
START_TEST(which_file_is_meant)
{
	char text[256], want[256];

	mkdir("a", 0755);
	mkdir("b", 0755);
	mkdir("a/sub", 0755);
	file_write("b/sub", "x", 0644);
	file_write("b/c", "x", 0644);
	snprintf(text, sizeof(text), "/no:%s/a:%s/b", dir, dir);
	snprintf(want, sizeof(want), "%s/b/sub", dir);
	ck_assert_str_eq(program_path("sub", text), want);
	snprintf(want, sizeof(want), "%s/./x y", dir);
	ck_assert_str_eq(program_path("./x y", text), want);
	ck_assert_str_eq(program_path("/x", text), "/x");
	ck_assert_str_eq(program_path("none", text), "none");
	ck_assert_str_eq(program_path("none", NULL), "none");
	ck_assert_str_eq(program_path("", text), "");
}
END_TEST

static const struct {
	const char *path, *text;
	unsigned task;
	bool multi;
} multis[] = {
	{"./conf", "0 echo %t\n1-3 sh -c x\n", 0, true},
	{"./conf", "# words\n\n 0,5 echo\n", 5, true},
	{"./conf", "0 a\n1-3 sh -c x\n", 2, true},
	{"./conf", "0 a\n* b\n", 9, true},
	{"./none", "* b", 9, true},
	{"./conf", "0 a\n1-3 sh -c x\n", 4, false},
	{"./conf", "words", 0, false},
	{"./conf", "0", 0, false},
	{"./conf", "", 0, false},
	/* What can be executed, and the same with its own text for a word. */
	{"/bin/sh", "0 words of a shell\n", 0, false},
	{"./script", "0 words of a shell\n", 0, false},
	{"./script", "#!/bin/sh\n0 words\n", 0, true},
};

START_TEST(several_programs)
{
	file_write("conf", "0 echo\n", 0644);
	file_write("script", "#!/bin/sh\n0 words\n", 0755);
	ck_assert(program_is_multi(multis[_i].path, multis[_i].text, multis[_i].task) ==
		  multis[_i].multi);
}
END_TEST

START_TEST(account_is_the_users)
{
	char folder[64];
	struct stat st;
	int fd;

	snprintf(folder, sizeof(folder), "%s/new", dir);
	fd = account_open(folder, 7, getuid(), getgid());
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "one\n", 4), 4);
	close(fd);
	fd = account_open(folder, 7, getuid(), getgid());
	ck_assert_int_eq(write(fd, "two\n", 4), 4);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, 8);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	close(fd);
	if (geteuid())
		return;
	/* Somebody else's of the same number is put aside. */
	ck_assert_int_eq(chown("new/7.jsonl", 1, 1), 0);
	fd = account_open(folder, 7, 65534, 65534);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	ck_assert_uint_eq(st.st_uid, 65534);
	ck_assert_int_eq(stat("new/7.jsonl.old", &st), 0);
	ck_assert_int_eq(st.st_size, 8);
	close(fd);
}
END_TEST

/* Nothing is written through what a user may have put there. */
START_TEST(account_is_no_way_elsewhere)
{
	file_write("victim", "", 0644);
	ck_assert_int_eq(symlink("victim", "1.jsonl"), 0);
	ck_assert_int_eq(account_open(dir, 1, getuid(), getgid()), -ELOOP);
	ck_assert_int_eq(link("victim", "2.jsonl"), 0);
	ck_assert_int_eq(account_open(dir, 2, getuid(), getgid()), -EPERM);
	ck_assert_int_eq(mkfifo("3.jsonl", 0644), 0);
	ck_assert_int_eq(account_open(dir, 3, getuid(), getgid()), -ENXIO);
	ck_assert_int_eq(symlink(".", "way"), 0);
	ck_assert_int_eq(account_open("way", 4, getuid(), getgid()), -ENOTDIR);
	ck_assert_int_eq(chmod(dir, 01777), 0);
	ck_assert_int_eq(account_open(dir, 4, getuid(), getgid()), -EPERM);
}
END_TEST

START_TEST(quotes)
{
	char text[16];

	account_quote("a\"b\\c\nd", text, sizeof(text));
	ck_assert_str_eq(text, "a\\\"b\\\\c?d");
	account_quote("0123456789abcdefghij", text, 8);
	ck_assert_str_eq(text, "012345");
	account_quote("01234\"\"", text, 8);
	ck_assert_str_eq(text, "01234\\\"");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slurm_task");
	TCase *tc = tcase_create("slurm_task");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, what_execve_says, 0, sizeof(files) / sizeof(files[0]));
	tcase_add_test(tc, which_file_is_meant);
	tcase_add_loop_test(tc, several_programs, 0, sizeof(multis) / sizeof(multis[0]));
	tcase_add_test(tc, account_is_the_users);
	tcase_add_test(tc, account_is_no_way_elsewhere);
	tcase_add_test(tc, quotes);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
