/* SPDX-License-Identifier: MIT */
/* The end of a trace whose reader does not read: it comes all the same, and soon. */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "vmm/proxy/trace.h"

#define PIPE 65536

static struct trace trace;
static int ends[2];

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void setup(void)
{
	void *page = mmap(NULL, ABI_BLOCK_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(fcntl(ends[1], F_SETPIPE_SZ, PIPE), PIPE);
	trace_init(&trace, ends[1]);
	trace.share = mmap(NULL, ABI_SHARE_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	trace.page = trace.area = page;
	trace.page_size = ABI_BLOCK_SIZE;
}

/* Calls that are not printed yet. */
static void calls(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		trace.area->rec[i] = (struct abi_trace_rec){.state = ABI_TRACE_DONE, .tid = 7};
	trace.area->head = n;
}

static void *end(void *arg)
{
	trace_end(&trace, &(uint32_t){0});
	return NULL;
}

static double end_takes(void)
{
	double start = now_s();
	pthread_t thread;

	pthread_create(&thread, NULL, end, NULL);
	pthread_join(thread, NULL);
	return now_s() - start;
}

START_TEST(read_to_its_end)
{
	char text[PIPE];
	ssize_t n;

	calls(200);
	ck_assert(end_takes() < 1);
	close(ends[1]);
	n = read(ends[0], text, sizeof(text));
	ck_assert_int_gt(n, 200 * 10);
	ck_assert_int_eq(memcmp(text + n - 22, "+++ exited with 0 +++\n", 22), 0);
}
END_TEST

START_TEST(nobody_reads)
{
	calls(ABI_TRACE_RECORDS);
	ck_assert(end_takes() < 5);
	ck_assert(trace.closed);
}
END_TEST

/* The tracer is in its write, with the lock. */
START_TEST(the_tracer_is_held_up)
{
	pthread_mutex_lock(&trace.lock);
	ck_assert(end_takes() < 5);
	pthread_mutex_unlock(&trace.lock);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_trace");
	TCase *tc = tcase_create("proxy_trace");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 20);
	tcase_add_test(tc, read_to_its_end);
	tcase_add_test(tc, nobody_reads);
	tcase_add_test(tc, the_tracer_is_held_up);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
