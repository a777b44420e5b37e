/* SPDX-License-Identifier: MIT */
/*
 * gups [MIB [UPDATES_PER_WORD]]: random updates of one table, after the rules of HPC
 * Challenge's RandomAccess (shared memory): a table of 2^n words, table[i] = i; 4 * 2^n updates
 * table[r & mask] ^= r, with r of the published sequence (shift left, and 7 where the top bit
 * was set); doing them again undoes them, and at most 1 % of the words may be wrong then (races
 * between threads). Each thread has one piece of the sequence and no look-ahead, so that misses
 * of the TLB are not hidden behind one another. Default: a table of 1 GiB and one update a
 * word. This is lwvmm's own writing.
 */
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define POLYNOMIAL 7u

static uint64_t step(uint64_t r)
{
	return r << 1 ^ ((int64_t)r < 0 ? POLYNOMIAL : 0);
}

/* The n-th word of the sequence: squaring in GF(2)[x] modulo the polynomial, from the top bit
 * of n. */
static uint64_t start_at(uint64_t n)
{
	uint64_t power[64], r = 2, t = 1;
	int bit = 62;

	if (n == 0)
		return 1;
	for (int i = 0; i < 64; i++) {
		power[i] = t;
		t = step(step(t));
	}
	while (!(n >> bit & 1))
		bit--;
	while (bit-- > 0) {
		t = 0;
		for (int i = 0; i < 64; i++) {
			if (r >> i & 1)
				t ^= power[i];
		}
		r = n >> bit & 1 ? step(t) : t;
	}
	return r;
}

static void update(uint64_t *table, uint64_t words, uint64_t updates)
{
#pragma omp parallel
	{
		uint64_t mine = updates / (uint64_t)omp_get_num_threads();
		uint64_t r = start_at(mine * (uint64_t)omp_get_thread_num());

		for (uint64_t i = 0; i < mine; i++) {
			r = step(r);
			table[r & (words - 1)] ^= r;
		}
	}
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
	uint64_t words = ((argc > 1 ? strtoull(argv[1], NULL, 0) : 1024) << 20) / 8;
	uint64_t updates = words * (argc > 2 ? strtoull(argv[2], NULL, 0) : 1), wrong = 0;
	uint64_t *table;
	double start, time;

	if (words == 0 || (words & (words - 1)) ||
		!(table = aligned_alloc(1 << 21, words * 8))) {
		fprintf(stderr,
			"gups: the size is a power of two of MiB that fits in memory\n");
		return 2;
	}
#pragma omp parallel for
	for (uint64_t i = 0; i < words; i++)
		table[i] = i;
	printf("Table of %llu MiB, %llu updates, %d threads\n",
		(unsigned long long)(words >> 17), (unsigned long long)updates,
		omp_get_max_threads());
	start = seconds();
	update(table, words, updates);
	time = seconds() - start;
	printf("%.9f seconds, %.9f Billion(10^9) Updates per second [GUP/s]\n", time,
		(double)updates / time * 1e-9);
	update(table, words, updates);
	for (uint64_t i = 0; i < words; i++)
		wrong += table[i] != i;
	printf("Found %llu errors in %llu locations (%s).\n", (unsigned long long)wrong,
		(unsigned long long)words, wrong * 100 <= words ? "passed" : "failed");
	/* The table stays until the exit: there bench.sh looks at the pages that it had. */
	return wrong * 100 <= words ? 0 : 1;
}
