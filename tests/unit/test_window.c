/* SPDX-License-Identifier: MIT */
/*
 * The window without a guest: real files, real mappings, a made-up address. One file has one
 * address whatever descriptor names it; references by page, down to none; full and upgraded;
 * nonsense; and the janitor's thread dropping references while others are made.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/window.h"

#define GPA   (5ULL << 30)
#define MIB   (1ULL << 20)
#define PAGE  ABI_PAGE
#define CHUNK WINDOW_CHUNK
#define SIZE  (16 * CHUNK)

static struct window w;
static struct problem problem;
static struct abi_window_answer at;
static char dir[] = "/tmp/lwvmm-window-XXXXXX";
static unsigned fds_before;

static unsigned fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void setup(void)
{
	memcpy(dir + strlen(dir) - 6, "XXXXXX", sizeof("XXXXXX"));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(window_create(&w, GPA, SIZE, &problem), 0);
	fds_before = fds();
}

static void teardown(void)
{
	char command[64];

	window_destroy(&w);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static int file(const char *name, uint64_t size)
{
	int fd = open(name, O_RDWR | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* Maps and closes the descriptor, as the serving thread does. */
static int map(int fd, bool writable, uint64_t offset, uint64_t len)
{
	struct window_file want = {fd, writable, offset, len};
	int err = window_map(&w, &want, &at);

	close(fd);
	return err;
}

static char *host(uint64_t gpa)
{
	return (char *)w.host + (gpa - GPA);
}

static bool is_mapped(uint64_t gpa)
{
	return madvise(host(gpa), PAGE, MADV_POPULATE_READ) == 0;
}

static void nothing_left(void)
{
	struct window_use use;

	window_sweep(&w);
	use = window_use(&w);
	ck_assert_uint_eq(use.pages, 0);
	ck_assert_uint_eq(use.objects, 0);
	for (unsigned i = 0; i < w.nchunks; i++)
		ck_assert(!is_mapped(GPA + i * CHUNK));
	ck_assert_uint_eq(fds(), fds_before);
}

START_TEST(one_file_one_address)
{
	uint64_t first;
	int fd = file("a", 3 * PAGE);

	ck_assert_int_eq(pwrite(fd, "here", 4, PAGE), 4);
	ck_assert_int_eq(map(fd, true, PAGE, 2 * PAGE), 0);
	first = at.gpa;
	ck_assert_uint_eq(at.gpa % CHUNK, PAGE); /* congruent to the offset */
	ck_assert_uint_eq(at.len, 2 * PAGE);
	ck_assert_uint_eq(at.inside, 2 * PAGE);
	ck_assert_uint_eq(at.writable, 1);
	ck_assert_uint_eq(at.huge, PAGE);
	ck_assert_str_eq(host(first), "here");
	/* Another descriptor, another name. */
	ck_assert_int_eq(map(open("a", O_RDONLY), false, PAGE, PAGE), 0);
	ck_assert_uint_eq(at.gpa, first);
	ck_assert_uint_eq(at.writable, 0);
	ck_assert_int_eq(link("a", "b"), 0);
	ck_assert_int_eq(map(open("b", O_RDWR), true, 0, PAGE), 0);
	ck_assert_uint_eq(at.gpa, first - PAGE);
	ck_assert_uint_eq(window_use(&w).objects, 1);
	/* A file of the same name is another file. */
	ck_assert_int_eq(rename("b", "c"), 0);
	ck_assert_int_eq(map(file("b", PAGE), true, PAGE, PAGE), 0);
	ck_assert_uint_ne(at.gpa, first);
	ck_assert_uint_eq(at.inside, 0);
	ck_assert_uint_eq(window_use(&w).objects, 2);
	/* What a host process writes is there, and the other way round. */
	fd = open("c", O_RDWR);
	ck_assert_int_eq(pwrite(fd, "gone", 4, PAGE), 4);
	ck_assert_str_eq(host(first), "gone");
	memcpy(host(first), "back", sizeof("back"));
	ck_assert_int_eq(pread(fd, (char[4]){0}, 4, PAGE), 4);
	close(fd);
}
END_TEST

