/* SPDX-License-Identifier: MIT */
/* A memory-bound loop beside a thread that only sleeps: both must get on. Argument: MiB of the
 * table. */
#include <pthread.h>

#include "check.h"

static volatile int stop;

static void *sleeper(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		check_sleep_ms(20);
		__atomic_add_fetch((long *)arg, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	size_t words = ((size_t)(argc > 1 ? atol(argv[1]) : 256) << 20) / 8, at = 0;
	uint64_t *table = malloc(words * 8), seed = 1, end;
	long naps = 0, sweeps = 0;
	pthread_t thread;

	CHECK(table != NULL);
	for (size_t i = 0; i < words; i++)
		table[i] = i;
	CHECK_ZERO(pthread_create(&thread, NULL, sleeper, &naps));
	end = check_now_ns() + 1000000000;
	while (check_now_ns() < end) {
		for (int i = 0; i < 100000; i++) {
			at = (at + check_random(&seed)) % words;
			table[at] ^= 1;
		}
		sweeps++;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	CHECK_ZERO(pthread_join(thread, NULL));
	for (size_t i = 0; i < words; i++)
		CHECK((table[i] | 1) == (i | 1));
	CHECK(sweeps > 0 && naps >= 10);
	printf("both got on\n");
	return 0;
}
