/* SPDX-License-Identifier: MIT */
/*
 * Growing pools and giving back exactly what was taken, on a made-up sysfs; the linker puts a
 * made-up kernel (__wrap_pool_persistent_set) before the write, which can be stingy or crash us
 * at any moment.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/base/filelock.h"
#include "vmm/memory.h"
#include "vmm/pool_change.h"

#define NODE0 "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/"
#define NODE1 "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/"
#define ALL   "/sys/kernel/mm/hugepages/hugepages-2048kB/"

/* The linker's names (--wrap): ours stands before the real one. */
int __real_pool_persistent_set(const struct pool_files *files, uint64_t pages);
int __wrap_pool_persistent_set(const struct pool_files *files, uint64_t pages);
void __wrap_note_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

enum crash { CRASH_NEVER, CRASH_BEFORE, CRASH_HALFWAY, CRASH_AFTER };

static enum crash crash;
static unsigned crash_in;          /* calls of the kernel until the crash */
static uint64_t most = UINT64_MAX; /* pages that the made-up kernel can give */
static bool scarce;                /* it counts what is free */
static struct problem problem;
static struct pool_growth growth;
static char top[] = "/tmp/lwvmm-pool-XXXXXX";
static char dir[64];
static struct pool_paths paths = {.root = top, .dir = dir};

static char noted[256]; /* the last note */

void __wrap_note_print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(noted, sizeof(noted), fmt, ap);
	va_end(ap);
}

/* Freed pages are no longer free pages. */
static void free_lower(int fd, uint64_t pages)
{
	char path[64];
	unsigned long have = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	file = fopen(path, "r+");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%lu", &have), 1);
	rewind(file);
	fprintf(file, "%lu\n", have - pages);
	fclose(file);
}

int __wrap_pool_persistent_set(const struct pool_files *files, uint64_t pages)
{
	bool now = crash && crash_in-- == 0;
	uint64_t before;
	int rc;

	if (*paths.root == '\0')
		return __real_pool_persistent_set(files, pages);
	/* Without check's macros: a kill within one would cut its message to the runner short.
	 */
	if (pool_persistent(files, &before))
		abort();
	if (now && crash == CRASH_BEFORE)
		raise(SIGKILL);
	if (now && crash == CRASH_HALFWAY)
		pages = (pages + before) / 2;
	rc = __real_pool_persistent_set(files, pages < most ? pages : most);
	if (now)
		raise(SIGKILL);
	if (pages < before && scarce) {
		free_lower(files->free, before - pages);
		free_lower(files->all_free, before - pages);
	}
	return rc;
}

/* What is killed later must be a process of ours. */
static pid_t fork_checked(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	return pid;
}

static void file_write(const char *folder, const char *file, uint64_t number)
{
	char path[192];
	FILE *out;

	snprintf(path, sizeof(path), "%s%s%s", top, folder, file);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	fprintf(out, "%lu\n", number);
	fclose(out);
}

static uint64_t file_read(const char *folder, const char *file)
{
	unsigned long number = 0;
	char path[192];
	FILE *in;

	snprintf(path, sizeof(path), "%s%s%s", top, folder, file);
	in = fopen(path, "r");
	ck_assert_ptr_nonnull(in);
	ck_assert_int_eq(fscanf(in, "%lu", &number), 1);
	fclose(in);
	return number;
}

static void setup(void)
{
	const char *const folder[] = {NODE0, NODE1, ALL};
	char command[256];

	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/run", top);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(command, sizeof(command), "mkdir -p %s%s %s/proc/sys/vm", top,
			folder[i], top);
		ck_assert_int_eq(system(command), 0);
		file_write(folder[i], "nr_hugepages", 100);
		file_write(folder[i], "free_hugepages", 1000);
		file_write(folder[i], "surplus_hugepages", 0);
		file_write(folder[i], "resv_hugepages", 0);
	}
	file_write("/proc/sys/vm/", "compact_memory", 0);
}

