/* SPDX-License-Identifier: MIT */
/* The record of who has a guest: written and read again, torn, by hand, full. Root's alone. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "vmm/control.h"
#include "vmm/hand.h"

static char name[32], path[128];
static struct hand hand, seen;
static struct problem problem;

static void setup(void)
{
	snprintf(name, sizeof(name), "unit-%d", getpid());
	snprintf(path, sizeof(path), CONTROL_ROOT_DIR "/hand-%s", name);
	ck_assert_int_eq(hand_open(&hand, name, &problem), 0);
}

static void teardown(void)
{
	hand_close(&hand);
	unlink(path);
}

START_TEST(written_and_read)
{
	hand.uid = 1000;
	hand.gid = 100;
	hand.between = true;
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(hand_add(&hand, (char[]){(char)('a' + i), 0}), 0);
	ck_assert_int_eq(hand_add(&hand, "b"), 0);
	ck_assert_int_eq(hand_write(&hand, name, &problem), 0);
	hand_look(&seen, name);
	ck_assert_uint_eq(seen.uid, 1000);
	ck_assert_uint_eq(seen.gid, 100);
	ck_assert(seen.between && !seen.unit);
	ck_assert_uint_eq(seen.njobs, 3);
	hand.between = false;
	hand.unit = true;
	hand_remove(&hand, "a");
	hand_remove(&hand, "nobody");
	ck_assert_int_eq(hand_write(&hand, name, &problem), 0);
	hand_look(&seen, name);
	ck_assert(!seen.between && seen.unit);
	ck_assert(hand_has(&seen, "b") && hand_has(&seen, "c") && !hand_has(&seen, "a"));
	hand_remove(&hand, "b");
	hand_remove(&hand, "c");
	ck_assert_int_eq(hand_write(&hand, name, &problem), 0);
	hand_look(&seen, name);
	ck_assert_uint_eq(seen.njobs, 0);
	ck_assert_int_eq(lseek(hand.fd, 0, SEEK_END), 0);
}
END_TEST

/* Killed after the new text was written, before what is left of the old one was cut off. */
START_TEST(old_end_behind_the_new)
{
	static const char text[] = "7 8\nnew\n.\nold\n.\n";

	ck_assert_int_eq(pwrite(hand.fd, text, strlen(text), 0), strlen(text));
	hand_look(&seen, name);
	ck_assert_uint_eq(seen.uid, 7);
	ck_assert_uint_eq(seen.njobs, 1);
	ck_assert(hand_has(&seen, "new"));
}
END_TEST

START_TEST(full)
{
	char job[16];

	for (unsigned i = 0; i < HAND_MAX_JOBS; i++) {
		snprintf(job, sizeof(job), "%u", i);
		ck_assert_int_eq(hand_add(&hand, job), 0);
	}
	ck_assert_int_eq(hand_add(&hand, "more"), -ENOSPC);
	ck_assert_int_eq(hand_add(&hand, "5"), 0);
	ck_assert_int_eq(hand_write(&hand, name, &problem), 0);
	hand_look(&seen, name);
	ck_assert_uint_eq(seen.njobs, HAND_MAX_JOBS);
}
END_TEST

START_TEST(nonsense_is_nobody_s)
{
	static const char *const text[] = {"x", "-\n", "\n\n\n", "1\na\n.\n", "1 x\na\n"};

	for (unsigned i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		ck_assert_int_eq(ftruncate(hand.fd, 0), 0);
		ck_assert_int_eq(pwrite(hand.fd, text[i], strlen(text[i]), 0), strlen(text[i]));
		hand_look(&seen, name);
		ck_assert_uint_eq(seen.njobs, 0);
	}
}
END_TEST

START_TEST(one_that_is_not_there)
{
	hand_look(&seen, "not-there-at-all");
	ck_assert_uint_eq(seen.njobs, 0);
	ck_assert_int_eq(seen.fd, -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hand");
	TCase *tc = tcase_create("hand");

	tcase_add_checked_fixture(tc, setup, teardown);
	if (!geteuid()) {
		tcase_add_test(tc, written_and_read);
		tcase_add_test(tc, old_end_behind_the_new);
		tcase_add_test(tc, full);
		tcase_add_test(tc, nonsense_is_nobody_s);
	}
	suite_add_tcase(suite, tc);
	tc = tcase_create("look");
	tcase_add_test(tc, one_that_is_not_there);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
