/* SPDX-License-Identifier: MIT */
/*
 * The window's calls in a whole proxy, against the VMM's own thread of the window: what the LWK
 * asks for, what it is answered, what the program's addresses then hold in the proxy, and that
 * no descriptor shows.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-lwk/abi/syscalls.h"
#include "proxy_fake.h"
#include "tests/unit/suite.h"
#include "vmm/window_serve.h"

#define GPA  (5ULL << 30)
#define SIZE (8 * WINDOW_CHUNK)
#define PAGE ABI_PAGE
#define PATH (FAKE_VA + 0x10000)
#define BUF  (FAKE_VA + 0x20000)
#define AT   (ABI_MMAP_TOP - (64 << 20)) /* where the LWK puts it */
#define RW   (PROT_READ | PROT_WRITE)

static struct fake f;
static struct window w;
static struct window_serve s;
static struct problem problem;
static struct abi_window_answer last;
static char path[] = "/tmp/test_window_XXXXXX";
static int fd; /* the file, as a host process has it */

static void setup(void)
{
	memcpy(path + strlen(path) - 6, "XXXXXX", sizeof("XXXXXX"));
	fd = mkstemp(path);
	ck_assert_int_eq(ftruncate(fd, 3 * PAGE), 0);
	fake_init(&f);
	ck_assert_int_eq(window_create(&w, GPA, SIZE, &problem), 0);
	ck_assert_int_eq(window_serve_create(&s, &w, f.share, &problem), 0);
	f.window_fd = window_connect(&s, 3);
	fake_run(&f);
	close(f.window_fd);
	ck_assert_int_eq(window_serve_start(&s, &problem), 0);
	memcpy(fake_memory(&f, PATH), path, sizeof(path));
}

static void teardown(void)
{
	/* None of our descriptors is the program's. */
	ck_assert_int_eq(fake_call(&f, 0, SYS_dup, 0, 0, 0, 0), 3);
	fake_exit(&f, 0);
	fake_bye(&f);
	ck_assert_int_eq(fake_wait(&f), 0);
	ck_assert_str_eq(fake_said(&f), "");
	window_serve_stop(&s);
	window_serve_destroy(&s);
	window_destroy(&w);
	unlink(path);
}

static int open_it(int flags)
{
	return (int)fake_call(&f, 0, SYS_openat, (uint64_t)AT_FDCWD, PATH, (uint64_t)flags, 0);
}

static void close_it(int n)
{
	ck_assert_int_eq(fake_call(&f, 0, SYS_close, (uint64_t)n, 0, 0, 0), 0);
}

static int64_t call(
	uint32_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t g)
{
	int64_t ret;

	fake_request(&f, 0, nr, (uint64_t[6]){a, b, c, d, e, g});
	ret = fake_answer(&f, 0);
	memcpy(&last, f.share->mbox[0].arg, sizeof(last));
	return ret;
}

static int64_t map(int n, uint64_t va, uint64_t len, int prot, uint64_t offset)
{
	return call(ABI_CALL_MAP_FILE, (uint64_t)(int64_t)n, va, len, (uint64_t)prot,
		MAP_SHARED, offset);
}

static const struct abi_window_answer *answer(void)
{
	return &last;
}

static char *host(void)
{
	return (char *)w.host + (answer()->gpa - GPA);
}

/* The program's memory at `va` in the proxy, by a forwarded call. */
static int64_t tell(uint64_t va, uint64_t len)
{
	int64_t n, pipe[2];

	ck_assert_int_eq(fake_call(&f, 0, SYS_pipe2, BUF, 0, 0, 0), 0);
	for (unsigned i = 0; i < 2; i++)
		pipe[i] = ((int *)fake_memory(&f, BUF))[i];
	n = fake_call(&f, 0, SYS_write, (uint64_t)pipe[1], va, len, 0);
	if (n > 0)
		n = fake_call(&f, 0, SYS_read, (uint64_t)pipe[0], BUF, (uint64_t)n, 0);
	close_it((int)pipe[0]);
	close_it((int)pipe[1]);
	return n;
}

