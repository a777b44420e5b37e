/* SPDX-License-Identifier: MIT */
/* Options, sizes and lists of cores: what is understood, and that everything else is refused by
 * name. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numa/options.h"
#include "tests/unit/suite.h"

static struct options opt;
static struct problem problem;

/* Parses words that are written as one string, blanks between them. */
static int parse(const char *words, enum options_of of)
{
	static char text[1024], *argv[64];
	unsigned n = 0;
	char *save = NULL;

	snprintf(text, sizeof(text), "%s", words);
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	argv[n] = NULL;
	problem = (struct problem){0};
	return options_parse(argv, of, &opt, &problem);
}

START_TEST(all_options_of_run)
{
	ck_assert_int_eq(
		parse("--name a.b-c_1 --cores 3,1-2 --mem 1.5G --page 1g --commit touch "
		      "--window 1G --env A=1 --env B= --timeout 2.5 --stats --json out.json -v "
		      "-vv -- "
		      "./prog -x --mem",
			false),
		0);
	ck_assert_str_eq(opt.name, "a.b-c_1");
	ck_assert(opt.have_cores);
	ck_assert_uint_eq(opt.ncores, 3);
	ck_assert_uint_eq(opt.core[0], 3);
	ck_assert_uint_eq(opt.core[2], 2);
	ck_assert_uint_eq(opt.mem, UINT64_C(3) << 29);
	ck_assert_int_eq(opt.page, PAGE_1G);
	ck_assert_int_eq(opt.commit, COMMIT_TOUCH);
	ck_assert(opt.have_window);
	ck_assert_uint_eq(opt.window, 1 << 30);
	ck_assert_uint_eq(opt.nenv, 2);
	ck_assert_str_eq(opt.env[1], "B=");
	ck_assert(opt.timeout_s == 2.5);
	ck_assert(opt.stats);
	ck_assert_str_eq(opt.json, "out.json");
	ck_assert_int_eq(opt.verbose, 3);
	ck_assert_str_eq(opt.guest[0], "./prog");
	ck_assert_str_eq(opt.guest[2], "--mem");
	ck_assert_ptr_null(opt.guest[3]);
}
END_TEST

START_TEST(nodes_and_parts)
{
	ck_assert_int_eq(parse("--mem 8G@0,512M@12 --numa 4 --no-smt p", false), 0);
	ck_assert_uint_eq(opt.nmem_parts, 2);
	ck_assert_uint_eq(opt.mem_part[0].size, UINT64_C(8) << 30);
	ck_assert_uint_eq(opt.mem_part[1].size, 512 << 20);
	ck_assert_uint_eq(opt.mem_part[1].node, 12);
	ck_assert_uint_eq(opt.mem, (UINT64_C(8) << 30) + (512 << 20));
	ck_assert_int_eq(opt.numa, NUMA_SPLIT);
	ck_assert_uint_eq(opt.numa_nodes, 4);
	ck_assert(opt.no_smt);
	/* The last of each is what holds. */
	ck_assert_int_eq(parse("--mem 8G@0 --mem 1G --numa 2 --numa none p", false), 0);
	ck_assert_uint_eq(opt.nmem_parts, 0);
	ck_assert_uint_eq(opt.mem, 1 << 30);
	ck_assert_int_eq(opt.numa, NUMA_NONE);
	ck_assert_uint_eq(opt.numa_nodes, 0);
	ck_assert(!opt.no_smt);
	ck_assert_int_eq(parse("--numa=mirror --mem=1.5G@3", true), 0);
	ck_assert_int_eq(opt.numa, NUMA_MIRROR);
	ck_assert_uint_eq(opt.mem, UINT64_C(3) << 29);
	ck_assert_int_eq(parse("--mem 1M@0,1M@1,1M@2,1M@3,1M@4,1M@5,1M@6,1M@7,1M@8,1M@9,1M@10,"
			       "1M@11,1M@12,1M@13,1M@14,1M@15 p",
				 false),
		0);
	ck_assert_uint_eq(opt.nmem_parts, OPTIONS_MAX_PARTS);
}
END_TEST

