/* SPDX-License-Identifier: MIT */
/* The guest's RAM: where it is mapped, that it is all there before use, and in which page
 * sizes. */
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vmm/base/affinity.h"
#include "vmm/memory.h"

static struct problem problem;
static struct memory memory;

/* A plan on node 0 with the cores that this process may use. */
static void plan_start(struct plan *plan)
{
	cpu_set_t allowed;

	*plan = (struct plan){.name = "test", .nnodes = 1, .page_asked = PAGE_AUTO};
	sched_getaffinity(0, sizeof(allowed), &allowed);
	for (unsigned core = 0; core < CPU_SETSIZE && plan->nvcpus < 2; core++)
		if (CPU_ISSET(core, &allowed))
			plan->vcpu[plan->nvcpus++].core = (uint16_t)core;
}

static void plan_add(
	struct plan *plan, uint64_t gpa, uint64_t size, uint64_t page_size, bool thp)
{
	plan->extent[plan->nextents++] = (struct plan_extent){
		.gpa = gpa, .size = size, .page_size = page_size, .thp = thp};
	plan->mem += size;
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static void create(const struct plan *plan)
{
	int rc = memory_create(plan, &memory, &problem);

	ck_assert_msg(rc == 0, "%s", problem.text);
}

START_TEST(test_layout)
{
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, MIB(2), KIB(4), false);
	plan_add(&plan, MIB(2), MIB(2), KIB(4), false);
	plan_add(&plan, GIB(4), MIB(4), KIB(4), false);
	create(&plan);
	for (unsigned i = 0; i < memory.nextents; i++) {
		struct memory_extent *e = &memory.extent[i];

		ck_assert_uint_eq(((uintptr_t)e->hva - e->plan.gpa) % GIB(1), 0);
		ck_assert_ptr_eq(memory_hva(&memory, e->plan.gpa, e->plan.size), e->hva);
	}
	/* Across two extents, but not past the end, into the hole, out of it, or around. */
	ck_assert_ptr_eq(memory_hva(&memory, MIB(2) - 8, 16), memory.base + MIB(2) - 8);
	ck_assert_ptr_nonnull(memory_hva(&memory, MIB(4) - 1, 1));
	ck_assert_ptr_null(memory_hva(&memory, MIB(4) - 1, 2));
	ck_assert_ptr_null(memory_hva(&memory, MIB(4), 1));
	ck_assert_ptr_null(memory_hva(&memory, 0, GIB(4) + 1));
	ck_assert_ptr_null(memory_hva(&memory, GIB(4) - 1, 2));
	ck_assert_ptr_nonnull(memory_hva(&memory, GIB(4) + MIB(4) - 1, 1));
	ck_assert_ptr_null(memory_hva(&memory, GIB(4) + MIB(4), 1));
	ck_assert_ptr_null(memory_hva(&memory, GIB(4), UINT64_MAX));
	ck_assert_ptr_null(memory_hva(&memory, UINT64_MAX, 1));
	memory_destroy(&memory);
	ck_assert_ptr_null(memory_hva(&memory, 0, 1));
}
END_TEST

/* Row: 64 MiB of 4 KiB pages, of collapsed pages, of collapsed pages with a tail. */
static const struct {
	uint64_t size, got_2m;
	bool thp;
} row[] = {
	{MIB(64), 0, false},
	{MIB(64), MIB(64), true},
	{MIB(4), MIB(4), true},
};

/* Not sanitized: the sanitizer's own shadow memory takes faults. Returns how many it took. */
__attribute__((no_sanitize("address", "undefined"))) static long touch(
	char *start, uint64_t size, char *sum)
{
	long before = faults();

	for (uint64_t at = 0; at < size; at += KIB(4)) {
		*sum |= start[at];
		start[at] = 0;
	}
	return faults() - before;
}

