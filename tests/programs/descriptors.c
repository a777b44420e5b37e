/* SPDX-License-Identifier: MIT */
/* Descriptor numbers are the program's own: the first open gives 3, and nothing else is there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "check.h"

static void test_first(void)
{
	int fd = open("/dev/null", O_RDWR), ends[2];

	CHECK(fd == 3 && open("/dev/zero", O_RDONLY) == 4 && dup(0) == 5);
	CHECK(pipe(ends) == 0 && ends[0] == 6 && ends[1] == 7);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) == 8 && eventfd(0, 0) == 9);
	CHECK(close(4) == 0 && dup(3) == 4);
	for (int i = 3; i <= 9; i++)
		CHECK(close(i) == 0);
}

/* Only what was inherited, which a native run shows as well. */
static void test_inherited(void)
{
	struct stat st;

	for (int fd = 0; fd < 1024; fd++) {
		if (fstat(fd, &st) == 0)
			printf("descriptor %d is open\n", fd);
	}
}

static void test_dup(void)
{
	struct stat a, b;

	CHECK(open("/dev/null", O_WRONLY) == 3);
	CHECK(dup2(3, 100) == 100 && dup2(3, 3) == 3 && dup3(3, 50, O_CLOEXEC) == 50);
	CHECK(fcntl(50, F_GETFD) == FD_CLOEXEC && fcntl(100, F_GETFD) == 0);
	CHECK(fcntl(3, F_DUPFD, 60) == 60 && fcntl(3, F_DUPFD_CLOEXEC, 60) == 61);
	CHECK(fstat(3, &a) == 0 && fstat(100, &b) == 0 && a.st_rdev == b.st_rdev);
	CHECK_ERRNO(dup2(200, 3), EBADF);
	CHECK_ERRNO(dup3(3, 3, 0), EINVAL);
	CHECK_ERRNO(dup2(3, -1), EBADF);
	CHECK(fcntl(3, F_SETFL, O_NONBLOCK) == 0 && (fcntl(100, F_GETFL) & O_NONBLOCK));
}

static void test_close_range(void)
{
	struct stat st;

	CHECK(syscall(SYS_close_range, 50, 60, 0) == 0);
	CHECK_ERRNO(fstat(50, &st), EBADF);
	CHECK(fstat(61, &st) == 0);
	CHECK(syscall(SYS_close_range, 61, 61, 4 /* CLOSE_RANGE_CLOEXEC */) == 0);
	CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0);
	CHECK_ERRNO(fstat(3, &st), EBADF);
	CHECK_ERRNO(fstat(100, &st), EBADF);
	/* what stands behind the program has not been closed: all goes on */
	CHECK(open("/dev/null", O_RDWR) == 3 && write(3, "x", 1) == 1 && close(3) == 0);
}

static void test_standard(void)
{
	int saved = dup(1);

	CHECK(saved == 3);
	fflush(stdout);
	CHECK(close(1) == 0 && open("/dev/null", O_WRONLY) == 1);
	printf("nobody sees this\n");
	fflush(stdout);
	CHECK(dup2(saved, 1) == 1 && close(saved) == 0);
	CHECK(close(0) == 0 && open("/dev/null", O_RDONLY) == 0);
}

static void test_many(void)
{
	for (int i = 0; i < 500; i++)
		CHECK(open("/dev/null", O_RDONLY) == 3 + i);
	for (int i = 0; i < 500; i++)
		CHECK(close(3 + i) == 0);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"inherited", test_inherited},
		{"first", test_first},
		{"dup", test_dup},
		{"close_range", test_close_range},
		{"standard", test_standard},
		{"many", test_many},
	};

	(void)argc;
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