START_TEST(references_down_to_none)
{
	uint64_t gpa;

	ck_assert_int_eq(map(file("a", CHUNK), true, 0, 4 * PAGE), 0);
	gpa = at.gpa;
	ck_assert_int_eq(map(file("a", CHUNK), true, 2 * PAGE, 4 * PAGE), 0);
	ck_assert_int_eq(window_dup(&w, gpa, PAGE), 0);
	ck_assert_int_eq(
		window_dup(&w, gpa + 5 * PAGE, 2 * PAGE), -EFAULT); /* one is not held */
	ck_assert_uint_eq(window_use(&w).pages, 6);
	window_put(&w, gpa, 4 * PAGE);
	window_sweep(&w);
	ck_assert(is_mapped(gpa));
	ck_assert_uint_eq(window_use(&w).pages, 5);
	window_put(&w, gpa + 2 * PAGE, 4 * PAGE);
	window_sweep(&w);
	ck_assert(is_mapped(gpa)); /* by the copy of its first page */
	window_put(&w, gpa, PAGE);
	ck_assert(is_mapped(gpa)); /* nobody has swept */
	nothing_left();
	/* What nobody holds, or is no page of ours, is left alone. */
	window_put(&w, gpa, CHUNK);
	window_put(&w, GPA - PAGE, 2 * PAGE);
	window_put(&w, GPA + SIZE - PAGE, 2 * PAGE);
	window_put(&w, GPA, UINT64_MAX - PAGE + 1);
	window_put(&w, GPA + 1, PAGE);
	nothing_left();
}
END_TEST

START_TEST(taken_up_again_before_the_sweep)
{
	uint64_t gpa;

	ck_assert_int_eq(map(file("a", PAGE), true, 0, PAGE), 0);
	gpa = at.gpa;
	window_put(&w, gpa, PAGE);
	ck_assert_int_eq(map(file("a", PAGE), true, 0, PAGE), 0);
	ck_assert_uint_eq(at.gpa, gpa);
	window_sweep(&w);
	ck_assert(is_mapped(gpa));
	window_put(&w, gpa, PAGE);
	nothing_left();
}
END_TEST

START_TEST(full_and_room_again)
{
	char name[16];
	uint64_t gpa;

	/* One chunk each, whatever they hold of it. */
	for (unsigned i = 0; i < w.nchunks; i++) {
		snprintf(name, sizeof(name), "%u", i);
		ck_assert_int_eq(map(file(name, PAGE), true, 0, PAGE), 0);
	}
	gpa = at.gpa;
	ck_assert_int_eq(map(file("more", PAGE), true, 0, PAGE), -ENOMEM);
	ck_assert_uint_eq(window_use(&w).objects, w.nchunks);
	/* A file that is there needs no room; its next chunk does. */
	ck_assert_int_eq(map(file("3", PAGE), true, PAGE, PAGE), 0);
	ck_assert_int_eq(map(file("3", PAGE), true, CHUNK, PAGE), -ENOMEM);
	window_put(&w, gpa, PAGE);
	window_sweep(&w);
	ck_assert_int_eq(map(file("more", PAGE), true, 0, PAGE), 0);
	ck_assert_uint_eq(at.gpa, gpa);
}
END_TEST