START_TEST(test_prefault)
{
	struct plan plan;
	long taken;
	char sum = 0;

	plan_start(&plan);
	plan_add(&plan, 0, row[_i].size, KIB(4), row[_i].thp);
	create(&plan);
	ck_assert_uint_eq(memory.extent[0].got_2m, row[_i].got_2m);
	ck_assert_uint_eq(memory.extent[0].got_4k, row[_i].size - row[_i].got_2m);
	ck_assert_uint_eq(memory.extent[0].got_1g, 0);
	/* All is there, writable and zero: touching it costs no fault. */
	taken = touch(memory.base, row[_i].size, &sum);
	ck_assert_int_eq(sum, 0);
	ck_assert_msg(taken < 8, "%ld faults", taken);
	memory_destroy(&memory);
}
END_TEST

START_TEST(test_two_kinds)
{
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, MIB(8), KIB(4), false);
	plan_add(&plan, MIB(8), MIB(8), KIB(4), true);
	create(&plan);
	ck_assert_uint_eq(memory.extent[0].got_4k, MIB(8));
	ck_assert_uint_eq(memory.extent[1].got_2m, MIB(8));
	memory_destroy(&memory);
}
END_TEST

START_TEST(test_sealed)
{
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, MIB(2), KIB(4), false);
	create(&plan);
	ck_assert_int_eq(ftruncate(memory.extent[0].memfd, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	memory_destroy(&memory);
}
END_TEST

START_TEST(test_pool_short)
{
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, MIB(4), KIB(4), false);
	plan_add(&plan, GIB(4), GIB(1024), MIB(2), false);
	ck_assert_int_eq(memory_create(&plan, &memory, &problem), -ENOMEM);
	ck_assert_ptr_nonnull(strstr(problem.text, "node 0: cannot reserve 524288 2M pages"));
	ck_assert_int_eq(problem.status, EXIT_LWVMM_FAILED);
	ck_assert_uint_eq(memory.span, 0);
}
END_TEST

START_TEST(test_no_address_space)
{
	struct rlimit limit = {GIB(1), GIB(1)};
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, GIB(2), KIB(4), false);
	if (setrlimit(RLIMIT_AS, &limit) < 0) /* this test runs in a process of its own */
		return;
	ck_assert_int_eq(memory_create(&plan, &memory, &problem), -ENOMEM);
	ck_assert_ptr_nonnull(strstr(problem.text, "ulimit -v"));
}
END_TEST

START_TEST(test_affinity)
{
	struct plan plan;
	unsigned last;

	plan_start(&plan);
	last = plan.vcpu[plan.nvcpus - 1].core;
	ck_assert_int_eq(affinity_pin(last, &problem), 0);
	ck_assert_int_eq(sched_getcpu(), (int)last);
	ck_assert_int_eq(affinity_verify(last, &problem), 0);
	ck_assert_int_eq(affinity_verify(last + 1, &problem), -EIO);
	problem.status = 0;
	ck_assert_int_eq(affinity_pin(CPU_SETSIZE - 1, &problem), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "core 1023"));
}
END_TEST

/* A worker that cannot be pinned is an error, not a slower start. */
START_TEST(test_core_not_there)
{
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, MIB(64), KIB(4), false);
	plan.vcpu[0].core = CPU_SETSIZE - 1;
	ck_assert_int_eq(memory_create(&plan, &memory, &problem), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "core 1023"));
}
END_TEST

START_TEST(test_placement)
{
	struct plan plan;

	plan_start(&plan);
	plan_add(&plan, 0, MIB(4), KIB(4), false);
	create(&plan);
	ck_assert_int_eq(affinity_check(memory.base, MIB(4), KIB(4), 0, &problem), 0);
	ck_assert_int_eq(affinity_check(memory.base, MIB(4), KIB(4), 1, &problem), -EIO);
	ck_assert_ptr_nonnull(strstr(problem.text, "lies on node 0"));
	memory_destroy(&memory);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("memory");
	TCase *t = tcase_create("memory");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_layout);
	tcase_add_loop_test(t, test_prefault, 0, sizeof(row) / sizeof(row[0]));
	tcase_add_test(t, test_two_kinds);
	tcase_add_test(t, test_sealed);
	tcase_add_test(t, test_pool_short);
#ifndef __SANITIZE_ADDRESS__ /* which needs terabytes of address space itself */
	tcase_add_test(t, test_no_address_space);
#else
	(void)test_no_address_space;
#endif
	tcase_add_test(t, test_affinity);
	tcase_add_test(t, test_core_not_there);
	tcase_add_test(t, test_placement);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