START_TEST(options_end_at_the_first_word)
{
	ck_assert_int_eq(parse("--mem=64M prog --mem 1G -v", false), 0);
	ck_assert_uint_eq(opt.mem, 64 << 20);
	ck_assert_int_eq(opt.verbose, 0);
	ck_assert_str_eq(opt.guest[0], "prog");
	ck_assert_int_eq(parse("- x", false), 0);
	ck_assert_str_eq(opt.guest[0], "-");
	ck_assert_int_eq(parse("-- --mem", false), 0);
	ck_assert_str_eq(opt.guest[0], "--mem");
	ck_assert_int_eq(parse("--env A=b=c=d prog", false), 0);
	ck_assert_str_eq(opt.env[0], "A=b=c=d");
	ck_assert_int_eq(parse("--env=A=b prog", false), 0);
	ck_assert_str_eq(opt.env[0], "A=b");
}
END_TEST

START_TEST(plan_and_help)
{
	ck_assert_int_eq(parse("--json --mem 1G", true), 0);
	ck_assert(opt.plan_json);
	ck_assert_ptr_null(opt.json);
	ck_assert_ptr_null(opt.guest[0]);
	ck_assert_int_eq(parse("--help --nonsense", false), 0);
	ck_assert(opt.help);
	ck_assert_int_eq(parse("-h", true), 0);
	ck_assert(opt.help);
	ck_assert_int_eq(parse("", false), -EINVAL);
	ck_assert_int_eq(problem.status, EXIT_LWVMM_FAILED);
}
END_TEST

START_TEST(trace)
{
	ck_assert_int_eq(parse("p", OPTIONS_RUN), 0);
	ck_assert_ptr_null(opt.trace);
	ck_assert_int_eq(parse("--trace p", OPTIONS_RUN), 0);
	ck_assert_str_eq(opt.trace, "");
	ck_assert_str_eq(opt.guest[0], "p");
	ck_assert_int_eq(parse("--trace=f p", OPTIONS_EXEC), 0);
	ck_assert_str_eq(opt.trace, "f");
	ck_assert_int_eq(parse("--trace p", OPTIONS_PLAN), -EINVAL);
	ck_assert_int_eq(parse("--name g --detach --trace", OPTIONS_RUN), -EINVAL);
	/* Of others the value may stand apart, of this it may not; and some have none. */
	ck_assert_int_eq(parse("--stats=yes p", OPTIONS_RUN), -EINVAL);
}
END_TEST

START_TEST(ranks)
{
	ck_assert_int_eq(parse("--ranks 4 --launcher x --bind none prog", OPTIONS_RUN), 0);
	ck_assert_uint_eq(opt.ranks, 4);
	ck_assert_str_eq(opt.launcher, "x");
	ck_assert_int_eq(opt.bind, BIND_NONE);
	ck_assert_int_eq(parse("--bind rank prog", OPTIONS_EXEC), 0);
	ck_assert_int_eq(opt.bind, BIND_RANK);
	ck_assert_int_eq(parse("--ranks 0 prog", OPTIONS_RUN), -EINVAL);
	ck_assert_int_eq(parse("--ranks 65 prog", OPTIONS_RUN), -EINVAL);
	ck_assert_int_eq(parse("--ranks -1 prog", OPTIONS_RUN), -EINVAL);
	ck_assert_int_eq(parse("--ranks 2x prog", OPTIONS_RUN), -EINVAL);
	ck_assert_int_eq(parse("--bind core prog", OPTIONS_EXEC), -EINVAL);
	ck_assert_int_eq(parse("--launcher x prog", OPTIONS_RUN), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "--ranks N"));
	ck_assert_int_eq(parse("--bind none prog", OPTIONS_RUN), -EINVAL);
	ck_assert_int_eq(parse("--name g --detach --ranks 2", OPTIONS_RUN), -EINVAL);
	ck_assert_int_eq(parse("--ranks 2 prog", OPTIONS_PLAN), -EINVAL);
	ck_assert_int_eq(parse("--ranks 2 prog", OPTIONS_EXEC), -EINVAL);
}
END_TEST