START_TEST(pieces_where_it_is_torn)
{
	uint64_t gpa[3];

	/* Every second chunk is taken. */
	for (unsigned i = 0; i < w.nchunks; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", i);
		ck_assert_int_eq(map(file(name, PAGE), true, 0, PAGE), 0);
		ck_assert_uint_eq(at.gpa, GPA + i * CHUNK);
	}
	for (unsigned i = 0; i < w.nchunks; i += 2)
		window_put(&w, GPA + i * CHUNK, PAGE);
	window_sweep(&w);
	ck_assert_int_eq(map(file("big", 5 * CHUNK), true, PAGE, 2 * CHUNK), 0);
	gpa[0] = at.gpa;
	ck_assert_uint_eq(at.len, CHUNK - PAGE);
	ck_assert_int_eq(map(file("big", 5 * CHUNK), true, CHUNK, CHUNK + PAGE), 0);
	gpa[1] = at.gpa;
	ck_assert_uint_eq(at.len, CHUNK);
	ck_assert_int_eq(map(file("big", 5 * CHUNK), true, 2 * CHUNK, PAGE), 0);
	gpa[2] = at.gpa;
	ck_assert_uint_eq(at.len, PAGE);
	ck_assert_uint_ne(gpa[0], gpa[1]);
	ck_assert_uint_ne(gpa[1], gpa[2]);
	/* One that fits in none, into the largest there is: all of a fresh window. */
	window_put(&w, gpa[0], CHUNK - PAGE);
	window_put(&w, gpa[1], CHUNK);
	window_put(&w, gpa[2], PAGE);
	for (unsigned i = 1; i < w.nchunks; i += 2)
		window_put(&w, GPA + i * CHUNK, PAGE);
	nothing_left();
	ck_assert_int_eq(map(file("huge", 0), true, 0, 100 * SIZE), 0);
	ck_assert_uint_eq(at.gpa, GPA);
	ck_assert_uint_eq(at.len, SIZE);
	ck_assert_uint_eq(at.inside, 0);
}
END_TEST

START_TEST(a_reader_s_file_becomes_a_writer_s)
{
	int fd = file("a", 2 * CHUNK);
	uint64_t gpa;

	ck_assert_int_eq(pwrite(fd, "x", 1, CHUNK), 1);
	close(fd);
	ck_assert_int_eq(map(open("a", O_RDONLY), false, 0, 2 * CHUNK), 0);
	gpa = at.gpa;
	ck_assert_int_ne(madvise(host(gpa), PAGE, MADV_POPULATE_WRITE), 0);
	ck_assert_int_eq(map(open("a", O_RDWR), true, CHUNK, PAGE), 0);
	ck_assert_uint_eq(at.gpa, gpa + CHUNK);
	ck_assert_int_eq(*host(gpa + CHUNK), 'x');
	memcpy(host(gpa), "first", sizeof("first"));
	memcpy(host(gpa + CHUNK), "second", sizeof("second"));
	/* And stays so when the writer goes. */
	window_put(&w, gpa + CHUNK, PAGE);
	window_sweep(&w);
	*host(gpa) = 'F';
	window_put(&w, gpa, 2 * CHUNK);
	nothing_left();
}
END_TEST

START_TEST(growth_goes_on_behind)
{
	uint64_t gpa, offset;
	int fd;

	ck_assert_int_eq(map(file("a", PAGE), true, 0, 3 * PAGE), 0);
	gpa = at.gpa;
	ck_assert_uint_eq(at.inside, PAGE);
	ck_assert_int_eq(truncate("a", 3 * (off_t)CHUNK), 0);
	/* From a page that is held, without a descriptor. */
	ck_assert_int_eq(
		window_more(&w, gpa + 2 * PAGE, PAGE, 2 * CHUNK, &at, &offset, &fd), 0);
	ck_assert_uint_eq(offset, 3 * PAGE);
	ck_assert_uint_eq(at.gpa, gpa + 3 * PAGE);
	ck_assert_uint_eq(at.len, CHUNK - 3 * PAGE);
	ck_assert_uint_eq(at.inside, at.len);
	ck_assert_int_eq(
		window_more(&w, gpa + CHUNK - PAGE, PAGE, CHUNK, &at, &offset, &fd), 0);
	ck_assert_uint_eq(at.gpa, gpa + CHUNK); /* its place is the next one */
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	/* Before the beginning of the file, beyond the end of numbers, from nowhere. */
	ck_assert_int_eq(
		window_more(&w, gpa, -(int64_t)PAGE, PAGE, &at, &offset, &fd), -EINVAL);
	ck_assert_int_eq(
		window_more(&w, gpa, INT64_MAX - PAGE + 1, PAGE, &at, &offset, &fd), -EINVAL);
	ck_assert_int_eq(
		window_more(&w, gpa, PAGE, UINT64_MAX - PAGE, &at, &offset, &fd), -EINVAL);
	ck_assert_int_eq(window_more(&w, gpa, 12, PAGE, &at, &offset, &fd), -EINVAL);
	ck_assert_int_eq(window_more(&w, gpa + 5 * CHUNK, 0, PAGE, &at, &offset, &fd), -EFAULT);
	ck_assert_int_eq(window_more(&w, GPA - PAGE, 0, PAGE, &at, &offset, &fd), -EFAULT);
	window_put(&w, gpa, 2 * CHUNK);
	nothing_left();
}
END_TEST

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

