/* SPDX-License-Identifier: MIT */
/*
 * The plan on made-up hosts: who gets which cores, which pages are taken for it, what is
 * refused with which numbers, and how it is printed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/plan_fake.h"
#include "tests/unit/suite.h"

START_TEST(default_cores)
{
	host_make(1, false);
	ck_assert_int_eq(make(NULL, 0, PAGE_AUTO), 0);
	ck_assert_uint_eq(plan.nvcpus, 3);
	ck_assert_uint_eq(plan.vcpu[0].core, 1);
	ck_assert_uint_eq(plan.nhelpers, 1);
	ck_assert_uint_eq(plan.helper[0], 0);
	ck_assert_uint_eq(plan.mem, GIB(1));
	ck_assert(!plan.cores_shared);
	host.cpu[2].isolated = host.cpu[3].isolated = true;
	ck_assert_int_eq(make(NULL, 0, PAGE_AUTO), 0);
	ck_assert_uint_eq(plan.nvcpus, 2);
	ck_assert_uint_eq(plan.vcpu[0].core, 2);
	for (unsigned i = 1; i < 4; i++)
		host.cpu[i].online = false;
	ck_assert_int_eq(make(NULL, 0, PAGE_AUTO), 0);
	ck_assert_uint_eq(plan.nvcpus, 1);
	ck_assert_uint_eq(plan.vcpu[0].core, 0);
	ck_assert(plan.cores_shared);
	host.cpu[0].allowed = false;
	ck_assert_refused(make(NULL, 0, PAGE_AUTO), -ENODEV, "cores");
}
END_TEST

START_TEST(cores_are_refused_by_name)
{
	host_make(1, false);
	ck_assert_refused(make("0-4", GIB(1), PAGE_4K), -ENODEV, "core 4");
	ck_assert_refused(make("5000", GIB(1), PAGE_4K), -ENODEV, "core 5000");
	host.cpu[2].online = false;
	ck_assert_refused(make("0,2", GIB(1), PAGE_4K), -ENODEV, "core 2: offline");
	host.cpu[3].allowed = false;
	ck_assert_refused(make("3", GIB(1), PAGE_4K), -ENODEV, "core 3");
	ck_assert_ptr_nonnull(strstr(problem.text, "(0-1)"));
	opt.ncores = 2;
	opt.core[0] = opt.core[1] = 1;
	problem = (struct problem){0};
	ck_assert_refused(
		plan_make(&opt, &host, &plan, &problem), -EINVAL, "core 1: named twice");
	host_make(32, false);
	ck_assert_refused(make("0-64:4", GIB(1), PAGE_4K), -EINVAL, "16 nodes");
	for (unsigned i = 0; i < 128; i++)
		host.cpu[i].node = 0;
	ck_assert_refused(make("0-64", GIB(1), PAGE_4K), -EINVAL, "65 cores");
	ck_assert_int_eq(make("0-63", GIB(1), PAGE_4K), 0);
}
END_TEST

START_TEST(helpers)
{
	host_make(2, true);
	/* Siblings of guest cores and isolated cores only when there is nothing else; near
	 * before far. */
	ck_assert_int_eq(make("0", GIB(1), PAGE_4K), 0);
	ck_assert_uint_eq(plan.nhelpers, 6);
	ck_assert_uint_eq(plan.helper[0], 2);
	ck_assert_uint_eq(plan.helper[2], 4);
	ck_assert_int_eq(make("4-7", GIB(1), PAGE_4K), 0);
	ck_assert_uint_eq(plan.helper[0], 0);
	host.cpu[2].isolated = host.cpu[3].isolated = true;
	ck_assert_int_eq(make("0", GIB(1), PAGE_4K), 0);
	ck_assert_uint_eq(plan.nhelpers, 4);
	ck_assert_uint_eq(plan.helper[0], 4);
	ck_assert_int_eq(make("0,2-7", GIB(1), PAGE_4K), 0);
	ck_assert_uint_eq(plan.nhelpers, 1);
	ck_assert_uint_eq(plan.helper[0], 1);
	ck_assert(!plan.cores_shared);
	ck_assert_int_eq(make("0-7", GIB(1), PAGE_4K), 0);
	ck_assert(plan.cores_shared);
	ck_assert_uint_eq(plan.nhelpers, 8);
	ck_assert_uint_eq(plan.vcpu[1].sibling_of, 0);
	ck_assert_uint_eq(plan.vcpu[2].sibling_of, 2);
}
END_TEST

START_TEST(sizes_refused)
{
	host_make(1, false);
	ck_assert_refused(make(NULL, MIB(62), PAGE_AUTO), -EINVAL, "62 MiB");
	ck_assert_refused(make(NULL, 1, PAGE_2M), -EINVAL, "too small");
	ck_assert_refused(make(NULL, GIB(65), PAGE_AUTO), -ENOMEM, "have 64 GiB");
	ck_assert_refused(
		make(NULL, INT64_MAX, PAGE_1G), -ENOMEM, "more than this machine has");
	ck_assert_refused(make(NULL, GIB(63), PAGE_AUTO), -ENOMEM, "need 63 GiB");
}
END_TEST