START_TEST(a_file_in_three_places)
{
	int n = open_it(O_RDWR);

	ck_assert_int_eq(pwrite(fd, "disk", 5, PAGE), 5);
	ck_assert_int_eq(map(n, AT, 2 * PAGE, RW, PAGE), 0);
	close_it(n);
	ck_assert_uint_eq(answer()->gpa, GPA + PAGE);
	ck_assert_uint_eq(answer()->len, 2 * PAGE);
	ck_assert_uint_eq(answer()->inside, 2 * PAGE);
	ck_assert_uint_eq(answer()->writable, 1);
	/* On the host, in the guest's window, in the proxy. */
	ck_assert_str_eq(host(), "disk");
	ck_assert_int_eq(tell(AT, 5), 5);
	ck_assert_mem_eq(fake_memory(&f, BUF), "disk", 5);
	memcpy(host(), "ward", sizeof("ward"));
	ck_assert_int_eq(tell(AT, 5), 5);
	ck_assert_mem_eq(fake_memory(&f, BUF), "ward", 5);
	/* Unmapped by the log, and only that. */
	fake_log(&f, ABI_LOG_UNMAP_WINDOW, AT, PAGE, 0);
	ck_assert_int_eq(tell(AT, 5), -EFAULT);
	ck_assert_int_eq(tell(AT + PAGE, 5), 5);
}
END_TEST

START_TEST(errors_are_linux_s)
{
	int reader = open_it(O_RDONLY), writer = open_it(O_WRONLY);
	int other = open_it(O_RDWR | O_PATH);
	int64_t link;

	ck_assert_int_eq(map(99, AT, PAGE, RW, 0), -EBADF);
	ck_assert_int_eq(map(other, AT, PAGE, PROT_READ, 0), -EBADF);
	ck_assert_int_eq(map(reader, AT, PAGE, RW, 0), -EACCES);
	ck_assert_int_eq(map(writer, AT, PAGE, PROT_NONE, 0), -EACCES);
	ck_assert_int_eq(map(reader, AT, PAGE, PROT_READ, 1), -EINVAL);
	ck_assert_int_eq(map(reader, AT, PAGE, PROT_READ, UINT64_MAX - PAGE + 1), -EOVERFLOW);
	ck_assert_int_eq(map(reader, AT, 0, PROT_READ, 0), -EINVAL);
	ck_assert_int_eq(map(reader, ABI_USER_END, PAGE, PROT_READ, 0), -EINVAL);
	ck_assert_int_eq(map(reader, AT, UINT64_MAX - PAGE + 1, PROT_READ, 0), -EINVAL);
	ck_assert_int_eq(map(reader, AT, 9 * WINDOW_CHUNK, PROT_READ, 0), 0);
	ck_assert_uint_eq(answer()->len, SIZE); /* all there is; the rest is not mapped */
	ck_assert_uint_eq(answer()->inside, 3 * PAGE);
	ck_assert_uint_eq(answer()->writable, 0);
	ck_assert_int_eq(map(reader, AT + SIZE, PAGE, PROT_READ, SIZE), -ENOMEM);
	ck_assert_int_eq(tell(AT + SIZE, 1), -EFAULT);
	ck_assert_int_eq(fake_call(&f, 0, SYS_pipe2, BUF, 0, 0, 0), 0);
	link = ((int *)fake_memory(&f, BUF))[0];
	ck_assert_int_eq(map((int)link, AT, PAGE, PROT_READ, 0), -ENODEV);
	ck_assert_int_eq(fake_call(&f, 0, SYS_close_range, 3, 9, 0, 0), 0);
	ck_assert_int_eq(call(ABI_CALL_WINDOW_END, 0, 0, 0, 0, 0, 0), -ENOSYS);
}
END_TEST

/* Linux would map a whole huge page, also over what the LWK has behind it. */
START_TEST(part_of_a_huge_page)
{
	ck_assert_int_eq(map(-1, AT + PAGE, PAGE, RW, 0), 0);
	ck_assert_int_eq(call(ABI_CALL_MAP_FILE, UINT64_MAX, AT, PAGE, RW,
				 MAP_SHARED | MAP_HUGETLB | (21 << MAP_HUGE_SHIFT), 0),
		-EINVAL);
	ck_assert_int_eq(tell(AT + PAGE, 5), 5);
}
END_TEST

