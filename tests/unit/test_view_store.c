/* SPDX-License-Identifier: MIT */
/* Which paths lead to a view, and the folder that it lies in: made once, shared, cleaned up. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "vmm/view/view_path.h"
#include "vmm/view/view_store.h"

#define PID 4711

static enum view_target target_of(const char *path, const char *place)
{
	static struct view_hit hit;

	view_path_find(path, PID, &hit);
	if (hit.target != VIEW_NOT)
		ck_assert_str_eq(hit.path, place);
	return hit.target;
}

#define TARGET(path, want, place) ck_assert_int_eq(target_of(path, place), want)

START_TEST(paths)
{
	TARGET("/sys/devices/system/cpu", VIEW_TREE, "/sys/devices/system/cpu");
	TARGET("/sys/devices/system/cpu/", VIEW_TREE, "/sys/devices/system/cpu/");
	TARGET("//sys/./devices//system/cpu/online", VIEW_TREE,
		"/sys/devices/system/cpu/online");
	TARGET("/sys/class/../devices/system/cpu", VIEW_TREE, "/sys/devices/system/cpu");
	TARGET("/../sys/devices/system/cpu", VIEW_TREE, "/sys/devices/system/cpu");
	/* Inside, links decide what ".." is. */
	TARGET("/sys/devices/system/cpu/cpu0/node0/../online", VIEW_TREE,
		"/sys/devices/system/cpu/cpu0/node0/../online");
	TARGET("/sys/devices/system/cpu/../clocksource", VIEW_NOT, NULL);
	TARGET("/sys/devices/system/cpufoo", VIEW_NOT, NULL);
	TARGET("/sys/devices/system/node/node3/meminfo", VIEW_NODE_MEMINFO,
		"/sys/devices/system/node/node3/meminfo");
	TARGET("/sys/devices/system/node/node3/cpulist", VIEW_TREE,
		"/sys/devices/system/node/node3/cpulist");
	TARGET("/sys", VIEW_NOT, NULL);
	TARGET("/", VIEW_NOT, NULL);
	TARGET("/home/proc/cpuinfo", VIEW_NOT, NULL);
	TARGET("/proc/cpuinfo", VIEW_CPUINFO, "/proc/cpuinfo");
	TARGET("/proc/self/../meminfo", VIEW_MEMINFO, "/proc/meminfo");
	TARGET("/proc/stat", VIEW_STAT, "/proc/stat");
	TARGET("/proc/zoneinfo", VIEW_TREE, "/proc/zoneinfo");
	TARGET("/proc/loadavg", VIEW_NOT, NULL);
}
END_TEST

START_TEST(own_paths)
{
	TARGET("/proc/self/status", VIEW_SELF_STATUS, "/proc/4711/status");
	TARGET("/proc/4711/stat", VIEW_SELF_STAT, "/proc/4711/stat");
	TARGET("/proc/thread-self/maps", VIEW_SELF_MAPS, "/proc/4711/maps");
	TARGET("/proc/self/task/4194305/status", VIEW_SELF_STATUS, "/proc/4711/status");
	TARGET("/proc/4711/numa_maps", VIEW_SELF_NUMA_MAPS, "/proc/4711/numa_maps");
	TARGET("/proc/self/exe", VIEW_TREE, "/proc/4711/exe");
	TARGET("/proc/self/cgroup", VIEW_TREE, "/proc/4711/cgroup");
	TARGET("/proc/47110/status", VIEW_NOT, NULL);
	TARGET("/proc/471/status", VIEW_NOT, NULL);
	TARGET("/proc/self/fd/3", VIEW_NOT, NULL);
	TARGET("/proc/self/task", VIEW_NOT, NULL);
	TARGET("/proc/self", VIEW_NOT, NULL);
	TARGET("/proc/self/task/x/status", VIEW_NOT, NULL);
}
END_TEST

/* The cheap questions may say yes for nothing, but never no to a view. */
START_TEST(questions)
{
	ck_assert(view_path_absolute("/sys/devices/system/cpu"));
	ck_assert(view_path_absolute("//proc//meminfo"));
	ck_assert(!view_path_absolute("/usr/lib/libm.so.6"));
	ck_assert(view_path_relative("devices/system/cpu/online"));
	ck_assert(view_path_relative("meminfo"));
	ck_assert(view_path_relative("../proc/self/status"));
	ck_assert(view_path_relative("cpu"));
	ck_assert(!view_path_relative(""));
	ck_assert(!view_path_relative("input.dat"));
	ck_assert(!view_path_relative("cpu0/topology/core_id"));
}
END_TEST

