/* SPDX-License-Identifier: MIT */
/*
 * The window against nonsense, a kernel that refuses and a table without room; and the
 * janitor's thread dropping references while others are made.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "tests/unit/window_fake.h"

START_TEST(nonsense_is_refused)
{
	int pipes[2];

	ck_assert_int_eq(map(file("a", PAGE), true, 0, 0), -EINVAL);
	ck_assert_int_eq(map(file("a", PAGE), true, 1, PAGE), -EINVAL);
	ck_assert_int_eq(map(file("a", PAGE), true, UINT64_MAX - PAGE + 1, PAGE), -EINVAL);
	ck_assert_int_eq(map(file("a", PAGE), true, PAGE, UINT64_MAX - PAGE), -EINVAL);
	ck_assert_int_eq(map(file("a", PAGE), true, INT64_MAX - PAGE + 1, PAGE), -EINVAL);
	ck_assert_int_eq(map(open(".", O_RDONLY), false, 0, PAGE), -ENODEV);
	ck_assert_int_eq(map(open("/dev/zero", O_RDWR), true, 0, PAGE), -ENODEV);
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(map(pipes[0], false, 0, PAGE), -ENODEV);
	ck_assert_int_eq(map(pipes[1], true, 0, PAGE), -ENODEV);
	ck_assert_int_eq(map(eventfd(0, 0), true, 0, PAGE), -ENODEV);
	ck_assert_int_eq(map(-1, true, 0, PAGE), -EBADF);
	/* Allowed less than it says. */
	ck_assert_int_eq(map(open("a", O_RDONLY), true, 0, PAGE), -EACCES);
	ck_assert_int_eq(map(open("a", O_RDONLY), false, 0, PAGE), 0);
	ck_assert_int_eq(map(open("a", O_RDONLY), true, 0, PAGE), -EACCES);
	ck_assert(is_mapped(at.gpa));
	window_put(&w, at.gpa, PAGE);
	nothing_left();
}
END_TEST

static bool is_reserved(unsigned chunk)
{
	void *here = host(GPA + chunk * CHUNK);
	void *got = mmap(here, CHUNK, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (got != MAP_FAILED)
		munmap(got, CHUNK);
	return got == MAP_FAILED && errno == EEXIST;
}

/* Regular files by their looks, whose mmap fails when what was there is unmapped already. */
START_TEST(no_hole_where_mmap_fails)
{
	static const char *const name[] = {"/proc/version", "/proc/self/maps", "/proc/cpuinfo",
		"/sys/kernel/mm/transparent_hugepage/enabled"};
	int fd = open(name[_i], O_RDONLY);

	if (fd < 0)
		return; /* not on this host */
	ck_assert_int_lt(map(fd, false, 0, 3 * CHUNK), 0);
	for (unsigned i = 0; i < w.nchunks; i++)
		ck_assert(is_reserved(i));
	/* And the place is free for the next file. */
	ck_assert_int_eq(map(file("a", PAGE), true, 0, PAGE), 0);
	ck_assert_uint_eq(at.gpa, GPA);
	window_put(&w, GPA, PAGE);
	nothing_left();
}
END_TEST

START_TEST(never_more_than_asked_for)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | (21 << MAP_HUGE_SHIFT));
	struct window_file want = {fd, true, 0, PAGE};

	if (fd < 0)
		return; /* no huge pages on this host */
	fds_before++;
	ck_assert_int_eq(ftruncate(fd, 2 * CHUNK), 0);
	ck_assert_int_eq(window_map(&w, &want, &at), -EINVAL);
	want.len = CHUNK + PAGE;
	ck_assert_int_eq(window_map(&w, &want, &at), -EINVAL);
	ck_assert_uint_eq(window_use(&w).objects, 0);
	want.len = CHUNK;
	ck_assert_int_eq(window_map(&w, &want, &at), 0);
	ck_assert_uint_eq(at.len, CHUNK);
	ck_assert_uint_eq(at.huge, CHUNK);
	window_put(&w, at.gpa, CHUNK);
	nothing_left();
	close(fd);
}
END_TEST

START_TEST(no_descriptors_left)
{
	struct rlimit limit;
	int a = file("a", PAGE), b = file("b", PAGE);
	struct window_file want = {a, true, 0, PAGE};

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)b + 2;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(window_map(&w, &want, &at), 0);
	want.fd = b;
	ck_assert_int_eq(window_map(&w, &want, &at), -ENFILE);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(window_map(&w, &want, &at), 0);
	window_put(&w, GPA, 2 * CHUNK);
	close(a);
	close(b);
	nothing_left();
}
END_TEST

/* One thread maps (and sweeps), as the window's does; others drop, as the janitor does. */
#define TURNS   4000
#define WORKERS 3

struct ring {
	uint64_t gpa[64];
	unsigned head, tail;
};
static struct ring ring[WORKERS];

static void *dropper(void *arg)
{
	struct ring *r = arg;

	for (unsigned n = 0; n < TURNS;) {
		if (__atomic_load_n(&r->head, __ATOMIC_ACQUIRE) == n) {
			sched_yield();
			continue;
		}
		/* Held by us: it is the file that was asked for, whoever else comes and goes.
		 */
		ck_assert_int_eq(*host(r->gpa[n % 64]), 'A' + (int)(n % 5));
		window_put(&w, r->gpa[n % 64], PAGE);
		__atomic_store_n(&r->tail, ++n, __ATOMIC_RELEASE);
	}
	return NULL;
}

START_TEST(drops_against_maps)
{
	pthread_t thread[WORKERS];
	int fd[5];

	for (unsigned i = 0; i < 5; i++) {
		fd[i] = file((char[]){(char)('a' + i), 0}, PAGE);
		ck_assert_int_eq(pwrite(fd[i], &(char){(char)('A' + i)}, 1, 0), 1);
	}
	fds_before += 5;
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_create(&thread[i], NULL, dropper, &ring[i]);
	for (unsigned n = 0; n < TURNS; n++) {
		for (unsigned i = 0; i < WORKERS; i++) {
			struct window_file want = {fd[n % 5], true, 0, PAGE};

			while (n - __atomic_load_n(&ring[i].tail, __ATOMIC_ACQUIRE) >= 64)
				window_sweep(&w);
			ck_assert_int_eq(window_map(&w, &want, &at), 0);
			ring[i].gpa[n % 64] = at.gpa;
			__atomic_store_n(&ring[i].head, n + 1, __ATOMIC_RELEASE);
		}
		window_sweep(&w);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(thread[i], NULL);
	nothing_left();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("window_bad");
	TCase *tc = tcase_create("window_bad");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, nonsense_is_refused);
	tcase_add_loop_test(tc, no_hole_where_mmap_fails, 0, 4);
	tcase_add_test(tc, never_more_than_asked_for);
	tcase_add_test(tc, no_descriptors_left);
	tcase_add_test(tc, drops_against_maps);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
