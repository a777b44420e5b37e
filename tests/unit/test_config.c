/* SPDX-License-Identifier: MIT */
/* Files of --config: what they say, and that everything else is refused by file and line. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "numa/options.h"
#include "tests/unit/suite.h"

static struct options opt;
static struct problem problem;
static char path[] = "/tmp/lwvmm-test-config-XXXXXX";

static void file_write(const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

/* run --detach --name g BEFORE --config FILE AFTER */
static int parse(const char *text, const char *before, const char *after)
{
	char *argv[8] = {"--detach", "--name=g"};
	unsigned n = 2;

	file_write(text);
	if (before)
		argv[n++] = (char *)before;
	argv[n++] = "--config";
	argv[n++] = path;
	if (after)
		argv[n++] = (char *)after;
	argv[n] = NULL;
	problem = (struct problem){0};
	return options_parse(argv, OPTIONS_RUN, &opt, &problem);
}

START_TEST(all_words)
{
	ck_assert_int_eq(
		parse("# a guest\n; and more of it\n\ncores = 2-3,6\n  mem=1.5G ; inline\n"
		      "page = 2M\r\ncommit = touch\nnuma = none\nno-smt = yes\nwindow = 0\n"
		      "stats = yes\nverbose = no\njson = /tmp/a.json\nname = other",
			NULL, NULL),
		0);
	ck_assert_str_eq(opt.name, "other");
	ck_assert_uint_eq(opt.ncores, 3);
	ck_assert_uint_eq(opt.core[2], 6);
	ck_assert_uint_eq(opt.mem, UINT64_C(3) << 29);
	ck_assert_int_eq(opt.page, PAGE_2M);
	ck_assert_int_eq(opt.commit, COMMIT_TOUCH);
	ck_assert_int_eq(opt.numa, NUMA_NONE);
	ck_assert(opt.no_smt);
	ck_assert(opt.have_window);
	ck_assert_uint_eq(opt.window, 0);
	ck_assert(opt.stats);
	ck_assert_int_eq(opt.verbose, 0);
	ck_assert_str_eq(opt.json, "/tmp/a.json");
}
END_TEST

START_TEST(what_is_said_after_it_wins)
{
	ck_assert_int_eq(parse("mem = 1G\ncores = 1\n", "--mem=2G", "--cores=3"), 0);
	ck_assert_uint_eq(opt.mem, 1 << 30);
	ck_assert_uint_eq(opt.ncores, 1);
	ck_assert_uint_eq(opt.core[0], 3);
}
END_TEST

static const struct {
	const char *text, *said;
} bad[] = {
	{"mem = 1G\ncores = 0-x\n", ":2: --cores 0-x: not a list of cores"},
	{"\n\nmemory = 1G\n", ":3: memory: no such word here"},
	{"--mem = 1G\n", ":1: --mem: no such word here"},
	{"mem = 1G\ndetach = yes\n", ":2: detach: no such word here"},
	{"config = /etc/passwd\n", ":1: config: no such word here"},
	{"timeout = 3\n", ":1: timeout: no such word here"},
	{"v = yes\n", ":1: v: no such word here"},
	{"mem = 1G\nstats\n", ":2: not a setting: write word = value"},
	{"stats = true\n", ":1: stats true: write yes or no"},
	{"mem = 1G\nmem = 2G\n", ":2: mem: is there twice"},
	{"[v01]\nmem = 1G\n", ":2: [v01]: a guest has no sections"},
	{"mem = \n", ":1: --mem: not a size"},
	{"mem = 1Q\ncores = z\n", ":1: --mem 1Q: not a size"},
};

START_TEST(bad_files_are_named_by_line)
{
	char said[256];

	ck_assert_int_ne(parse(bad[_i].text, NULL, NULL), 0);
	ck_assert_int_eq(problem.status, EXIT_LWVMM_FAILED);
	snprintf(said, sizeof(said), "%s%s", path, bad[_i].said);
	ck_assert_msg(!strncmp(problem.text, said, strlen(said)), "%s", problem.text);
}
END_TEST

START_TEST(lines_that_are_too_long)
{
	char text[600];

	snprintf(text, sizeof(text), "mem = 1G\njson = /%0300d\n", 1);
	ck_assert_int_ne(parse(text, NULL, NULL), 0);
	ck_assert_msg(strstr(problem.text, ":2: the line is too long"), "%s", problem.text);
}
END_TEST

START_TEST(files_that_are_not_there)
{
	char *argv[] = {"--config=/does/not/exist", NULL};

	ck_assert_int_ne(options_parse(argv, OPTIONS_PLAN, &opt, &problem), 0);
	ck_assert(!strncmp(problem.text, "/does/not/exist: ", 17));
	problem = (struct problem){0};
	argv[0] = "--config=/tmp";
	ck_assert_int_ne(options_parse(argv, OPTIONS_PLAN, &opt, &problem), 0);
	ck_assert(!strncmp(problem.text, "/tmp: ", 6));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tc = tcase_create("config");
	int result, fd = mkstemp(path);

	if (fd < 0)
		return EXIT_FAILURE;
	close(fd);
	tcase_add_test(tc, all_words);
	tcase_add_test(tc, what_is_said_after_it_wins);
	tcase_add_loop_test(tc, bad_files_are_named_by_line, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, lines_that_are_too_long);
	tcase_add_test(tc, files_that_are_not_there);
	suite_add_tcase(suite, tc);
	result = suite_run(suite);
	unlink(path);
	return result;
}
