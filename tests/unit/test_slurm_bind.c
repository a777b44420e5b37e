/* SPDX-License-Identifier: MIT */
/* Which of the guest's CPUs a task of Slurm gets. */
#include <check.h>
#include <stdlib.h>

#include "integrations/slurm/bind.h"
#include "tests/unit/suite.h"

static const struct {
	struct bind_words words;
	const char *cpus;
	bool all;
} cases[] = {
	/* The step's cores, dealt out by lwvmm. */
	{{NULL, NULL, "0", "0-1", "2"}, "0,1", false},
	{{"", "", "1", "2,5-6", "3"}, "2,5,6", false},
	{{"cores", NULL, "1", "3", "1"}, "3", false},
	{{"quiet", NULL, NULL, NULL, NULL}, "", false},
	/* Cores of two threads. */
	{{NULL, NULL, "0", "1-2", "4"}, "2,3,4,5", false},
	/* What the user says. */
	{{"none", NULL, "0", "0-1", "2"}, "", true},
	{{"map_cpu:", "1,0", "0", "0-1", "2"}, "1", true},
	{{"map_cpu:", "1,0", "1", "0-1", "2"}, "0", true},
	{{"map_cpu:", "1,0", "4", "0-1", "2"}, "1", true},
	{{"map_cpu:", "0x3", "0", NULL, NULL}, "3", true},
	{{"mask_cpu:", "0x3,0xC", "1", "0-1", "2"}, "2,3", true},
	{{"mask_cpu:", "f0", "0", "0-1", "2"}, "4,5,6,7", true},
	{{"mask_cpu:", "", "0", "0", "1"}, "0", false},
	/* Nonsense chooses nothing. */
	{{"map_cpu:", "900", "0", "0", "1"}, "", true},
	{{NULL, NULL, "0", "x", "1"}, "", false},
	{{NULL, NULL, "0", "0-99999", "1"}, NULL, false},
};

START_TEST(cpus_of_a_task)
{
	char cpus[256] = "?", tiny[4];

	ck_assert(bind_cpus(&cases[_i].words, cpus, sizeof(cpus)) == cases[_i].all);
	if (cases[_i].cpus)
		ck_assert_str_eq(cpus, cases[_i].cpus);
	bind_cpus(&cases[_i].words, tiny, sizeof(tiny));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slurm_bind");
	TCase *tc = tcase_create("slurm_bind");

	tcase_add_loop_test(tc, cpus_of_a_task, 0, sizeof(cases) / sizeof(cases[0]));
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
