/* SPDX-License-Identifier: MIT */
/* Address layout: under any stack limit everything of the proxy ends up high, and the limit is
 * as it was. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "guest-lwk/abi/layout.h"
#include "tests/unit/suite.h"
#include "vmm/proxy/proxy.h"

/* What main does when it is started as the program under test: one line for the test to read.
 */
static int inside(char **argv)
{
	struct problem problem = {0};
	struct rlimit limit;
	char name[16] = "";
	void *heap;

	if (proxy_settle(argv, &problem)) {
		puts(problem.text);
		return problem.status;
	}
	getrlimit(RLIMIT_STACK, &limit);
	prctl(PR_GET_NAME, name);
	heap = malloc(1 << 20);
	printf("%s %ld env=%d high=%d %s\n", name, (long)limit.rlim_cur,
		getenv("LWVMM_STACK_LIMIT") != NULL,
		(uintptr_t)inside >= ABI_USER_END && (uintptr_t)heap >= ABI_USER_END, argv[2]);
	free(heap);
	return 0;
}

static int start(const char *how, char *line, size_t size)
{
	char command[512];
	FILE *pipe;

	snprintf(command, sizeof(command), "%s exec %s inside word", how,
		getenv("TEST_PROXY_SETTLE"));
	pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	if (!fgets(line, (int)size, pipe))
		line[0] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

START_TEST(ordinary)
{
	char line[1024];

	ck_assert_int_eq(start("ulimit -S -s 8192;", line, sizeof(line)), 0);
	ck_assert_str_eq(line, "test_proxy_sett 8388608 env=0 high=1 word\n");
}
END_TEST

START_TEST(unlimited_stack)
{
	char line[1024];

	ck_assert_int_eq(start("ulimit -s unlimited;", line, sizeof(line)), 0);
	ck_assert_str_eq(line, "test_proxy_sett -1 env=0 high=1 word\n");
}
END_TEST

START_TEST(huge_stack)
{
	char line[1024];

	ck_assert_int_eq(start("ulimit -s 99999999999;", line, sizeof(line)), 0);
	ck_assert_str_eq(line, "test_proxy_sett 102399999998976 env=0 high=1 word\n");
}
END_TEST

START_TEST(limited_address_space)
{
	char line[1024];

	ck_assert_int_eq(start("ulimit -v 9000000;", line, sizeof(line)), EXIT_LWVMM_FAILED);
	ck_assert_ptr_nonnull(strstr(line, "ulimit -v unlimited"));
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite;
	TCase *tc;

	if (argc > 1)
		return inside(argv);
	setenv("TEST_PROXY_SETTLE", argv[0], 1);
	suite = suite_create("proxy_settle");
	tc = tcase_create("settle");
	tcase_add_test(tc, limited_address_space);
	tcase_add_test(tc, ordinary);
	tcase_add_test(tc, unlimited_stack);
	tcase_add_test(tc, huge_stack);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