static void teardown(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", top);
	ck_assert_int_eq(system(command), 0);
}

static struct plan plan_of(uint64_t grow0, uint64_t grow1)
{
	struct plan plan = {.name = "alice", .nextents = 3};

	plan.extent[0] = (struct plan_extent){.page_size = MIB(2), .pool_grow = grow0 / 2};
	plan.extent[1] =
		(struct plan_extent){.page_size = MIB(2), .pool_grow = grow0 - grow0 / 2};
	plan.extent[2] =
		(struct plan_extent){.page_size = MIB(2), .pool_grow = grow1, .host_node = 1};
	return plan;
}

static int grow(uint64_t grow0, uint64_t grow1)
{
	struct plan plan = plan_of(grow0, grow1);

	return pool_grow_at(&paths, &growth, &plan, &problem);
}

static int journals(void)
{
	DIR *d = opendir(dir);
	int n = 0;

	for (struct dirent *e; d && (e = readdir(d));)
		n += strncmp(e->d_name, POOL_PREFIX, strlen(POOL_PREFIX)) == 0;
	if (d)
		closedir(d);
	return n;
}

static void pools_are(uint64_t node0, uint64_t node1)
{
	ck_assert_uint_eq(file_read(NODE0, "nr_hugepages"), node0);
	ck_assert_uint_eq(file_read(NODE1, "nr_hugepages"), node1);
}

static char said[1024];

static int repair(bool really)
{
	FILE *out = fmemopen(said, sizeof(said), "w");
	int left = pool_repair_at(&paths, really, out);

	fclose(out);
	return left;
}

START_TEST(test_grow_and_shrink)
{
	ck_assert_int_eq(grow(32, 7), 0);
	pool_settled(&growth);
	ck_assert_uint_eq(growth.journal.n, 2);
	ck_assert_str_eq(
		noted, "node 1: its pool of 2M pages is grown by 7, until the guest ends");
	pools_are(132, 107);
	ck_assert_int_eq(journals(), 1);
	ck_assert_int_eq(repair(true), 0); /* its owner lives */
	pools_are(132, 107);
	pool_shrink(&growth);
	pools_are(100, 100);
	ck_assert_int_eq(journals(), 0);
	pool_shrink(&growth); /* nothing left to do */
	pools_are(100, 100);
}
END_TEST

START_TEST(test_nothing_to_grow)
{
	ck_assert_int_eq(grow(0, 0), 0);
	pools_are(100, 100);
	ck_assert_str_eq(noted, "");
	pool_shrink(&growth);
	pools_are(100, 100);
	ck_assert_int_eq(journals(), 0);
	ck_assert_int_eq(repair(true), 0);
}
END_TEST

/* Without root's rights, and nothing to grow: neither an error nor a word. */
START_TEST(test_nothing_to_grow_nor_rights)
{
	char path[192];

	snprintf(path, sizeof(path), "%s%snr_hugepages", top, NODE1);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(grow(0, 0), 0);
	ck_assert_uint_eq(growth.journal.n, 0);
	ck_assert_int_eq(problem.status, 0);
	ck_assert_int_eq(access(dir, F_OK), -1);
	pool_shrink(&growth);
}
END_TEST

/* The plan found pages free that another guest has taken before we had the lock. */
START_TEST(test_plan_out_of_date)
{
	struct plan plan = plan_of(2, 0);

	plan.extent[0].size = MIB(2) * 20;
	plan.extent[1].size = MIB(2) * 30; /* 48 pages counted on */
	file_write(NODE0, "free_hugepages", 41);
	ck_assert_int_eq(pool_grow_at(&paths, &growth, &plan, &problem), 0);
	pools_are(109, 100); /* two, and the seven that are gone */
	pool_shrink(&growth);
	pools_are(100, 100);
}
END_TEST

