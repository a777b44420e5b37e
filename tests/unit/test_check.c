/* SPDX-License-Identifier: MIT */
/* The findings of `lwvmm check` on made-up hosts: the level of each, and the command that mends
 * it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numa/plan.h"
#include "tests/unit/suite.h"
#include "vmm/check.h"

static struct host host;
static struct check found;
static char *text;

/* One node of four cores with nothing set up, as an ordinary user sees it. */
static void host_make(void)
{
	memset(&host, 0, sizeof(host));
	host.ncpus = 4;
	host.nnodes = 1;
	for (unsigned i = 0; i < host.ncpus; i++)
		host.cpu[i] = (struct host_cpu){.present = true,
			.online = true,
			.allowed = true,
			.first_sibling = (uint16_t)i};
	host.node[0] = (struct host_node){.present = true,
		.allowed = true,
		.have_2m = true,
		.have_1g = true,
		.mem_total = GIB(8),
		.mem_free = GIB(7)};
	host.mem_available = GIB(7);
	host.cgroup_memory_limit = host.cgroup_memory_left = UINT64_MAX;
	host.cgroup_hugetlb_2m = host.cgroup_hugetlb_1g = UINT64_MAX;
	host.memlock = MIB(8);
}

static void check_all(void)
{
	size_t size;

	free(text);
	found = (struct check){.out = open_memstream(&text, &size)};
	ck_assert_ptr_nonnull(found.out);
	check_cores(&found, &host);
	check_pools(&found, &host);
	check_limits(&found, &host);
	check_guest(&found, &host);
	fclose(found.out);
}

static void teardown(void)
{
	free(text);
	text = NULL;
}

#define ck_assert_says(part) ck_assert_msg(strstr(text, part) != NULL, "%s", text)

START_TEST(bare_host)
{
	check_all();
	ck_assert_uint_eq(found.nfail, 0);
	ck_assert_uint_eq(found.nwarn, 4);
	ck_assert_says("ok    cores: we may use 0-3 (4)");
	ck_assert_says("warn  isolation");
	ck_assert_says("isolcpus=");
	ck_assert_says("nohz_full=");
	ck_assert_says(
		"warn  2 MiB pages on node 0: none free of 0: for 1 GiB of them, as root: echo "
		"512 > "
		"/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages");
	ck_assert_says("warn  memlock: 8 MiB");
	ck_assert_says("ok    guest: without options it gets 3 vCPUs and 1 GiB");
}
END_TEST

START_TEST(prepared_host)
{
	host.cpu[2].isolated = host.cpu[3].isolated = true;
	host.cpu[2].nohz_full = host.cpu[3].nohz_full = true;
	host.node[0].pool_2m = (struct host_pool){.total = 1024, .free = 1000};
	host.node[0].pool_1g = (struct host_pool){.total = 2, .free = 2};
	host.memlock = UINT64_MAX;
	check_all();
	ck_assert_uint_eq(found.nfail + found.nwarn, 0);
	ck_assert_says("ok    isolation: isolated cores 2-3");
	ck_assert_says("ok    timer tick: nohz_full on cores 2-3");
	ck_assert_says("ok    2 MiB pages on node 0: 1000 free of 1024");
	ck_assert_says("ok    1 GiB pages on node 0: 2 free of 2");
	ck_assert_says("2 vCPUs and 1152 MiB; the pools of 1 GiB and 2 MiB pages suffice");
}
END_TEST

START_TEST(root_may_grow)
{
	host.may_grow_pools = true;
	check_all();
	ck_assert_says("ok    2 MiB pages on node 0: none free of 0, but we may add them");
	ck_assert_says("ok    memlock");
}
END_TEST

START_TEST(limits)
{
	host.cgroup_memory_limit = GIB(1);
	host.cgroup_memory_left = MIB(32);
	host.cgroup_hugetlb_2m = 0;
	host.cgroup_hugetlb_1g = GIB(1);
	check_all();
	ck_assert_says("control group: 32 MiB of 1 GiB are left");
	ck_assert_says("warn  control group: hugetlb.2MB allows 0 B more: raise it");
	ck_assert_says("ok    control group: hugetlb.1GB allows 1 GiB more");
	ck_assert_says("FAIL  guest: memory: need 64 MiB, but the cgroup limit leaves 32 MiB");
	ck_assert_uint_eq(found.nfail, 1);
}
END_TEST

START_TEST(few_cores)
{
	for (unsigned i = 1; i < 4; i++)
		host.cpu[i].allowed = false;
	check_all();
	ck_assert_says("warn  cores: we may use 0 only");
	host.cpu[0].online = false;
	check_all();
	ck_assert_says("FAIL  cores: none");
	ck_assert_says("FAIL  guest: cores");
}
END_TEST

START_TEST(nodes)
{
	host.node[0].allowed = false;
	host.node[0].have_1g = false;
	check_all();
	ck_assert_says("warn  node 0: our cpuset lets us take no memory there");
	host.node[0].allowed = true;
	host.node[0].have_2m = false;
	check_all();
	ck_assert_says("warn  2 MiB pages on node 0: the kernel has none");
	ck_assert_says("ok    1 GiB pages on node 0: the CPU or kernel has none");
}
END_TEST

START_TEST(nodes_without_sense)
{
	host.nnodes = 3;
	host.node[1] = host.node[0];
	host.node[1].mem_total = 0;
	host.cpu[2].node = host.cpu[3].node = 1;
	check_all();
	ck_assert_says("warn  node 1: it has cores 2-3 but no memory");
	ck_assert(!strstr(text, "node 2"));
	snprintf(host.slit_odd, sizeof(host.slit_odd), "node 0 is 0 from node 1");
	host.cpu[2].allowed = host.cpu[3].online = false;
	check_all();
	ck_assert_says("warn  distances between nodes: they make no sense (node 0 is 0 from");
	ck_assert(!strstr(text, "but no memory"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("check");
	TCase *tc = tcase_create("check");

	tcase_add_checked_fixture(tc, host_make, teardown);
	tcase_add_test(tc, bare_host);
	tcase_add_test(tc, prepared_host);
	tcase_add_test(tc, root_may_grow);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, few_cores);
	tcase_add_test(tc, nodes);
	tcase_add_test(tc, nodes_without_sense);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
