/* SPDX-License-Identifier: MIT */
/* Many and long arguments: their number, bytes and a checksum. */
#include "check.h"

int main(int argc, char **argv)
{
	uint64_t sum = 0;
	size_t bytes = 0;

	for (int i = 1; i < argc; i++) {
		for (const char *c = argv[i]; *c; c++) {
			sum = sum * 31 + (unsigned char)*c;
			bytes++;
		}
	}
	printf("%d arguments, %zu bytes, sum %016llx\n", argc - 1, bytes,
		(unsigned long long)sum);
	printf("TEST_LONG has %zu bytes\n",
		getenv("TEST_LONG") ? strlen(getenv("TEST_LONG")) : 0);
	return 0;
}