/* Whether another lwvmm would have to wait. */
static bool is_locked(void)
{
	char path[96];
	bool held;
	int fd;

	snprintf(path, sizeof(path), "%s/pools.lock", dir);
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
	ck_assert_int_eq(grow(8, 8), 0);
	ck_assert(is_locked());
	pool_settled(&growth);
	ck_assert(!is_locked());
	pool_shrink_begin(&growth);
	ck_assert(is_locked());
	pool_shrink(&growth);
	ck_assert(!is_locked());
	pools_are(100, 100);
}
END_TEST

/* Where /run outlives a boot: the pools are new, and nothing in them is a guest's. */
START_TEST(test_journal_of_another_boot)
{
	char path[96];
	FILE *out;

	ck_assert_int_eq(mkdir(dir, 0755), 0);
	snprintf(path, sizeof(path), "%s/pool-1.0", dir);
	out = fopen(path, "w");
	fputs("lwvmm-pools 1 pid 1 entries 01 guest x\n"
	      "node 000 size 0002097152 taken 000000000032 pending +000000000000 "
	      "before 000000000068\n"
	      "boot 11111111-2222-3333-4444-555555555555\n",
		out);
	fclose(out);
	ck_assert_int_eq(repair(true), 0);
	pools_are(100, 100);
	ck_assert_int_eq(journals(), 0);
}
END_TEST

START_TEST(test_administrator_meanwhile)
{
	ck_assert_int_eq(grow(32, 32), 0);
	file_write(NODE0, "nr_hugepages", 142); /* ten more */
	file_write(NODE1, "nr_hugepages", 20);  /* fewer than our part */
	pool_shrink(&growth);
	pools_are(110, 0);
	ck_assert_int_eq(journals(), 0);
}
END_TEST

/* In use by others, or reserved: those pages stay, until the next repair finds them free. */
START_TEST(test_in_use)
{
	ck_assert_int_eq(grow(32, 32), 0);
	scarce = true;
	file_write(NODE0, "free_hugepages", 12);
	pool_shrink(&growth);
	pools_are(120, 100);
	ck_assert_int_eq(journals(), 1);
	ck_assert_ptr_nonnull(strstr(noted, "20 huge pages of this guest are still in use"));
	file_write(NODE0, "free_hugepages", 50);
	file_write(ALL, "free_hugepages", 50);
	file_write(ALL, "resv_hugepages", 45);
	ck_assert_int_eq(repair(true), 1);
	ck_assert_ptr_nonnull(strstr(said, "15 of 20 2M pages"));
	pools_are(115, 100);
	file_write(ALL, "resv_hugepages", 0);
	ck_assert_int_eq(repair(true), 0);
	pools_are(100, 100);
	ck_assert_int_eq(journals(), 0);
}
END_TEST

START_TEST(test_kernel_gives_less)
{
	most = 110;
	ck_assert_int_eq(grow(5, 32), -ENOMEM);
	ck_assert_ptr_nonnull(strstr(problem.text,
		"node 1: its pool of 2M pages must grow by 32, the kernel gave 10"));
	pools_are(100, 100);
	ck_assert_int_eq(journals(), 0);
	ck_assert_uint_eq(file_read("/proc/sys/vm/", "compact_memory"), 1);
	pool_shrink(&growth);
	pools_are(100, 100);
}
END_TEST

START_TEST(test_surplus_refused)
{
	file_write(NODE1, "surplus_hugepages", 3);
	ck_assert_int_eq(grow(5, 5), -EBUSY);
	ck_assert_ptr_nonnull(strstr(problem.text, "3 surplus pages"));
	pools_are(100, 100);
	ck_assert_int_eq(journals(), 0);
}
END_TEST

START_TEST(test_no_such_pool)
{
	struct plan plan = plan_of(1, 0);

	plan.extent[1].page_size = GIB(1);
	ck_assert_int_eq(pool_grow_at(&paths, &growth, &plan, &problem), -ENOENT);
	ck_assert_uint_eq(growth.journal.n, 0);
	pools_are(100, 100);
}
END_TEST

