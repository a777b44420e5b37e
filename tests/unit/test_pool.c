/* SPDX-License-Identifier: MIT */
/* Growing pools and giving back exactly what was taken, on a made-up sysfs (pool_fake.h). */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/pool_fake.h"
#include "vmm/base/filelock.h"

START_TEST(test_grow_and_shrink)
{
	ck_assert_int_eq(fake_grow(32, 7), 0);
	pool_settled(&fake.growth);
	ck_assert_uint_eq(fake.growth.journal.n, 2);
	ck_assert_str_eq(
		fake.noted, "node 1: its pool of 2M pages is grown by 7, until the guest ends");
	fake_pools_are(132, 107);
	ck_assert_int_eq(fake_journals(), 1);
	ck_assert_int_eq(fake_repair(true), 0); /* its owner lives */
	fake_pools_are(132, 107);
	pool_shrink(&fake.growth);
	fake_pools_are(100, 100);
	ck_assert_int_eq(fake_journals(), 0);
	pool_shrink(&fake.growth); /* nothing left to do */
	fake_pools_are(100, 100);
}
END_TEST

START_TEST(test_nothing_to_grow)
{
	ck_assert_int_eq(fake_grow(0, 0), 0);
	fake_pools_are(100, 100);
	ck_assert_str_eq(fake.noted, "");
	pool_shrink(&fake.growth);
	fake_pools_are(100, 100);
	ck_assert_int_eq(fake_journals(), 0);
	ck_assert_int_eq(fake_repair(true), 0);
}
END_TEST

/* Without root's rights, and nothing to grow: neither an error nor a word. */
START_TEST(test_nothing_to_grow_nor_rights)
{
	char path[192];

	snprintf(path, sizeof(path), "%s%snr_hugepages", fake.top, NODE1);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(fake_grow(0, 0), 0);
	ck_assert_uint_eq(fake.growth.journal.n, 0);
	ck_assert_int_eq(fake.problem.status, 0);
	ck_assert_int_eq(access(fake.dir, F_OK), -1);
	pool_shrink(&fake.growth);
}
END_TEST

/* The plan found pages free that another guest has taken before we had the lock. */
START_TEST(test_plan_out_of_date)
{
	struct plan plan = fake_plan(2, 0);

	plan.extent[0].size = MIB(2) * 20;
	plan.extent[1].size = MIB(2) * 30; /* 48 pages counted on */
	fake_write(NODE0, "free_hugepages", 41);
	ck_assert_int_eq(pool_grow_at(&fake.paths, &fake.growth, &plan, &fake.problem), 0);
	fake_pools_are(109, 100); /* two, and the seven that are gone */
	pool_shrink(&fake.growth);
	fake_pools_are(100, 100);
}
END_TEST

/* Whether another lwvmm would have to wait. */
static bool is_locked(void)
{
	char path[96];
	bool held;
	int fd;

	snprintf(path, sizeof(path), "%s/pools.lock", fake.dir);
	fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	held = filelock_held(fd);
	close(fd);
	return held;
}

/* Pages that are made but not yet reserved, and pages that are free but not yet given back,
 * look like anybody's. */
START_TEST(test_nobody_between)
{
	ck_assert_int_eq(fake_grow(8, 8), 0);
	ck_assert(is_locked());
	pool_settled(&fake.growth);
	ck_assert(!is_locked());
	pool_shrink_begin(&fake.growth);
	ck_assert(is_locked());
	pool_shrink(&fake.growth);
	ck_assert(!is_locked());
	fake_pools_are(100, 100);
}
END_TEST

/* Where /run outlives a boot: the pools are new, and nothing in them is a guest's. */
START_TEST(test_journal_of_another_boot)
{
	char path[96];
	FILE *out;

	ck_assert_int_eq(mkdir(fake.dir, 0755), 0);
	snprintf(path, sizeof(path), "%s/pool-1.0", fake.dir);
	out = fopen(path, "w");
	fputs("lwvmm-pools 1 pid 1 entries 01 guest x\n"
	      "node 000 size 0002097152 taken 000000000032 pending +000000000000 "
	      "before 000000000068\n"
	      "boot 11111111-2222-3333-4444-555555555555\n",
		out);
	fclose(out);
	ck_assert_int_eq(fake_repair(true), 0);
	fake_pools_are(100, 100);
	ck_assert_int_eq(fake_journals(), 0);
}
END_TEST

START_TEST(test_administrator_meanwhile)
{
	ck_assert_int_eq(fake_grow(32, 32), 0);
	fake_write(NODE0, "nr_hugepages", 142); /* ten more */
	fake_write(NODE1, "nr_hugepages", 20);  /* fewer than our part */
	pool_shrink(&fake.growth);
	fake_pools_are(110, 0);
	ck_assert_int_eq(fake_journals(), 0);
}
END_TEST

