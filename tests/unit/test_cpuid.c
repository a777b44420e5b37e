/* SPDX-License-Identifier: MIT */
/* The topology that CPUID tells is the one that the program's view of /sys tells. */
#include <check.h>

#include "tests/unit/suite.h"
#include "vmm/cpuid.h"
#include "vmm/view/view.h"

/* What libraries work out of leaf 0xb: an APIC id shifted right by a level's bits. */
static void agrees(const struct plan *plan)
{
	struct view_topology topology;

	view_topology(plan, &topology);
	for (unsigned i = 0; i < plan->nvcpus; i++) {
		static struct kvm_cpuid_table table;
		unsigned core_shift, package_shift;

		table = (struct kvm_cpuid_table){0};
		cpuid_shape(&table, plan, i, true, 7);
		ck_assert_uint_eq(table.entry[0].function, 0xb);
		ck_assert_uint_eq(table.entry[0].edx, i);
		core_shift = table.entry[0].eax;
		package_shift = table.entry[1].eax;
		ck_assert_uint_eq(table.entry[1].ebx,
			(unsigned)__builtin_popcountll(topology.cpu[i].mates));
		for (unsigned k = 0; k < plan->nvcpus; k++) {
			ck_assert_uint_eq(i >> core_shift == k >> core_shift,
				topology.cpu[i].threads >> k & 1);
			ck_assert_uint_eq(i >> package_shift == k >> package_shift,
				topology.cpu[i].mates >> k & 1);
		}
		ck_assert_uint_eq(i >> package_shift, topology.cpu[i].package);
	}
}

static struct plan plan_of(unsigned n, unsigned threads, unsigned per_package)
{
	struct plan plan = {.nvcpus = n, .nnodes = 1};

	for (unsigned i = 0; i < n; i++) {
		plan.vcpu[i].sibling_of = (uint16_t)(i / threads * threads);
		plan.vcpu[i].package = (uint16_t)(9 - i / per_package);
	}
	return plan;
}

START_TEST(shapes)
{
	struct plan plan;

	for (unsigned n = 1; n <= 8; n++) {
		plan = plan_of(n, 1, 8);
		agrees(&plan);
	}
	plan = plan_of(6, 2, 6);
	agrees(&plan);
	plan = plan_of(8, 2, 4);
	agrees(&plan);
	plan = plan_of(64, 2, 16);
	agrees(&plan);
	plan = plan_of(2, 1, 1);
	agrees(&plan);
}
END_TEST

/* What APIC ids that are indices cannot tell is one package. */
START_TEST(one_package)
{
	struct plan plan = plan_of(6, 1, 3);

	ck_assert_uint_eq(cpuid_per_package(&plan), 6);
	plan = plan_of(6, 1, 4);
	ck_assert_uint_eq(cpuid_per_package(&plan), 6);
	plan = plan_of(4, 1, 2);
	ck_assert_uint_eq(cpuid_per_package(&plan), 2);
	plan.vcpu[1].package = 8;
	plan.vcpu[2].package = 9; /* in turns */
	plan.vcpu[3].package = 8;
	ck_assert_uint_eq(cpuid_per_package(&plan), 4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cpuid");
	TCase *tc = tcase_create("cpuid");

	tcase_add_test(tc, shapes);
	tcase_add_test(tc, one_package);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