START_TEST(detached)
{
	ck_assert_int_eq(parse("--name g --detach --mem 1G", OPTIONS_RUN), 0);
	ck_assert(opt.detach && !opt.guest[0]);
	ck_assert_int_eq(parse("--detach", OPTIONS_RUN), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "--name"));
	ck_assert_int_eq(parse("--name g --detach prog", OPTIONS_RUN), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "no program"));
	ck_assert_int_eq(parse("--name g --detach --timeout 1", OPTIONS_RUN), -EINVAL);
	ck_assert_int_eq(parse("--name g --detach --env A=1", OPTIONS_RUN), -EINVAL);
	ck_assert_int_eq(parse("--detach prog", OPTIONS_PLAN), -EINVAL);
}
END_TEST

START_TEST(options_of_exec)
{
	static const char *const others[] = {"--mem 1G p", "--page 2M p", "--name n p",
		"--commit touch p", "--window 1G p", "--stats p", "--json f p", "--detach"};

	ck_assert_int_eq(
		parse("--cores 0,2 --env A=1 --timeout 3 -v -- ./p --mem", OPTIONS_EXEC), 0);
	ck_assert_uint_eq(opt.ncores, 2);
	ck_assert_str_eq(opt.guest[1], "--mem");
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_int_eq(parse(others[i], OPTIONS_EXEC), -EINVAL);
		ck_assert_ptr_nonnull(strstr(problem.text, "lwvmm exec --help"));
	}
	ck_assert_int_eq(parse("", OPTIONS_EXEC), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "exec: no program"));
}
END_TEST

/* Each is refused, and the message names the word that is wrong. */
struct bad_word {
	const char *words, *named;
};

static const struct bad_word bad_words[] = {
	{"--mem 0 p", "--mem 0"},
	{"--mem -1 p", "--mem -1"},
	{"--mem 1Q p", "--mem 1Q"},
	{"--mem= p", "--mem"},
	{"--mem", "--mem"},
	{"--mem 99999999999999999999G p", "--mem 99999999999999999999G"},
	{"--mem 1G@ p", "--mem 1G@"},
	{"--mem @0 p", "--mem @0"},
	{"--mem 0@0 p", "--mem 0@0"},
	{"--mem 1Q@0 p", "--mem 1Q@0"},
	{"--mem 1G@x p", "--mem 1G@x"},
	{"--mem 1G@-1 p", "--mem 1G@-1"},
	{"--mem 1G@0-1 p", "--mem 1G@0-1"},
	{"--mem 1G@0@1 p", "--mem 1G@0@1"},
	{"--mem 1G@70000 p", "--mem 1G@70000"},
	{"--mem 1G@0,2G p", "--mem 2G"},
	{"--mem 2G,1G@0 p", "--mem 2G"},
	{"--mem 1G@0, p", "--mem"},
	{"--mem ,1G@0 p", "--mem"},
	{"--mem 1G@0,,1G@1 p", "--mem"},
	{"--mem 1G@0,2G@0 p", "node 0 is named twice"},
	{"--mem 1G@1,2G@0,3G@1 p", "--mem 3G@1"},
	{"--mem 8388607T@0,8388607T@1 p", "--mem 8388607T@1"},
	{"--mem 1M@0,1M@1,1M@2,1M@3,1M@4,1M@5,1M@6,1M@7,1M@8,1M@9,1M@10,1M@11,1M@12,1M@13,"
	 "1M@14,1M@15,1M@16 p",
		"more than 16 parts"},
	{"--mem 1G@000000000000000000000000000000000000000000000000000000000000000001 p",
		"--mem 1G@0000"},
	{"--numa 0 p", "--numa 0"},
	{"--numa -1 p", "--numa -1"},
	{"--numa 1-2 p", "--numa 1-2"},
	{"--numa both p", "--numa both"},
	{"--numa= p", "--numa"},
	{"--numa", "--numa"},
	{"--no-smt=1 p", "--no-smt"},
	{"--cores 0,1,0 p", "core 0"},
	{"--cores 0-3,2 p", "core 2"},
	{"--cores 3-0 p", "--cores 3-0"},
	{"--cores x p", "--cores x"},
	{"--cores 0, p", "--cores 0,"},
	{"--cores 0-300 p", "--cores 0-300"},
	{"--cores 70000 p", "--cores 70000"},
	{"--page 3M p", "--page 3M"},
	{"--commit later p", "--commit later"},
	{"--window -1 p", "--window -1"},
	{"--window 2T p", "--window 2T"},
	{"--env NOVALUE p", "--env NOVALUE"},
	{"--env =x p", "--env =x"},
	{"--timeout 0 p", "--timeout 0"},
	{"--timeout -1 p", "--timeout -1"},
	{"--timeout inf p", "--timeout inf"},
	{"--timeout nan p", "--timeout nan"},
	{"--timeout 0x10 p", "--timeout 0x10"},
	{"--timeout 5s p", "--timeout 5s"},
	{"--name ../x p", "--name ../x"},
	{"--name .x p", "--name .x"},
	{"--name a/b p", "--name a/b"},
	{"--name aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa p",
		"--name aaa"},
	{"--stats=1 p", "--stats"},
	{"--json", "--json"},
	{"--core 1 p", "--core"},
	{"--memory=1 p", "--memory=1"},
	{"-x p", "-x"},
	{"-vvv p", "-vvv"},
};

