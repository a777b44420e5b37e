/* SPDX-License-Identifier: MIT */
/*
 * Sustainable memory bandwidth by the rules of the STREAM benchmark (J. McCalpin,
 * www.cs.virginia.edu/stream): its four kernels, sizes, counting of bytes, choice of the best
 * time, validation and form of output. This is lwvmm's own writing to the published rules, not
 * the published source, so by the same rules its results are those of a variant of STREAM.
 *
 * -DSTREAM_ARRAY_SIZE=N elements (each array at least four times the last-level caches),
 * -DNTIMES=N (at least 2; the first is not counted).
 */
#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <sys/time.h>

#ifndef STREAM_ARRAY_SIZE
#define STREAM_ARRAY_SIZE 10000000
#endif
#ifndef NTIMES
#define NTIMES 10
#endif
_Static_assert(NTIMES >= 2, "the first iteration is not counted");

#define RULE "-------------------------------------------------------------\n"

static double a[STREAM_ARRAY_SIZE], b[STREAM_ARRAY_SIZE], c[STREAM_ARRAY_SIZE];

enum { COPY, SCALE, ADD, TRIAD, KERNELS };
static const char *const kernel_name[KERNELS] = {"Copy:", "Scale:", "Add:", "Triad:"};
static const int kernel_arrays[KERNELS] = {2, 2, 3, 3};
static const double scalar = 3.0;

static double seconds(void)
{
	struct timeval tv;

	gettimeofday(&tv, NULL);
	return (double)tv.tv_sec + (double)tv.tv_usec * 1e-6;
}

static void run_kernel(int kernel)
{
	switch (kernel) {
	case COPY:
#pragma omp parallel for
		for (long j = 0; j < STREAM_ARRAY_SIZE; j++)
			c[j] = a[j];
		break;
	case SCALE:
#pragma omp parallel for
		for (long j = 0; j < STREAM_ARRAY_SIZE; j++)
			b[j] = scalar * c[j];
		break;
	case ADD:
#pragma omp parallel for
		for (long j = 0; j < STREAM_ARRAY_SIZE; j++)
			c[j] = a[j] + b[j];
		break;
	default:
#pragma omp parallel for
		for (long j = 0; j < STREAM_ARRAY_SIZE; j++)
			a[j] = b[j] + scalar * c[j];
	}
}

/* The smallest step that the clock shows, in microseconds. */
static int clock_step_us(void)
{
	double least = 1;

	for (int i = 0; i < 20; i++) {
		double start = seconds(), now;

		while ((now = seconds()) - start < 1e-6)
			;
		least = now - start < least ? now - start : least;
	}
	return (int)(least * 1e6 + 0.5);
}

static void fill(void)
{
#pragma omp parallel for
	for (long j = 0; j < STREAM_ARRAY_SIZE; j++) {
		a[j] = 1.0;
		b[j] = 2.0;
		c[j] = 0.0;
	}
}

static void print_head(void)
{
	double mib = (double)sizeof(a) / 1048576.0;
	int threads = 0;

	printf(RULE "STREAM rules, a variant: lwvmm's own source, tests/bench/stream.c\n" RULE);
	printf("This system uses %zu bytes per array element.\n" RULE, sizeof(a[0]));
	printf("Array size = %ld (elements), Offset = 0 (elements)\n", (long)STREAM_ARRAY_SIZE);
	printf("Memory per array = %.1f MiB (= %.1f GiB).\n", mib, mib / 1024);
	printf("Total memory required = %.1f MiB (= %.1f GiB).\n", 3 * mib, 3 * mib / 1024);
	printf("Each kernel will be executed %d times.\n", NTIMES);
	printf(" The *best* time for each kernel (excluding the first iteration)\n"
	       " will be used to compute the reported bandwidth.\n" RULE);
	printf("Number of Threads requested = %i\n", omp_get_max_threads());
#pragma omp parallel
#pragma omp atomic
	threads++;
	printf("Number of Threads counted = %i\n" RULE, threads);
}

/* How long a kernel takes in steps of the clock: with few, the times mean little. */
static void print_granularity(void)
{
	int step = clock_step_us();
	double start = seconds(), us;

#pragma omp parallel for
	for (long j = 0; j < STREAM_ARRAY_SIZE; j++)
		a[j] = 2.0 * a[j];
	us = (seconds() - start) * 1e6;
	printf("Your clock granularity/precision appears to be %d microseconds.\n", step);
	printf("Each test below will take on the order of %d microseconds.\n", (int)us);
	printf("   (= %d clock ticks)\n", (int)(us / (step > 0 ? step : 1)));
	printf("Increase the size of the arrays if this shows that\n"
	       "you are not getting at least 20 clock ticks per test.\n" RULE);
}

static void print_results(double times[KERNELS][NTIMES])
{
	printf("Function    Best Rate MB/s  Avg time     Min time     Max time\n");
	for (int k = 0; k < KERNELS; k++) {
		double sum = 0, least = FLT_MAX, most = 0;

		for (int i = 1; i < NTIMES; i++) {
			sum += times[k][i];
			least = times[k][i] < least ? times[k][i] : least;
			most = times[k][i] > most ? times[k][i] : most;
		}
		printf("%-12s%12.1f  %11.6f  %11.6f  %11.6f\n", kernel_name[k],
			1e-6 * kernel_arrays[k] * (double)sizeof(a) / least, sum / (NTIMES - 1),
			least, most);
	}
	printf(RULE);
}

static double average_error(const double *array, double expected)
{
	double sum = 0;

	for (long j = 0; j < STREAM_ARRAY_SIZE; j++)
		sum += fabs(array[j] - expected);
	return sum / STREAM_ARRAY_SIZE / expected;
}

/* Every element went through the same operations as these three scalars. */
static int validate(void)
{
	const double epsilon = 1e-13;
	double ea = 2.0, eb = 2.0, ec = 0.0, error[3];
	int bad = 0;

	for (int i = 0; i < NTIMES; i++) {
		ec = ea;
		eb = scalar * ec;
		ec = ea + eb;
		ea = eb + scalar * ec;
	}
	error[0] = average_error(a, ea);
	error[1] = average_error(b, eb);
	error[2] = average_error(c, ec);
	for (int i = 0; i < 3; i++) {
		if (!(error[i] <= epsilon)) {
			printf("Failed Validation on array %c[], AvgRelAbsErr > epsilon (%e): "
			       "%e\n",
				'a' + i, epsilon, error[i]);
			bad = 1;
		}
	}
	if (!bad)
		printf("Solution Validates: avg error less than %e on all three arrays\n",
			epsilon);
	printf(RULE);
	return bad;
}

int main(void)
{
	static double times[KERNELS][NTIMES];

	print_head();
	fill();
	print_granularity();
	for (int i = 0; i < NTIMES; i++) {
		for (int k = 0; k < KERNELS; k++) {
			double start = seconds();

			run_kernel(k);
			times[k][i] = seconds() - start;
		}
	}
	print_results(times);
	return validate();
}
