/* SPDX-License-Identifier: MIT */
/*
 * A blocked read whose buffer is unmapped and given away: memory that a call in flight may
 * still write must not serve anyone else. The buffer's addresses stay reserved, so natively the
 * read ends with EFAULT; ending with the byte count is as good, as long as nobody else's memory
 * changes.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mman.h>

#include "check.h"

#define READ_BYTES ((size_t)65536)
#define OTHERS     24

static int ends[2];
static volatile int about_to_read;

static void *read_body(void *buffer)
{
	ssize_t n;

	__atomic_store_n(&about_to_read, 1, __ATOMIC_RELEASE);
	n = read(ends[0], buffer, READ_BYTES);
	CHECK(n == (ssize_t)READ_BYTES || (n == -1 && errno == EFAULT));
	return NULL;
}

static char *map(void *at, size_t len, int prot, int flags)
{
	char *p = mmap(at, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static void round_with(size_t len)
{
	static char poison[READ_BYTES];
	char *buffer = map(NULL, len, PROT_READ | PROT_WRITE, 0), *other[OTHERS];
	pthread_t reader;

	memset(buffer, 1, len);
	about_to_read = 0;
	CHECK(pipe(ends) == 0);
	CHECK_ZERO(pthread_create(&reader, NULL, read_body, buffer + len / 2));
	check_wait_for(&about_to_read, 1);
	check_sleep_ms(20);
	map(buffer, len, PROT_NONE, MAP_FIXED);
	for (int i = 0; i < OTHERS; i++) {
		other[i] = map(NULL, len, PROT_READ | PROT_WRITE, 0);
		memset(other[i], 0x5a, len);
	}
	memset(poison, 0xee, sizeof(poison));
	CHECK(write(ends[1], poison, sizeof(poison)) == sizeof(poison));
	CHECK_ZERO(pthread_join(reader, NULL));
	for (int i = 0; i < OTHERS; i++) {
		for (size_t b = 0; b < len; b++)
			CHECK(other[i][b] == 0x5a);
		CHECK(munmap(other[i], len) == 0);
	}
	CHECK(munmap(buffer, len) == 0);
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

int main(void)
{
	for (int i = 0; i < 10; i++)
		round_with(i % 2 ? (size_t)4 << 20 : (size_t)256 << 10);
	printf("nobody else's memory changed\n");
	return 0;
}
