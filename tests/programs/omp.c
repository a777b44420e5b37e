/* SPDX-License-Identifier: MIT */
/* OpenMP: reductions, schedules, tasks, nesting, locks. Argument: number of threads (default:
 * cores). */
#include <omp.h>

#include "check.h"

#define N 200000L

static void test_reduction(void)
{
	long sum = 0, low = N, high = -1;
	double product = 1;
	unsigned bits = 0;

#pragma omp parallel for reduction(+ : sum) reduction(min : low) reduction(max : high)        \
	reduction(* : product) reduction(| : bits)
	for (long i = 0; i < N; i++) {
		sum += i;
		low = i < low ? i : low;
		high = i > high ? i : high;
		product *= i % 2 ? 2.0 : 0.5;
		bits |= 1u << i % 31;
	}
	CHECK(sum == N * (N - 1) / 2 && low == 0 && high == N - 1);
	CHECK(product == 1.0 && bits == 0x7fffffff);
}

static void test_schedules(void)
{
	static int hits[N];

#pragma omp parallel
	{
#pragma omp for schedule(static, 7)
		for (long i = 0; i < N; i++)
			hits[i]++;
#pragma omp for schedule(dynamic, 100)
		for (long i = 0; i < N; i++)
			hits[i]++;
#pragma omp for schedule(guided)
		for (long i = 0; i < N; i++)
			hits[i]++;
	}
	for (long i = 0; i < N; i++)
		CHECK(hits[i] == 3);
}

static long fib(int n)
{
	long a, b;

	if (n < 2)
		return n;
	if (n < 10)
		return fib(n - 1) + fib(n - 2);
#pragma omp task shared(a)
	a = fib(n - 1);
#pragma omp task shared(b)
	b = fib(n - 2);
#pragma omp taskwait
	return a + b;
}

static void test_tasks(void)
{
	long result = 0;

#pragma omp parallel
#pragma omp single
	result = fib(22);
	CHECK(result == 17711);
}

static void test_critical(void)
{
	long a = 0, b = 0, c = 0;
	omp_lock_t lock;

	omp_init_lock(&lock);
#pragma omp parallel for
	for (int i = 0; i < 2000; i++) {
#pragma omp critical
		a++;
#pragma omp atomic
		b++;
		omp_set_lock(&lock);
		c++;
		omp_unset_lock(&lock);
	}
	omp_destroy_lock(&lock);
	CHECK(a == 2000 && b == 2000 && c == 2000);
}

static void test_regions(void)
{
	long total = 0;

	for (int i = 0; i < 500; i++) {
#pragma omp parallel reduction(+ : total)
		total += 1;
	}
	CHECK(total % 500 == 0 && total >= 500);
}

static void test_nested(void)
{
	int count = 0;

	omp_set_max_active_levels(2);
#pragma omp parallel num_threads(3)
	{
#pragma omp parallel num_threads(2)
		{
#pragma omp atomic
			count++;
		}
	}
	omp_set_max_active_levels(1);
	CHECK(count == 6);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"reduction", test_reduction},
		{"schedules", test_schedules},
		{"tasks", test_tasks},
		{"critical", test_critical},
		{"regions", test_regions},
		{"nested", test_nested},
	};
	static char *const all[] = {NULL};

	if (argc > 1)
		omp_set_num_threads(atoi(argv[1]));
	else
		CHECK(omp_get_max_threads() == omp_get_num_procs());
	printf("%d threads\n", omp_get_max_threads());
	return check_run(cases, ARRAY_LEN(cases), all);
}
