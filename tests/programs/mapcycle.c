/* SPDX-License-Identifier: MIT */
/* mapcycle N: N times mmap, find it zero, fill it, munmap, in sizes from 4 KiB to 8 MiB. */
#include <sys/mman.h>

#include "check.h"

static void cycle(size_t len)
{
	uint64_t *p =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t bits = 0;

	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < len / 8; i++)
		bits |= p[i];
	CHECK(bits == 0);
	memset(p, 0xa5, len);
	CHECK(munmap(p, len) == 0);
}

int main(int argc, char **argv)
{
	static const size_t pages[] = {1, 3, 16, 2, 33, 1, 128, 7};
	long n = argc > 1 ? atol(argv[1]) : 10000;

	for (long i = 0; i < n; i++) {
		size_t len = pages[i % 8] * 4096;

		if (i % 50 == 49)
			len = i % 200 == 199 ? (size_t)8 << 20 : (size_t)2 << 20;
		cycle(len);
	}
	printf("%ld cycles, always zero\n", n);
	return 0;
}
