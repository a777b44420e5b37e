/* SPDX-License-Identifier: MIT */
/* bigalloc MIB: one allocation, every page touched and read back. */
#include "check.h"

int main(int argc, char **argv)
{
	size_t len = (size_t)(argc > 1 ? atol(argv[1]) : 1536) << 20;
	uint64_t *p = malloc(len);

	if (!p) {
		printf("malloc: %s\n", strerror(errno));
		return 1;
	}
	for (size_t i = 0; i < len / 8; i += 512)
		p[i] = i * 2654435761u;
	p[len / 8 - 1] = 1;
	for (size_t i = 0; i < len / 8; i += 512)
		CHECK(p[i] == i * 2654435761u);
	free(p);
	printf("%zu MiB touched\n", len >> 20);
	return 0;
}
