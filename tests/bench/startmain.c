/* SPDX-License-Identifier: MIT */
/* Prints the clocks at the start of main, in ns: "monotonic N realtime N". For the time of a
 * start. */
#include <stdio.h>
#include <time.h>

int main(void)
{
	struct timespec mono, real;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	printf("monotonic %lld%09ld realtime %lld%09ld\n", (long long)mono.tv_sec, mono.tv_nsec,
		(long long)real.tv_sec, real.tv_nsec);
	return 0;
}
