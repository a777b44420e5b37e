/* SPDX-License-Identifier: MIT */
/* Paths that change and go away while calls are made with them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

#include "check.h"

static int race_over;

/* The path's memory comes, goes and changes under the calls: each sees a path, or EFAULT. */
static void *disturb(void *page)
{
	static const char *const paths[] = {
		"/proc/meminfo", "/dev/null", "/sys/devices/system/cpu/online"};

	for (unsigned i = 0; !__atomic_load_n(&race_over, __ATOMIC_RELAXED); i++) {
		CHECK(mmap(page, 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page);
		for (unsigned k = 0; k < 50; k++)
			strcpy(page, paths[(i + k) % 3]);
		CHECK(munmap(page, 4096) == 0);
	}
	return NULL;
}

static void test_race(void)
{
	char *page = mmap(NULL, 2 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t other;

	CHECK(page != MAP_FAILED);
	CHECK_ZERO(pthread_create(&other, NULL, disturb, page));
	for (unsigned i = 0; i < 500; i++) {
		int fd = open(page, O_RDONLY);

		CHECK(fd >= 0 || errno == EFAULT || errno == ENOENT);
		if (fd >= 0)
			CHECK(close(fd) == 0);
	}
	__atomic_store_n(&race_over, 1, __ATOMIC_RELAXED);
	CHECK_ZERO(pthread_join(other, NULL));
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {{"race", test_race}};

	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
