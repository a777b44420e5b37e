/* SPDX-License-Identifier: MIT */
/* The first line of scripts (vmm/script.h), as Linux 6 takes it apart. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "tests/unit/suite.h"
#include "vmm/script.h"

static struct script script;

static int parse_bytes(const char *text, size_t len)
{
	char head[SCRIPT_HEAD] = {0};

	memcpy(head, text, len < sizeof(head) ? len : sizeof(head));
	memset(&script, 0xaa, sizeof(script));
	return script_parse(head, &script);
}

static int parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void is(const char *text, const char *name, const char *arg)
{
	ck_assert_msg(parse(text) == 1, "'%s' is no script", text);
	ck_assert_str_eq(script.name, name);
	if (arg)
		ck_assert_str_eq(script.arg, arg);
	else
		ck_assert_ptr_null(script.arg);
}

START_TEST(names_and_arguments)
{
	is("#!/bin/sh\nexit", "/bin/sh", NULL);
	is("#! \t/bin/sh\n", "/bin/sh", NULL);
	is("#!/bin/sh  \t\n", "/bin/sh", NULL);
	is("#!/bin/sh -e\n", "/bin/sh", "-e");
	is("#!/usr/bin/env  python3 -u  \n", "/usr/bin/env", "python3 -u");
	is("#!/bin/sh", "/bin/sh", NULL);
	is("#!/bin/sh -e", "/bin/sh", "-e");
	is("#!x\r\n", "x\r", NULL);
}
END_TEST

START_TEST(no_scripts)
{
	ck_assert_int_eq(parse(""), 0);
	ck_assert_int_eq(parse("#"), 0);
	ck_assert_int_eq(parse("# !/bin/sh\n"), 0);
	ck_assert_int_eq(parse("\x7f"
			       "ELF"),
		0);
	ck_assert_int_eq(parse("#!"), -ENOEXEC);
	ck_assert_int_eq(parse("#!\n/bin/sh\n"), -ENOEXEC);
	ck_assert_int_eq(parse("#! \t \n"), -ENOEXEC);
}
END_TEST

START_TEST(zero_bytes_end)
{
	ck_assert_int_eq(parse_bytes("#!/bin/a\0b c\n", 13), 1);
	ck_assert_str_eq(script.name, "/bin/a");
	ck_assert_int_eq(parse_bytes("#!\0/bin/sh\n", 11), -ENOEXEC);
}
END_TEST

/* Every length around the end of what is looked at. */
START_TEST(long_lines)
{
	char line[2 * SCRIPT_HEAD];

	for (size_t len = SCRIPT_HEAD - 4; len < SCRIPT_HEAD + 4; len++) {
		memset(line, 'x', sizeof(line));
		line[0] = '#';
		line[1] = '!';
		line[len] = '\n';
		/* A name that may be cut off is none. */
		ck_assert_int_eq(parse_bytes(line, len + 1), len < SCRIPT_HEAD ? 1 : -ENOEXEC);
		if (len < SCRIPT_HEAD)
			ck_assert_uint_eq(strlen(script.name), len - 2);
		/* An argument is. */
		line[9] = ' ';
		ck_assert_int_eq(parse_bytes(line, len + 1), 1);
		ck_assert_uint_eq(strlen(script.name), 7);
		ck_assert_uint_eq(
			strlen(script.arg), (len < SCRIPT_HEAD ? len : SCRIPT_HEAD - 1) - 10);
	}
	memset(line, ' ', sizeof(line));
	line[0] = '#';
	line[1] = '!';
	ck_assert_int_eq(parse_bytes(line, sizeof(line)), -ENOEXEC);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("script");
	TCase *tc = tcase_create("lines");

	tcase_add_test(tc, names_and_arguments);
	tcase_add_test(tc, no_scripts);
	tcase_add_test(tc, zero_bytes_end);
	tcase_add_test(tc, long_lines);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