START_TEST(memory_of_nobody)
{
	uint64_t offset = WINDOW_CHUNK - PAGE, gpa;

	/* Congruent to its address. */
	ck_assert_int_eq(map(-1, AT - PAGE, 2 * PAGE, RW, offset), 0);
	ck_assert_uint_eq(answer()->gpa % WINDOW_CHUNK, offset);
	ck_assert_uint_eq(answer()->inside, 2 * PAGE);
	gpa = answer()->gpa;
	memcpy(host(), "shared", sizeof("shared"));
	ck_assert_int_eq(tell(AT - PAGE, 7), 7);
	ck_assert_mem_eq(fake_memory(&f, BUF), "shared", 7);
	/* Each is another one. */
	ck_assert_int_eq(map(-1, AT, PAGE, RW, 0), 0);
	ck_assert_uint_ne(answer()->gpa, gpa + PAGE);
	ck_assert_int_eq(*host(), 0);
	/* /dev/zero is the same by another name. */
	memcpy(fake_memory(&f, PATH), "/dev/zero", 10);
	ck_assert_int_eq(map(open_it(O_RDWR), AT + PAGE, PAGE, RW, 0), 0);
	ck_assert_uint_eq(answer()->inside, PAGE);
	close_it(3);
}
END_TEST

START_TEST(more_of_a_closed_file)
{
	int n = open_it(O_RDWR);
	uint64_t gpa;

	ck_assert_int_eq(map(n, AT, PAGE, RW, 0), 0);
	gpa = answer()->gpa;
	close_it(n);
	ck_assert_int_eq(pwrite(fd, "third", 6, 2 * PAGE), 6);
	ck_assert_int_eq(
		call(ABI_CALL_WINDOW_GROW, AT + 5 * PAGE, gpa, 2 * PAGE, PAGE, 1, 0), 0);
	ck_assert_uint_eq(answer()->gpa, gpa + 2 * PAGE);
	ck_assert_uint_eq(answer()->inside, PAGE);
	ck_assert_str_eq(host(), "third");
	ck_assert_int_eq(tell(AT + 5 * PAGE, 6), 6);
	ck_assert_mem_eq(fake_memory(&f, BUF), "third", 6);
	ck_assert_int_eq(call(ABI_CALL_WINDOW_GROW, AT, gpa + PAGE, 0, PAGE, 1, 0), -EFAULT);
	window_put(&w, gpa, PAGE);
	window_put(&w, gpa + 2 * PAGE, PAGE);
	ck_assert_uint_eq(window_use(&w).pages, 0);
}
END_TEST

START_TEST(behind_the_end_and_grown)
{
	int n = open_it(O_RDWR);

	ck_assert_int_eq(map(n, AT, 6 * PAGE, RW, 0), 0);
	ck_assert_uint_eq(answer()->inside, 3 * PAGE);
	close_it(n);
	ck_assert_int_eq(call(ABI_CALL_WINDOW_FAULT, AT + 3 * PAGE, 0, 0, 0, 0, 0), -EFAULT);
	ck_assert_int_eq(ftruncate(fd, 4 * PAGE), 0);
	ck_assert_int_eq(call(ABI_CALL_WINDOW_FAULT, AT + 3 * PAGE, 0, 0, 0, 0, 0), 0);
	ck_assert_int_eq(call(ABI_CALL_WINDOW_FAULT, AT + 4 * PAGE, 0, 0, 0, 0, 0), -EFAULT);
}
END_TEST