static void bad_word_check(const struct bad_word *bad)
{
	ck_assert_int_eq(parse(bad->words, false), -EINVAL);
	ck_assert_int_eq(problem.status, EXIT_LWVMM_FAILED);
	ck_assert_msg(strstr(problem.text, bad->named), "%s", problem.text);
	ck_assert_ptr_null(strchr(problem.text, '\n'));
}

START_TEST(bad_words_are_named)
{
	bad_word_check(&bad_words[_i]);
}
END_TEST

START_TEST(too_many_variables)
{
	static char *argv[2 * OPTIONS_MAX_ENV + 8];
	static char option[] = "--env", value[] = "A=1", prog[] = "prog";

	for (unsigned i = 0; i < OPTIONS_MAX_ENV; i++) {
		argv[2 * i] = option;
		argv[2 * i + 1] = value;
	}
	argv[2 * OPTIONS_MAX_ENV] = prog;
	problem = (struct problem){0};
	ck_assert_int_eq(options_parse(argv, false, &opt, &problem), 0);
	ck_assert_uint_eq(opt.nenv, OPTIONS_MAX_ENV);
	argv[2 * OPTIONS_MAX_ENV] = option;
	argv[2 * OPTIONS_MAX_ENV + 1] = value;
	ck_assert_int_eq(options_parse(argv, false, &opt, &problem), -EINVAL);
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *text;
		uint64_t bytes; /* 0: refused */
	} sizes[] = {
		{"1", 1},
		{"4096", 4096},
		{"1k", 1024},
		{"64M", 64 << 20},
		{"64MiB", 64 << 20},
		{"2G", UINT64_C(2) << 30},
		{"1.5G", UINT64_C(3) << 29},
		{"0.5g", 1 << 29},
		{"1T", UINT64_C(1) << 40},
		{"2.25M", 2359296},
		{"00064M", 64 << 20},
		{"0.3G", 322122547},
		{"1.00000000000001G", UINT64_C(1) << 30},
		{"9223372036854775807", INT64_MAX},
		{"", 0},
		{"0", 0},
		{"0G", 0},
		{"0.0001K", 0},
		{"-1", 0},
		{"+1", 0},
		{" 1", 0},
		{"1 ", 0},
		{"1Q", 0},
		{"1GB", 0},
		{"1Gi", 0},
		{"1iB", 0},
		{"G", 0},
		{".5G", 0},
		{"1.", 0},
		{"1.G", 0},
		{"1.5", 0},
		{"1e9", 0},
		{"0x10", 0},
		{"1G1", 0},
		{"1..5G", 0},
		{"9223372036854775808", 0},
		{"18446744073709551616", 0},
		{"8388608T", 0},
		{"99999999999999999999T", 0},
	};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t bytes = 0;
		int err = size_parse(sizes[i].text, &bytes);

		ck_assert_msg(err == (sizes[i].bytes ? 0 : -EINVAL), "%s", sizes[i].text);
		ck_assert_msg(bytes == sizes[i].bytes, "%s", sizes[i].text);
	}
}
END_TEST