START_TEST(segments)
{
	int id = shmget(IPC_PRIVATE, 2 * CHUNK + 100, IPC_CREAT | 0600);
	struct shmid_ds ds;
	uint64_t gpa;
	char *mine;

	ck_assert_int_ge(id, 0);
	mine = shmat(id, NULL, 0);
	memcpy(mine, "host", sizeof("host"));
	ck_assert_int_eq(window_attach(&w, id, SHM_RDONLY, &at), 0);
	gpa = at.gpa;
	ck_assert_uint_eq(at.len, 2 * CHUNK + PAGE);
	ck_assert_uint_eq(at.inside, at.len);
	ck_assert_uint_eq(at.writable, 0);
	ck_assert_str_eq(host(gpa), "host");
	ck_assert_int_ne(madvise(host(gpa), PAGE, MADV_POPULATE_WRITE), 0);
	ck_assert_int_eq(window_attach(&w, id, 0, &at), 0);
	ck_assert_uint_eq(at.gpa, gpa);
	memcpy(host(gpa) + 2 * CHUNK, "guest", sizeof("guest"));
	ck_assert_str_eq(mine + 2 * CHUNK, "guest");
	/* Its end comes when the last chunk is let go, not part by part. */
	ck_assert_int_eq(shmctl(id, IPC_RMID, NULL), 0);
	window_put(&w, gpa, at.len);
	window_put(&w, gpa, 2 * CHUNK);
	window_sweep(&w);
	ck_assert_str_eq(host(gpa), "host");
	shmdt(mine);
	window_put(&w, gpa + 2 * CHUNK, PAGE);
	nothing_left();
	ck_assert_int_eq(shmctl(id, IPC_STAT, &ds), -1);
	ck_assert_int_eq(window_attach(&w, id, 0, &at), -EINVAL);
	id = shmget(IPC_PRIVATE, SIZE + PAGE, IPC_CREAT | 0600);
	ck_assert_int_eq(window_attach(&w, id, 0, &at), -ENOMEM);
	ck_assert_int_eq(shmctl(id, IPC_RMID, NULL), 0);
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
	Suite *suite = suite_create("window");
	TCase *tc = tcase_create("window");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, one_file_one_address);
	tcase_add_test(tc, references_down_to_none);
	tcase_add_test(tc, taken_up_again_before_the_sweep);
	tcase_add_test(tc, full_and_room_again);
	tcase_add_test(tc, pieces_where_it_is_torn);
	tcase_add_test(tc, a_reader_s_file_becomes_a_writer_s);
	tcase_add_test(tc, growth_goes_on_behind);
	tcase_add_test(tc, nonsense_is_refused);
	tcase_add_loop_test(tc, no_hole_where_mmap_fails, 0, 4);
	tcase_add_test(tc, never_more_than_asked_for);
	tcase_add_test(tc, no_descriptors_left);
	tcase_add_test(tc, segments);
	tcase_add_test(tc, drops_against_maps);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
