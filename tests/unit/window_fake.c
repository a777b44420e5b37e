/* SPDX-License-Identifier: MIT */
#include "tests/unit/window_fake.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct window w;
struct problem problem;
struct abi_window_answer at;
unsigned fds_before;
static char dir[] = "/tmp/lwvmm-window-XXXXXX";

unsigned fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

void setup(void)
{
	memcpy(dir + strlen(dir) - 6, "XXXXXX", sizeof("XXXXXX"));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(window_create(&w, GPA, SIZE, &problem), 0);
	fds_before = fds();
}

void teardown(void)
{
	char command[64];

	window_destroy(&w);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}

int file(const char *name, uint64_t size)
{
	int fd = open(name, O_RDWR | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

int map(int fd, bool writable, uint64_t offset, uint64_t len)
{
	struct window_file want = {fd, writable, offset, len};
	int err = window_map(&w, &want, &at);

	close(fd);
	return err;
}

char *host(uint64_t gpa)
{
	return (char *)w.host + (gpa - GPA);
}

bool is_mapped(uint64_t gpa)
{
	return madvise(host(gpa), PAGE, MADV_POPULATE_READ) == 0;
}

void nothing_left(void)
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
