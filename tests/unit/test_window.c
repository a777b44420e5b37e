/* SPDX-License-Identifier: MIT */
/*
 * The window without a guest: real files, real mappings, a made-up address. One file has one
 * address whatever descriptor names it; references by page, down to none; full and upgraded.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "tests/unit/window_fake.h"

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

int main(void)
{
	Suite *suite = suite_create("window");
	TCase *tc = tcase_create("window");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, one_file_one_address);
	tcase_add_test(tc, references_down_to_none);
	tcase_add_test(tc, taken_up_again_before_the_sweep);
	tcase_add_test(tc, full_and_room_again);
	tcase_add_test(tc, pieces_where_it_is_torn);
	tcase_add_test(tc, a_reader_s_file_becomes_a_writer_s);
	tcase_add_test(tc, growth_goes_on_behind);
	tcase_add_test(tc, segments);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
