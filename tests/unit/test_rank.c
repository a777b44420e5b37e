/* SPDX-License-Identifier: MIT */
/* Which rank we are, by the words of each launcher, and the CPUs that follow from it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h"
#include "vmm/proxy/rank.h"

static const char *const *variables; /* NAME, value, ..., NULL */

static char *fake_getenv(const char *name)
{
	for (unsigned i = 0; variables[i]; i += 2)
		if (strcmp(variables[i], name) == 0)
			return (char *)variables[i + 1];
	return NULL;
}

/* "LOCAL of COUNT", or "none". */
static void expect_rank(const char *const *of, unsigned local, unsigned count)
{
	struct rank rank;

	variables = of;
	rank = rank_read(fake_getenv);
	ck_assert_uint_eq(rank.local, local);
	ck_assert_uint_eq(rank.count, count);
}
#define EXPECT(local, count, ...)                                                              \
	expect_rank((const char *const[]){__VA_ARGS__, NULL}, local, count)

START_TEST(launchers)
{
	EXPECT(0, 0, "HOME", "/");
	EXPECT(3, 4, "OMPI_COMM_WORLD_LOCAL_RANK", "3", "OMPI_COMM_WORLD_LOCAL_SIZE", "4");
	EXPECT(1, 2, "MPI_LOCALRANKID", "1", "MPI_LOCALNRANKS", "2", "PMI_RANK", "9");
	EXPECT(1, 2, "PMI_LOCAL_RANK", "1", "PMI_LOCAL_SIZE", "2");
	EXPECT(1, 4, "SLURM_LOCALID", "1", "SLURM_STEP_TASKS_PER_NODE", "4");
	EXPECT(0, 1, "SLURM_LOCALID", "0", "SLURM_STEP_TASKS_PER_NODE", "4(x2),1",
		"SLURM_NODEID", "2");
	EXPECT(2, 4, "SLURM_LOCALID", "2", "SLURM_STEP_TASKS_PER_NODE", "4(x2),1",
		"SLURM_NODEID", "1");
}
END_TEST

/* mpiexec in a step of one task; a batch script. */
START_TEST(nearest_launcher)
{
	EXPECT(1, 2, "SLURM_LOCALID", "0", "SLURM_STEP_TASKS_PER_NODE", "1", "MPI_LOCALRANKID",
		"1", "MPI_LOCALNRANKS", "2");
	EXPECT(0, 0, "SLURM_LOCALID", "0", "SLURM_TASKS_PER_NODE", "4");
}
END_TEST

START_TEST(nonsense)
{
	EXPECT(0, 0, "MPI_LOCALRANKID", "2", "MPI_LOCALNRANKS", "2");
	EXPECT(0, 0, "MPI_LOCALRANKID", "-1", "MPI_LOCALNRANKS", "2");
	EXPECT(0, 0, "MPI_LOCALRANKID", "1x", "MPI_LOCALNRANKS", "2");
	EXPECT(0, 0, "MPI_LOCALRANKID", "", "MPI_LOCALNRANKS", "2");
	EXPECT(0, 0, "MPI_LOCALRANKID", "1");
	EXPECT(0, 0, "MPI_LOCALRANKID", "1", "MPI_LOCALNRANKS", "99999999999999999999");
	EXPECT(0, 0, "SLURM_LOCALID", "0", "SLURM_STEP_TASKS_PER_NODE", "4(x");
	EXPECT(0, 0, "SLURM_LOCALID", "0", "SLURM_STEP_TASKS_PER_NODE", "4y");
	EXPECT(0, 0, "SLURM_LOCALID", "0", "SLURM_STEP_TASKS_PER_NODE", "4,2", "SLURM_NODEID",
		"2");
}
END_TEST

static uint64_t cpus(unsigned local, unsigned count, uint64_t allowed, unsigned ncores)
{
	return rank_cpus((struct rank){local, count}, allowed, ncores);
}

START_TEST(even_parts)
{
	ck_assert_uint_eq(cpus(0, 2, 0, 8), 0x0f);
	ck_assert_uint_eq(cpus(1, 2, 0, 8), 0xf0);
	ck_assert_uint_eq(cpus(63, 64, 0, 64), 1ULL << 63);
	/* Not even: all CPUs are someone's, none is two's. */
	ck_assert_uint_eq(cpus(0, 3, 0, 8), 0x03);
	ck_assert_uint_eq(cpus(1, 3, 0, 8), 0x1c);
	ck_assert_uint_eq(cpus(2, 3, 0, 8), 0xe0);
	/* Of those that --cores names. */
	ck_assert_uint_eq(cpus(0, 2, 0xaa, 8), 0x0a);
	ck_assert_uint_eq(cpus(1, 2, 0xaa, 8), 0xa0);
}
END_TEST

START_TEST(more_ranks_than_cpus)
{
	static const uint64_t expected[] = {1, 1, 2, 2};

	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(cpus(i, 4, 0, 2), expected[i]);
	for (unsigned i = 0; i < 7; i++)
		ck_assert_int_eq(__builtin_popcountll(cpus(i, 7, 0, 3)), 1);
}
END_TEST

START_TEST(no_rank)
{
	ck_assert_uint_eq(cpus(0, 0, 0, 8), 0);
	ck_assert_uint_eq(cpus(0, 1, 0, 8), 0);
	ck_assert_uint_eq(cpus(0, 1, 0x3, 8), 0x3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rank");
	TCase *tests = tcase_create("rank");

	tcase_add_test(tests, launchers);
	tcase_add_test(tests, nearest_launcher);
	tcase_add_test(tests, nonsense);
	tcase_add_test(tests, even_parts);
	tcase_add_test(tests, more_ranks_than_cpus);
	tcase_add_test(tests, no_rank);
	suite_add_tcase(suite, tests);
	return suite_run(suite);
}