START_TEST(auto_takes_the_largest_that_suffices)
{
	host_make(1, false);
	pools_set(1024, 4);
	ck_assert_int_eq(make(NULL, GIB(2), PAGE_AUTO), 0);
	ck_assert_uint_eq(plan.extent[1].page_size, GIB(1));
	ck_assert_uint_eq(plan.mem, GIB(2) + MIB(64) + plan.nvcpus * MIB(32));
	ck_assert_int_eq(make(NULL, MIB(512), PAGE_AUTO), 0);
	ck_assert_uint_eq(plan.extent[0].page_size, MIB(2));
	pools_set(1024, 1);
	ck_assert_int_eq(make(NULL, GIB(2), PAGE_AUTO), 0);
	ck_assert_uint_eq(plan.extent[0].page_size, MIB(2));
	ck_assert_uint_eq(plan.nextents, 1);
	/* Not enough of either, and no right to grow: THP. */
	pools_set(1023, 1);
	ck_assert_int_eq(make(NULL, GIB(2), PAGE_AUTO), 0);
	ck_assert(plan.extent[0].thp);
	ck_assert_uint_eq(plan.extent[0].page_size, KIB(4));
	/* Root: exactly the missing page is grown; 1 GiB pages are not. */
	host.may_grow_pools = true;
	ck_assert_int_eq(make(NULL, GIB(2), PAGE_AUTO), 0);
	ck_assert_uint_eq(plan.extent[0].page_size, MIB(2));
	ck_assert_uint_eq(plan.extent[0].pool_grow, 1);
	/* The small part beside 1 GiB pages: grown, or THP. */
	pools_set(0, 4);
	ck_assert_int_eq(make(NULL, GIB(2), PAGE_AUTO), 0);
	ck_assert_uint_eq(plan.extent[0].pool_grow, 32 + 16 * plan.nvcpus);
	ck_assert_uint_eq(plan.extent[1].page_size, GIB(1));
	host.may_grow_pools = false;
	ck_assert_int_eq(make(NULL, GIB(2), PAGE_AUTO), 0);
	ck_assert(plan.extent[0].thp);
	ck_assert_uint_eq(plan.extent[1].page_size, GIB(1));
}
END_TEST

START_TEST(growth_is_split_around_the_hole)
{
	uint64_t grow = 0;

	host_make(1, false);
	pools_set(1000, 0);
	host.may_grow_pools = true;
	ck_assert_int_eq(make(NULL, GIB(5), PAGE_2M), 0);
	for (unsigned i = 0; i < plan.nextents; i++)
		grow += plan.extent[i].pool_grow;
	ck_assert_uint_eq(grow, GIB(5) / MIB(2) - 1000);
	ck_assert_uint_eq(plan.extent[0].pool_grow, GIB(3) / MIB(2) - 1000);
	/* Not beyond what the node can spare: 5 % stay. */
	host.node[0].mem_free = GIB(6);
	ck_assert_refused(make(NULL, GIB(5), PAGE_2M), -ENOMEM, "need 2560, have 1000 free");
	ck_assert_int_eq(make(NULL, GIB(4), PAGE_2M), 0);
}
END_TEST

START_TEST(explicit_sizes_never_fall_back)
{
	host_make(2, false);
	pools_set(100, 1);
	ck_assert_refused(make("4", GIB(1), PAGE_2M), -ENOMEM,
		"2 MiB pages on node 1: need 512, have 100 free of 100 (cgroup limit: none)");
	ck_assert_ptr_nonnull(strstr(problem.text,
		"echo 512 > "
		"/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages"));
	host.node[1].pool_2m.free = 10; /* 90 are in use: they stay */
	ck_assert_refused(make("4", GIB(1), PAGE_2M), -ENOMEM, "echo 602 > ");
	ck_assert_refused(make("0", GIB(2), PAGE_1G), -ENOMEM, "1 GiB pages on node 0: need 2");
	host.may_grow_pools = true;
	ck_assert_int_eq(make("0", GIB(2), PAGE_1G), 0);
	ck_assert_uint_eq(plan.extent[1].pool_grow, 1);
	host.node[0].have_1g = false;
	ck_assert_refused(make("0", GIB(2), PAGE_1G), -ENOMEM, "no pool of this size");
	ck_assert_int_eq(make("0", GIB(2), PAGE_4K), 0);
	ck_assert(!plan.extent[0].thp);
}
END_TEST