/* A child that grows and shrinks, and is killed by the made-up kernel on the way. */
static void child_crash(enum crash how, unsigned when)
{
	pid_t pid = fork_checked();
	int status;

	if (pid == 0) {
		crash = how;
		crash_in = when;
		if (grow(32, 9) == 0)
			pool_shrink(&growth);
		raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WTERMSIG(status), SIGKILL);
}

/* Every moment: four changes (two pools up, two down), before, within and after each. */
START_TEST(test_crash)
{
	enum crash how = CRASH_BEFORE + _i % 3;
	unsigned when = _i / 3;

	child_crash(how, when);
	ck_assert_int_eq(journals(), 1);
	repair(false);
	ck_assert_int_eq(journals() == 0, strlen(said) == 0);
	ck_assert_int_eq(repair(true), 0);
	pools_are(100, 100);
	ck_assert_int_eq(journals(), 0);
}
END_TEST

/* The next guest settles what the crashed one announced, before it changes the pool itself. */
START_TEST(test_crash_then_grow)
{
	child_crash(CRASH_BEFORE + _i % 3, _i / 3);
	ck_assert_int_eq(grow(4, 4), 0);
	pool_settled(&growth);
	ck_assert_int_eq(repair(true), 0);
	pools_are(104, 104);
	pool_shrink(&growth);
	pools_are(100, 100);
}
END_TEST

/*
 * A living guest gives back between the crash and the repair: it is sealed and settles nothing.
 * With the crashed ones of two, the first is repaired before the second is looked at.
 */
START_TEST(test_crash_then_shrink)
{
	ck_assert_int_eq(grow(20, 20), 0);
	pool_settled(&growth);
	child_crash(CRASH_BEFORE + _i % 3, _i / 3);
	pool_shrink(&growth);
	ck_assert_int_eq(repair(true), 0);
	pools_are(100, 100);
	ck_assert_int_eq(journals(), 0);
}
END_TEST

