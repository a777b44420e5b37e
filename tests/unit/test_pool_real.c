/* SPDX-License-Identifier: MIT */
/* This host's own pool. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/pool_fake.h"
#include "vmm/memory.h"

/* Pages of this host's pool that no guest has put there. Other guests come and go meanwhile. */
static uint64_t real_base(void)
{
	struct pool_files files;
	struct pool_journal journal;
	int dir_fd, lock_fd;
	uint64_t pages = 0;
	DIR *d = opendir(fake.paths.dir);

	ck_assert_int_eq(pool_dir_lock(fake.paths.dir, true, &dir_fd, &lock_fd), 0);
	pool_orphans_settle(&fake.paths, dir_fd, lock_fd);
	ck_assert_int_eq(pool_files_open("", 0, MIB(2), &files), 0);
	ck_assert_int_eq(pool_persistent(&files, &pages), 0);
	pool_files_close(&files);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (strncmp(e->d_name, POOL_PREFIX, strlen(POOL_PREFIX)))
			continue;
		pool_journal_open(
			dir_fd, lock_fd, e->d_name, &journal); /* the living are read too */
		pool_journal_close(&journal);
		for (unsigned i = 0; i < journal.n; i++)
			if (journal.entry[i].page_size == MIB(2) && journal.entry[i].node == 0)
				pages -= journal.entry[i].taken;
	}
	if (d)
		closedir(d);
	close(lock_fd);
	close(dir_fd);
	return pages;
}

static bool real_journal_of(pid_t pid)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/" POOL_PREFIX "%d.0", fake.paths.dir, pid);
	return access(path, F_OK) == 0;
}

static int real_take(const struct plan *plan, struct memory *memory)
{
	int rc = pool_grow_at(&fake.paths, &fake.growth, plan, &fake.problem);

	if (!rc)
		rc = memory_reserve(plan, memory, &fake.problem);
	pool_settled(&fake.growth);
	return rc ? rc : memory_fill(plan, memory, &fake.problem);
}

/*
 * On this host's own pool: 64 MiB, mapped, and given back; then the same with a kill -9. With
 * the host's own journals and lock, for other guests may change the pool at the same time, and
 * what this test leaves when it fails is found by the next `lwvmm`.
 */
START_TEST(test_real)
{
	struct plan plan = {.name = "real", .nextents = 1, .nnodes = 1, .nvcpus = 1};
	struct memory memory;
	uint64_t before;
	pid_t pid;

	fake.paths = pool_host;
	ck_assert(mkdir(fake.paths.dir, 0755) == 0 || errno == EEXIST);
	before = real_base();
	plan.vcpu[0].core = (uint16_t)sched_getcpu();
	plan.extent[0] =
		(struct plan_extent){.size = MIB(64), .page_size = MIB(2), .pool_grow = 32};
	ck_assert_msg(!real_take(&plan, &memory), "%s", fake.problem.text);
	ck_assert_uint_eq(fake.growth.journal.entry[0].taken, 32);
	ck_assert_uint_eq(real_base(), before);
	ck_assert_uint_eq(memory.extent[0].got_2m, MIB(64));
	pool_shrink_begin(&fake.growth);
	memory_destroy(&memory);
	pool_shrink(&fake.growth);
	ck_assert_uint_eq(real_base(), before);
	ck_assert(!real_journal_of(getpid()));

	pid = fake_fork();
	if (pid == 0) {
		real_take(&plan, &memory);
		raise(SIGKILL);
	}
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 100 && real_journal_of(pid); i++) {
		fake_repair(
			true); /* not at once, when another guest has taken the free pages */
		usleep(20000);
	}
	ck_assert(!real_journal_of(pid));
	ck_assert_uint_eq(real_base(), before);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pool_real");
	TCase *t = tcase_create("pool_real");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, fake_setup, fake_teardown);
	if (geteuid() == 0)
		tcase_add_test(t, test_real);
	suite_add_tcase(s, t);
	return fake_main(s);
}