START_TEST(sizes_as_text)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{0, "0 B"},
		{1, "1 B"},
		{1023, "1023 B"},
		{1536, "1.5 KiB"},
		{64 << 20, "64 MiB"},
		{UINT64_C(1) << 30, "1 GiB"},
		{UINT64_C(3) << 29, "1.5 GiB"},
		{UINT64_C(1026) << 20, "1026 MiB"},
		{UINT64_C(24684096) << 10, "24105.5 MiB"},
		{UINT64_C(1) << 40, "1 TiB"},
		{(UINT64_C(1) << 40) + (1 << 21), "1048578 MiB"},
		{INT64_MAX, "8796093022207.9 MiB"},
	};
	char text[SIZE_TEXT_MAX];

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		ck_assert_str_eq(size_format(sizes[i].bytes, text), sizes[i].text);
}
END_TEST

START_TEST(lists_of_cores)
{
	uint16_t list[8];
	char text[64];
	unsigned n;

	ck_assert_int_eq(cpulist_parse("5,0-2", list, 8, &n), 0);
	cpulist_format(list, n, text, sizeof(text));
	ck_assert_str_eq(text, "5,0-2");
	ck_assert_int_eq(cpulist_parse("0-14:2", list, 8, &n), 0);
	ck_assert_uint_eq(n, 8);
	ck_assert_uint_eq(list[7], 14);
	ck_assert_int_eq(cpulist_parse("65535", list, 8, &n), 0);
	ck_assert_int_eq(cpulist_parse("65534-65535", list, 8, &n), 0);
	ck_assert_int_eq(cpulist_parse("65536", list, 8, &n), -ERANGE);
	ck_assert_int_eq(cpulist_parse("0-8", list, 8, &n), -ERANGE);
	ck_assert_int_eq(cpulist_parse("0-65535", list, 8, &n), -ERANGE);
	ck_assert_int_eq(cpulist_parse("1,2,1", list, 8, &n), -EEXIST);
	ck_assert_uint_eq(list[n], 1);
}
END_TEST

START_TEST(bad_lists_of_cores)
{
	static const char *const bad[] = {"", ",", "0,", ",0", "0--1", "-1", "0-", "a", "0 ",
		" 0", "0-3:", "0-3:0", "3-1", "0x1", "1.5", "0;1", "+1", "0:2"};
	uint16_t list[8];
	unsigned n;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(cpulist_parse(bad[i], list, 8, &n) == -EINVAL, "'%s'", bad[i]);
}
END_TEST

START_TEST(lists_as_text)
{
	static const uint16_t list[] = {0, 1, 2, 3, 8, 10, 11, 9};
	char text[64], small[8];

	cpulist_format(list, 8, text, sizeof(text));
	ck_assert_str_eq(text, "0-3,8,10-11,9");
	cpulist_format(list, 0, text, sizeof(text));
	ck_assert_str_eq(text, "none");
	cpulist_format(list, 8, small, sizeof(small));
	ck_assert_str_eq(small, "0-3,...");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tc = tcase_create("options");

	tcase_add_test(tc, all_options_of_run);
	tcase_add_test(tc, nodes_and_parts);
	tcase_add_test(tc, options_end_at_the_first_word);
	tcase_add_test(tc, trace);
	tcase_add_test(tc, detached);
	tcase_add_test(tc, ranks);
	tcase_add_test(tc, options_of_exec);
	tcase_add_test(tc, plan_and_help);
	tcase_add_loop_test(
		tc, bad_words_are_named, 0, sizeof(bad_words) / sizeof(bad_words[0]));
	tcase_add_test(tc, too_many_variables);
	tcase_add_test(tc, sizes);
	tcase_add_test(tc, sizes_as_text);
	tcase_add_test(tc, lists_of_cores);
	tcase_add_test(tc, bad_lists_of_cores);
	tcase_add_test(tc, lists_as_text);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