/* The real kill -9, at moments that nobody chose. */
START_TEST(test_kill_at_random)
{
	srand(1);
	for (int i = 0; i < 60; i++) {
		pid_t pid = fork_checked();

		if (pid == 0)
			for (;;)
				if (grow(32, 9) == 0)
					pool_shrink(&growth);
		usleep(rand() % 3000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		ck_assert_int_eq(repair(true), 0);
		pools_are(100, 100);
	}
}
END_TEST

/* The same beside two that live, and give back between the kill and the repair. */
START_TEST(test_kill_beside_the_living)
{
	int end[2], status;
	pid_t living[2];
	char c;

	srand(2);
	ck_assert_int_eq(pipe(end), 0);
	for (int k = 0; k < 2; k++) {
		living[k] = fork_checked();
		if (living[k])
			continue;
		close(end[1]);
		fcntl(end[0], F_SETFL, O_NONBLOCK);
		while (read(end[0], &c, 1) < 0) {
			if (grow(10 + k, 3))
				_exit(1);
			pool_settled(&growth);
			pool_shrink(&growth);
		}
		_exit(0);
	}
	for (int i = 0; i < 200; i++) {
		pid_t pid = fork_checked();

		if (pid == 0)
			for (;;)
				if (grow(32, 9) == 0)
					pool_shrink(&growth);
		usleep(rand() % 3000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(end[1]);
	for (int k = 0; k < 2; k++) {
		waitpid(living[k], &status, 0);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_int_eq(repair(true), 0);
	pools_are(100, 100);
	ck_assert_int_eq(journals(), 0);
}
END_TEST

START_TEST(test_two_at_once)
{
	pid_t pid[3];
	int status;

	for (int k = 0; k < 3; k++) {
		pid[k] = fork_checked();
		if (pid[k])
			continue;
		for (int i = 0; i < 50; i++) {
			if (grow(10 + k, 3))
				_exit(1);
			pool_shrink(&growth);
		}
		_exit(0);
	}
	for (int k = 0; k < 3; k++) {
		waitpid(pid[k], &status, 0);
		ck_assert_int_eq(status, 0);
	}
	pools_are(100, 100);
}
END_TEST

START_TEST(test_bad_journals)
{
	char path[96];
	FILE *out;

	ck_assert_int_eq(mkdir(dir, 0755), 0);
	snprintf(path, sizeof(path), "%s/pool-1.0", dir);
	out = fopen(path, "w"); /* a crash right after it was made */
	fclose(out);
	ck_assert_int_eq(repair(true), 0);
	ck_assert_int_eq(journals(), 0);
	out = fopen(path, "w");
	fputs("lwvmm-pools 1 pid 1 entries 99 guest x\n", out);
	fclose(out);
	ck_assert_int_eq(repair(true), 1);
	ck_assert_ptr_nonnull(strstr(said, "pool-1.0: cannot be read"));
	ck_assert_int_eq(journals(), 1);
	pools_are(100, 100);
}
END_TEST

/* Pages of this host's pool that no guest has put there. Other guests come and go meanwhile. */
static uint64_t real_base(void)
{
	struct pool_files files;
	struct pool_journal journal;
	int dir_fd, lock_fd;
	uint64_t pages = 0;
	DIR *d = opendir(paths.dir);

	ck_assert_int_eq(pool_dir_lock(paths.dir, true, &dir_fd, &lock_fd), 0);
	pool_orphans_settle(&paths, dir_fd, lock_fd);
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

	snprintf(path, sizeof(path), "%s/" POOL_PREFIX "%d.0", paths.dir, pid);
	return access(path, F_OK) == 0;
}

static int real_take(const struct plan *plan, struct memory *memory)
{
	int rc = pool_grow_at(&paths, &growth, plan, &problem);

	if (!rc)
		rc = memory_reserve(plan, memory, &problem);
	pool_settled(&growth);
	return rc ? rc : memory_fill(plan, memory, &problem);
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

	paths = pool_host;
	ck_assert(mkdir(paths.dir, 0755) == 0 || errno == EEXIST);
	before = real_base();
	plan.vcpu[0].core = (uint16_t)sched_getcpu();
	plan.extent[0] =
		(struct plan_extent){.size = MIB(64), .page_size = MIB(2), .pool_grow = 32};
	ck_assert_msg(!real_take(&plan, &memory), "%s", problem.text);
	ck_assert_uint_eq(growth.journal.entry[0].taken, 32);
	ck_assert_uint_eq(real_base(), before);
	ck_assert_uint_eq(memory.extent[0].got_2m, MIB(64));
	pool_shrink_begin(&growth);
	memory_destroy(&memory);
	pool_shrink(&growth);
	ck_assert_uint_eq(real_base(), before);
	ck_assert(!real_journal_of(getpid()));

	pid = fork_checked();
	if (pid == 0) {
		real_take(&plan, &memory);
		raise(SIGKILL);
	}
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 100 && real_journal_of(pid); i++) {
		repair(true); /* not at once, when another guest has taken the free pages */
		usleep(20000);
	}
	ck_assert(!real_journal_of(pid));
	ck_assert_uint_eq(real_base(), before);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("pool");
	TCase *t = tcase_create("pool");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
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
	tcase_add_loop_test(t, test_crash, 0, 12);
	tcase_add_loop_test(t, test_crash_then_grow, 0, 12);
	tcase_add_loop_test(t, test_crash_then_shrink, 0, 12);
	tcase_add_test(t, test_kill_at_random);
	tcase_add_test(t, test_kill_beside_the_living);
	tcase_add_test(t, test_two_at_once);
	tcase_add_test(t, test_bad_journals);
	if (geteuid() == 0)
		tcase_add_test(t, test_real);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