START_TEST(long_path)
{
	static const char folder[] = "/sys/devices/system/cpu/";
	static char path[PATH_MAX + 100];
	static struct view_hit hit;

	memset(path, 'x', sizeof(path) - 1);
	for (unsigned i = 0; folder[i]; i++)
		path[i] = folder[i];
	view_path_find(path, PID, &hit);
	ck_assert_int_eq(hit.target, VIEW_NOT);
}
END_TEST

static char dir[] = "/tmp/lwvmm-store-XXXXXX";

static void setup(void)
{
	strcpy(dir, "/tmp/lwvmm-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

/* Nothing may be left. */
static void teardown(void)
{
	ck_assert_int_eq(rmdir(dir), 0);
}

static int fill(void *arg, struct view_sink *sink)
{
	int *made = arg;

	(*made)++;
	sink->put(sink, VIEW_DIR, "proc", NULL);
	sink->put(sink, VIEW_DIR, "sys", NULL);
	sink->put(sink, VIEW_FILE, "sys/file", "text\n");
	return sink->put(sink, VIEW_LINK, "sys/link", "file");
}

static const char *content(const struct view_store *store, const char *path)
{
	static char text[64];
	char whole[256];
	ssize_t n;
	int fd;

	snprintf(whole, sizeof(whole), "%s/%s", store->root, path);
	fd = open(whole, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	n = read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	close(fd);
	return text;
}

START_TEST(made_once)
{
	struct view_store one, two;
	struct problem problem = {0};
	struct stat st;
	int made = 0;

	ck_assert_int_eq(view_store_open(&one, dir, "key", fill, &made, &problem), 0);
	ck_assert_int_eq(view_store_open(&two, dir, "key", fill, &made, &problem), 0);
	ck_assert_int_eq(made, 1);
	ck_assert_str_eq(one.root, two.root);
	ck_assert_int_eq(stat(one.root, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0700);
	ck_assert_str_eq(content(&two, "sys/link"), "text\n");
	ck_assert_int_eq(view_store_replace(&two, "sys/file", "new", 3), 0);
	ck_assert_str_eq(content(&one, "sys/file"), "new");
	ck_assert_int_eq(view_store_add(&one, VIEW_DIR, "proc/1", NULL), 0);
	ck_assert_int_eq(view_store_add(&two, VIEW_DIR, "proc/1", NULL), 0);
	view_store_close(&one);
	ck_assert_str_eq(content(&two, "sys/file"), "new");
	/* In use: no repair touches it. */
	ck_assert_int_eq(view_repair_in(dir, true, NULL), 0);
	ck_assert_str_eq(content(&two, "sys/file"), "new");
	view_store_close(&two);
	ck_assert_int_ne(stat(one.root, &st), 0);
}
END_TEST

/* The last process was killed: the next lwvmm finds and removes what it left. */
START_TEST(orphan)
{
	struct view_store store;
	struct problem problem = {0};
	int made = 0, status;
	pid_t child = fork();

	if (!child) {
		view_store_open(&store, dir, "key", fill, &made, &problem);
		view_store_add(&store, VIEW_DIR, "proc/1", NULL);
		_exit(made != 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(view_repair_in(dir, false, NULL), 1);
	ck_assert_int_eq(view_repair_in(dir, false, NULL), 1);
	ck_assert_int_eq(view_repair_in(dir, true, NULL), 0);
	ck_assert_int_eq(view_repair_in(dir, false, NULL), 0);
}
END_TEST

static int no_space(void *arg, struct view_sink *sink)
{
	sink->put(sink, VIEW_DIR, "sys", NULL);
	return -28;
}

START_TEST(no_room)
{
	struct view_store store;
	struct problem problem = {0};

	ck_assert_int_eq(view_store_open(&store, dir, "key", no_space, NULL, &problem), -28);
	ck_assert_ptr_nonnull(strstr(problem.text, "make room"));
	ck_assert_int_eq(view_store_open(&store, "/nowhere", "key", fill, NULL, &problem), -2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("view_store");
	TCase *path = tcase_create("path"), *store = tcase_create("store");

	tcase_add_test(path, paths);
	tcase_add_test(path, own_paths);
	tcase_add_test(path, questions);
	tcase_add_test(path, long_path);
	tcase_add_checked_fixture(store, setup, teardown);
	tcase_add_test(store, made_once);
	tcase_add_test(store, orphan);
	tcase_add_test(store, no_room);
	suite_add_tcase(suite, path);
	suite_add_tcase(suite, store);
	return suite_run(suite);
}