START_TEST(control_groups_limit)
{
	host_make(1, false);
	pools_set(4096, 8);
	host.cgroup_hugetlb_2m = GIB(1);
	ck_assert_refused(make(NULL, GIB(2), PAGE_2M), -ENOMEM, "leaves 1 GiB");
	host.cgroup_memory_left = MIB(512);
	ck_assert_refused(make(NULL, GIB(2), PAGE_4K), -ENOMEM, "leaves 512 MiB");
	ck_assert_int_eq(make(NULL, GIB(2), PAGE_AUTO), 0);
	ck_assert_uint_eq(plan.extent[1].page_size, GIB(1));
	host.cgroup_hugetlb_1g = 0;
	ck_assert_refused(make(NULL, GIB(2), PAGE_1G), -ENOMEM, "1 GiB pages: need 2 GiB");
	ck_assert_refused(make(NULL, GIB(2), PAGE_AUTO), -ENOMEM, "leaves 512 MiB");
	/* The default respects it too. */
	pools_set(0, 0);
	ck_assert_int_eq(make(NULL, 0, PAGE_AUTO), 0);
	ck_assert_uint_eq(plan.mem, MIB(256));
}
END_TEST

static bool noted(const char *part)
{
	char text[PLAN_NOTE_MAX];

	for (unsigned i = 0; plan_note(&plan, i, text); i++) {
		if (strstr(text, part))
			return true;
	}
	return false;
}

START_TEST(window_lies_behind_all_ram)
{
	host_make(1, false);
	ck_assert_int_eq(make("0-1", MIB(128), PAGE_4K), 0);
	ck_assert_uint_eq(plan.window_gpa, GIB(4));
	ck_assert_uint_eq(plan.window_size, PLAN_WINDOW_MIN);
	ck_assert_int_eq(make("0-1", GIB(7) + MIB(2), PAGE_4K), 0);
	ck_assert_uint_eq(plan.window_gpa, GIB(9));
	ck_assert_uint_eq(plan.window_size, MIB(3586)); /* half of it, in whole 2 MiB */
	opt.have_window = true;
	opt.window = 1;
	ck_assert_int_eq(make("0-1", GIB(1), PAGE_4K), 0);
	ck_assert_uint_eq(plan.window_size, MIB(2));
	opt.window = 0;
	ck_assert_int_eq(make("0-1", GIB(1), PAGE_4K), 0);
	ck_assert_uint_eq(plan.window_size, 0);
	ck_assert_uint_eq(plan.window_gpa, 0);
}
END_TEST

START_TEST(notes)
{
	char text[PLAN_NOTE_MAX];

	host_make(1, false);
	pools_set(1024, 4);
	ck_assert_int_eq(make("1", MIB(512), PAGE_AUTO), 0);
	ck_assert(!plan_note(&plan, 0, text));
	ck_assert_int_eq(make("1", MIB(512) + 1, PAGE_AUTO), 0);
	ck_assert(noted("536870913 bytes become 514 MiB"));
	ck_assert_int_eq(make("1", GIB(2), PAGE_1G), 0);
	ck_assert(noted("2 GiB become 2144 MiB"));
	ck_assert_int_eq(make("0-3", GIB(8), PAGE_AUTO), 0);
	ck_assert(noted("falls back to transparent huge pages"));
	ck_assert(noted("helper threads share"));
}
END_TEST

static char *printed(bool json)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	if (json)
		plan_print_json(&plan, out);
	else
		plan_print(&plan, &host, out);
	fclose(out);
	return text;
}

START_TEST(printing)
{
	char *text, *json;

	host_make(2, true);
	snprintf(opt.name, sizeof(opt.name), "v01");
	ck_assert_int_eq(make("0,1,4", GIB(4) + 1, PAGE_AUTO), 0);
	text = printed(false);
	json = printed(true);
	ck_assert_ptr_nonnull(strstr(text, "v01: 3 vCPUs, 4098 MiB on 2 nodes, hardware KVM"));
	ck_assert_ptr_nonnull(strstr(text, "0x000000000000-"));
	ck_assert_ptr_nonnull(strstr(text, "shares a physical core with vCPU 0"));
	ck_assert_ptr_nonnull(strstr(json, "\"name\": \"v01\""));
	ck_assert_ptr_nonnull(strstr(json, "\"mem\": 4297064448,"));
	ck_assert_ptr_nonnull(strstr(json, "\"distances\": [10, 21]"));
	ck_assert_ptr_nonnull(strstr(json, "\"cores_shared\": false"));
	free(text);
	free(json);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plan");
	TCase *tc = tcase_create("plan");

	tcase_add_test(tc, default_cores);
	tcase_add_test(tc, cores_are_refused_by_name);
	tcase_add_test(tc, helpers);
	tcase_add_test(tc, sizes_refused);
	tcase_add_test(tc, auto_takes_the_largest_that_suffices);
	tcase_add_test(tc, growth_is_split_around_the_hole);
	tcase_add_test(tc, explicit_sizes_never_fall_back);
	tcase_add_test(tc, control_groups_limit);
	tcase_add_test(tc, window_lies_behind_all_ram);
	tcase_add_test(tc, notes);
	tcase_add_test(tc, printing);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