/* In use by others, or reserved: those pages stay, until the next repair finds them free. */
START_TEST(test_in_use)
{
	ck_assert_int_eq(fake_grow(32, 32), 0);
	fake.scarce = true;
	fake_write(NODE0, "free_hugepages", 12);
	pool_shrink(&fake.growth);
	fake_pools_are(120, 100);
	ck_assert_int_eq(fake_journals(), 1);
	ck_assert_ptr_nonnull(
		strstr(fake.noted, "20 huge pages of this guest are still in use"));
	fake_write(NODE0, "free_hugepages", 50);
	fake_write(ALL, "free_hugepages", 50);
	fake_write(ALL, "resv_hugepages", 45);
	ck_assert_int_eq(fake_repair(true), 1);
	ck_assert_ptr_nonnull(strstr(fake.said, "15 of 20 2M pages"));
	fake_pools_are(115, 100);
	fake_write(ALL, "resv_hugepages", 0);
	ck_assert_int_eq(fake_repair(true), 0);
	fake_pools_are(100, 100);
	ck_assert_int_eq(fake_journals(), 0);
}
END_TEST

START_TEST(test_kernel_gives_less)
{
	fake.most = 110;
	ck_assert_int_eq(fake_grow(5, 32), -ENOMEM);
	ck_assert_ptr_nonnull(strstr(fake.problem.text,
		"node 1: its pool of 2M pages must grow by 32, the kernel gave 10"));
	fake_pools_are(100, 100);
	ck_assert_int_eq(fake_journals(), 0);
	ck_assert_uint_eq(fake_read("/proc/sys/vm/", "compact_memory"), 1);
	pool_shrink(&fake.growth);
	fake_pools_are(100, 100);
}
END_TEST

START_TEST(test_surplus_refused)
{
	fake_write(NODE1, "surplus_hugepages", 3);
	ck_assert_int_eq(fake_grow(5, 5), -EBUSY);
	ck_assert_ptr_nonnull(strstr(fake.problem.text, "3 surplus pages"));
	fake_pools_are(100, 100);
	ck_assert_int_eq(fake_journals(), 0);
}
END_TEST

START_TEST(test_no_such_pool)
{
	struct plan plan = fake_plan(1, 0);

	plan.extent[1].page_size = GIB(1);
	ck_assert_int_eq(
		pool_grow_at(&fake.paths, &fake.growth, &plan, &fake.problem), -ENOENT);
	ck_assert_uint_eq(fake.growth.journal.n, 0);
	fake_pools_are(100, 100);
}
END_TEST

START_TEST(test_two_at_once)
{
	pid_t pid[3];
	int status;

	for (int k = 0; k < 3; k++) {
		pid[k] = fake_fork();
		if (pid[k])
			continue;
		for (int i = 0; i < 50; i++) {
			if (fake_grow(10 + k, 3))
				_exit(1);
			pool_shrink(&fake.growth);
		}
		_exit(0);
	}
	for (int k = 0; k < 3; k++) {
		waitpid(pid[k], &status, 0);
		ck_assert_int_eq(status, 0);
	}
	fake_pools_are(100, 100);
}
END_TEST

START_TEST(test_bad_journals)
{
	char path[96];
	FILE *out;

	ck_assert_int_eq(mkdir(fake.dir, 0755), 0);
	snprintf(path, sizeof(path), "%s/pool-1.0", fake.dir);
	out = fopen(path, "w"); /* a crash right after it was made */
	fclose(out);
	ck_assert_int_eq(fake_repair(true), 0);
	ck_assert_int_eq(fake_journals(), 0);
	out = fopen(path, "w");
	fputs("lwvmm-pools 1 pid 1 entries 99 guest x\n", out);
	fclose(out);
	ck_assert_int_eq(fake_repair(true), 1);
	ck_assert_ptr_nonnull(strstr(fake.said, "pool-1.0: cannot be read"));
	ck_assert_int_eq(fake_journals(), 1);
	fake_pools_are(100, 100);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pool");
	TCase *t = tcase_create("pool");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, fake_setup, fake_teardown);
	tcase_add_test(t, test_grow_and_shrink);
	tcase_add_test(t, test_nothing_to_grow);
	tcase_add_test(t, test_nothing_to_grow_nor_rights);
	tcase_add_test(t, test_plan_out_of_date);
	tcase_add_test(t, test_nobody_between);
	tcase_add_test(t, test_journal_of_another_boot);
	tcase_add_test(t, test_administrator_meanwhile);
	tcase_add_test(t, test_in_use);
	tcase_add_test(t, test_kernel_gives_less);
	tcase_add_test(t, test_surplus_refused);
	tcase_add_test(t, test_no_such_pool);
	tcase_add_test(t, test_two_at_once);
	tcase_add_test(t, test_bad_journals);
	suite_add_tcase(s, t);
	return fake_main(s);
}
