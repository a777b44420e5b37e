/* SPDX-License-Identifier: MIT */
/*
 * steady [SECONDS]: a compute loop on every core, between two marks. A mark is a prctl that
 * natively is an error and changes nothing; lwvmm notes its counters then. All threads compute
 * before the first mark and still do at the second; their memory has been touched.
 */
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <x86intrin.h>

#define MARK  0x4c57564d /* "LWVM" */
#define WORDS (1 << 20)

static int computing; /* threads that are in their loops */
static int over;

static void compute(double *v)
{
	for (int i = 0; i < WORDS; i++)
		v[i] = v[i] * 0.999 + 1.0;
}

/* Reads the TSC, not a clock: nothing in the loop asks anybody anything. */
static uint64_t lead(double *v, uint64_t ticks)
{
	uint64_t rounds = 0, end;

	while (__atomic_load_n(&computing, __ATOMIC_ACQUIRE) < omp_get_num_threads() - 1)
		compute(v);
	prctl(MARK, 1);
	for (end = __rdtsc() + ticks; __rdtsc() < end; rounds++)
		compute(v);
	prctl(MARK, 2);
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
	return rounds;
}

static uint64_t follow(double *v)
{
	uint64_t rounds = 0;

	compute(v);
	__atomic_add_fetch(&computing, 1, __ATOMIC_RELEASE);
	for (; !__atomic_load_n(&over, __ATOMIC_ACQUIRE); rounds++)
		compute(v);
	return rounds;
}

static uint64_t ticks_per_second(void)
{
	double start = omp_get_wtime();
	uint64_t tsc = __rdtsc();

	while (omp_get_wtime() - start < 0.05)
		;
	return (__rdtsc() - tsc) * 20;
}

int main(int argc, char **argv)
{
	uint64_t ticks =
		(uint64_t)((argc > 1 ? atof(argv[1]) : 1.0) * (double)ticks_per_second());
	uint64_t total = 0;

#pragma omp parallel reduction(+ : total)
	{
		double *v = malloc(WORDS * sizeof(*v));

		if (!v)
			abort();
		for (int i = 0; i < WORDS; i++)
			v[i] = i;
		total += omp_get_thread_num() == 0 ? lead(v, ticks) : follow(v);
		free(v);
	}
	printf("%d threads computed\n", omp_get_max_threads());
	return total > 0 ? 0 : 1;
}
