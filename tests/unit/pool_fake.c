/* SPDX-License-Identifier: MIT */
#include "tests/unit/pool_fake.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The linker's names (--wrap): ours stands before the real one. */
int __real_pool_persistent_set(const struct pool_files *files, uint64_t pages);
int __wrap_pool_persistent_set(const struct pool_files *files, uint64_t pages);
void __wrap_note_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct pool_fake fake = {.most = UINT64_MAX,
	.top = "/tmp/lwvmm-pool-XXXXXX",
	.paths = {.root = fake.top, .dir = fake.dir}};

void __wrap_note_print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake.noted, sizeof(fake.noted), fmt, ap);
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
	bool now = fake.crash && fake.crash_in-- == 0;
	uint64_t before;
	int rc;

	if (*fake.paths.root == '\0')
		return __real_pool_persistent_set(files, pages);
	/* Without check's macros: a kill within one would cut its message to the runner short.
	 */
	if (pool_persistent(files, &before))
		abort();
	if (now && fake.crash == CRASH_BEFORE)
		raise(SIGKILL);
	if (now && fake.crash == CRASH_HALFWAY)
		pages = (pages + before) / 2;
	rc = __real_pool_persistent_set(files, pages < fake.most ? pages : fake.most);
	if (now)
		raise(SIGKILL);
	if (pages < before && fake.scarce) {
		free_lower(files->free, before - pages);
		free_lower(files->all_free, before - pages);
	}
	return rc;
}

pid_t fake_fork(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	return pid;
}

void fake_write(const char *folder, const char *file, uint64_t number)
{
	char path[192];
	FILE *out;

	snprintf(path, sizeof(path), "%s%s%s", fake.top, folder, file);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	fprintf(out, "%lu\n", number);
	fclose(out);
}

uint64_t fake_read(const char *folder, const char *file)
{
	unsigned long number = 0;
	char path[192];
	FILE *in;

	snprintf(path, sizeof(path), "%s%s%s", fake.top, folder, file);
	in = fopen(path, "r");
	ck_assert_ptr_nonnull(in);
	ck_assert_int_eq(fscanf(in, "%lu", &number), 1);
	fclose(in);
	return number;
}

void fake_setup(void)
{
	const char *const folder[] = {NODE0, NODE1, ALL};
	char command[256];

	ck_assert_ptr_nonnull(mkdtemp(fake.top));
	snprintf(fake.dir, sizeof(fake.dir), "%s/run", fake.top);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(command, sizeof(command), "mkdir -p %s%s %s/proc/sys/vm", fake.top,
			folder[i], fake.top);
		ck_assert_int_eq(system(command), 0);
		fake_write(folder[i], "nr_hugepages", 100);
		fake_write(folder[i], "free_hugepages", 1000);
		fake_write(folder[i], "surplus_hugepages", 0);
		fake_write(folder[i], "resv_hugepages", 0);
	}
	fake_write("/proc/sys/vm/", "compact_memory", 0);
}

void fake_teardown(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", fake.top);
	ck_assert_int_eq(system(command), 0);
}

struct plan fake_plan(uint64_t grow0, uint64_t grow1)
{
	struct plan plan = {.name = "alice", .nextents = 3};

	plan.extent[0] = (struct plan_extent){.page_size = MIB(2), .pool_grow = grow0 / 2};
	plan.extent[1] =
		(struct plan_extent){.page_size = MIB(2), .pool_grow = grow0 - grow0 / 2};
	plan.extent[2] =
		(struct plan_extent){.page_size = MIB(2), .pool_grow = grow1, .host_node = 1};
	return plan;
}

int fake_grow(uint64_t grow0, uint64_t grow1)
{
	struct plan plan = fake_plan(grow0, grow1);

	return pool_grow_at(&fake.paths, &fake.growth, &plan, &fake.problem);
}

int fake_journals(void)
{
	DIR *d = opendir(fake.dir);
	int n = 0;

	for (struct dirent *e; d && (e = readdir(d));)
		n += strncmp(e->d_name, POOL_PREFIX, strlen(POOL_PREFIX)) == 0;
	if (d)
		closedir(d);
	return n;
}

void fake_pools_are(uint64_t node0, uint64_t node1)
{
	ck_assert_uint_eq(fake_read(NODE0, "nr_hugepages"), node0);
	ck_assert_uint_eq(fake_read(NODE1, "nr_hugepages"), node1);
}

int fake_repair(bool really)
{
	FILE *out = fmemopen(fake.said, sizeof(fake.said), "w");
	int left = pool_repair_at(&fake.paths, really, out);

	fclose(out);
	return left;
}

int fake_main(Suite *suite)
{
	return suite_run(suite);
}