START_TEST(a_segment)
{
	int id = shmget(IPC_PRIVATE, 2 * PAGE, IPC_CREAT | 0600);
	struct shmid_ds ds;
	char *mine = shmat(id, NULL, 0);

	ck_assert_int_eq(call(ABI_CALL_SHMSIZE, (uint64_t)id, 0, 0, 0, 0, 0), 2 * PAGE);
	ck_assert_int_eq(call(ABI_CALL_SHMAT, (uint64_t)id, AT, 0, PAGE, 0, 0), -EINVAL);
	ck_assert_int_eq(call(ABI_CALL_SHMAT, (uint64_t)id, AT, 0, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(call(ABI_CALL_SHMAT, (uint64_t)id, AT, 0, 2 * PAGE, 0, 0), 0);
	ck_assert_uint_eq(answer()->len, 2 * PAGE);
	ck_assert_uint_eq(answer()->writable, 1);
	memcpy(mine + PAGE, "segment", sizeof("segment"));
	ck_assert_str_eq(host() + PAGE, "segment");
	ck_assert_int_eq(tell(AT + PAGE, 8), 8);
	ck_assert_mem_eq(fake_memory(&f, BUF), "segment", 8);
	ck_assert_int_eq(shmctl(id, IPC_STAT, &ds), 0);
	ck_assert_uint_eq(ds.shm_nattch, 3); /* ours, the proxy's, the VMM's */
	fake_log(&f, ABI_LOG_UNMAP_WINDOW, AT, 2 * PAGE, 0);
	ck_assert_int_eq(tell(AT, 1), -EFAULT);
	window_put(&w, answer()->gpa, 2 * PAGE);
	ck_assert_int_eq(shmctl(id, IPC_RMID, NULL), 0);
	ck_assert_int_eq(call(ABI_CALL_SHMAT, (uint64_t)id + 1, AT, 0, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(call(ABI_CALL_SHMSIZE, (uint64_t)id + 1, 0, 0, 0, 0, 0), -EINVAL);
	shmdt(mine);
	while (!shmctl(id, IPC_STAT, &ds))
		ck_assert_int_le((int)ds.shm_nattch, 1);
}
END_TEST

/* Linux would attach all of its last page, over what lies behind it. */
START_TEST(part_of_a_segment_s_huge_page)
{
	const int how = IPC_CREAT | SHM_HUGETLB | SHM_NORESERVE | 0600;
	const uint64_t odd = WINDOW_CHUNK + PAGE;
	int id = shmget(IPC_PRIVATE, odd, how), even;
	struct abi_window_answer at;
	struct shmid_ds ds;

	if (id < 0) { /* not for everybody, and not everywhere */
		ck_assert(errno == EPERM || errno == ENOSYS);
		return;
	}
	ck_assert_int_eq(map(-1, AT + odd, PAGE, RW, 0), 0);
	ck_assert_int_eq(call(ABI_CALL_SHMAT, (uint64_t)id, AT, 0, odd, 0, 0), -EINVAL);
	ck_assert_int_eq(tell(AT + odd, 5), 5);
	ck_assert_int_eq(tell(AT, 1), -EFAULT);
	ck_assert_int_eq(shmctl(id, IPC_STAT, &ds), 0);
	ck_assert_uint_eq(ds.shm_nattch, 0);
	ck_assert_int_eq(window_attach(&w, id, 0, &at), -EINVAL);
	ck_assert_int_eq(shmctl(id, IPC_RMID, NULL), 0);

	even = shmget(IPC_PRIVATE, 2 * WINDOW_CHUNK, how);
	ck_assert_int_eq(
		call(ABI_CALL_SHMAT, (uint64_t)even, AT, 0, 2 * WINDOW_CHUNK, 0, 0), 0);
	ck_assert_uint_eq(answer()->huge, WINDOW_CHUNK);
	ck_assert_int_eq(shmctl(even, IPC_RMID, NULL), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_window");
	TCase *tc = tcase_create("proxy_window");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_file_in_three_places);
	tcase_add_test(tc, errors_are_linux_s);
	tcase_add_test(tc, part_of_a_huge_page);
	tcase_add_test(tc, memory_of_nobody);
	tcase_add_test(tc, more_of_a_closed_file);
	tcase_add_test(tc, behind_the_end_and_grown);
	tcase_add_test(tc, a_segment);
	tcase_add_test(tc, part_of_a_segment_s_huge_page);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
