/* SPDX-License-Identifier: MIT */
/* Allocates until there is no more, says so, gives it back, and goes on. */
#include <sys/mman.h>
#include <sys/resource.h>

#include "check.h"

#define CHUNK ((size_t)16 << 20)
#define MOST  100000

int main(void)
{
	static char *chunk[MOST];
	struct rlimit limit;
	int n = 0;

	CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
	for (int round = 0; round < 3; round++) {
		/* The limit ends it, or a guest's memory; natively the limit again. */
		limit.rlim_cur = round == 0 ? 8 * CHUNK : (rlim_t)1 << 30;
		CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
		for (n = 0; n < MOST && (chunk[n] = malloc(CHUNK)) != NULL; n++)
			memset(chunk[n], n, CHUNK);
		CHECK(n > 3 && errno == ENOMEM);
		CHECK(round > 0 || n == 7);
		CHECK_ERRNO(mmap(NULL, 2 * CHUNK, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			ENOMEM);
		for (int i = 0; i < n; i++)
			CHECK(chunk[i][0] == (char)i && chunk[i][CHUNK - 1] == (char)i);
		while (n > 0)
			free(chunk[--n]);
		printf("malloc: %s\n", strerror(ENOMEM));
	}
	return 0;
}
