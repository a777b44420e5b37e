/* SPDX-License-Identifier: MIT */
/* Of dynload: NAME tells which of several copies was found. */
#include <stdio.h>

const char *library_name(void);

const char *library_name(void)
{
	return NAME;
}

__attribute__((constructor)) static void begin(void)
{
	printf("constructor of %s\n", NAME);
}
