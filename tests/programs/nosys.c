/* SPDX-License-Identifier: MIT */
/* System calls that do not exist: ENOSYS, and life goes on. */
#include <sys/syscall.h>

#include "check.h"

int main(void)
{
	static const long unknown[] = {1000, 380, 400, 423, 512, 4096, 0x7fffffff, -2};

	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		long result = syscall(unknown[i], 1, 2, 3, 4, 5, 6);

		printf("system call %ld: %ld %s\n", unknown[i], result, strerror(errno));
	}
	for (int i = 0; i < 1000; i++)
		CHECK_ERRNO(syscall(1000), ENOSYS);
	return 0;
}
