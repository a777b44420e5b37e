/* SPDX-License-Identifier: MIT */
/*
 * The guest's nodes on made-up hosts of many shapes: what holds for every plan, whatever was
 * asked for. What single plans look like is in tests/numa/NAME.golden (test_plan_trees.c).
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numa/plan.h"
#include "tests/unit/suite.h"

static struct host host;
static struct options opt;
static struct plan plan;
static struct problem problem;

/* `nodes` nodes of `cores` cores and 64 GiB, a pool of 2 MiB pages for 16 GiB on each. */
static void host_make(unsigned nodes, unsigned cores)
{
	memset(&host, 0, sizeof(host));
	memset(&opt, 0, sizeof(opt));
	host.ncpus = nodes * cores;
	host.nnodes = nodes;
	for (unsigned i = 0; i < host.ncpus; i++)
		host.cpu[i] = (struct host_cpu){.present = true,
			.online = true,
			.allowed = true,
			.node = (uint16_t)(i / cores),
			.first_sibling = (uint16_t)(i / 2 * 2)};
	for (unsigned i = 0; i < nodes; i++) {
		struct host_node *n = &host.node[i];

		n->present = n->possible = n->allowed = n->have_2m = n->have_1g = true;
		n->mem_total = n->mem_free = GIB(64);
		n->pool_2m = (struct host_pool){8192, 8192, 0};
		for (unsigned k = 0; k < nodes; k++)
			n->distance[k] = (uint8_t)(i == k ? 10 : 15 + i + k);
	}
	host.mem_available = nodes * GIB(64);
	host.cgroup_memory_left = host.cgroup_hugetlb_2m = host.cgroup_hugetlb_1g = UINT64_MAX;
}

/* Parses words that are written as one string, and plans. */
static int make(const char *words)
{
	static char text[256], *argv[32];
	unsigned n = 0;
	char *save = NULL;

	snprintf(text, sizeof(text), "%s", words);
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	argv[n] = NULL;
	problem = (struct problem){0};
	ck_assert_msg(!options_parse(argv, true, &opt, &problem), "%s", problem.text);
	return plan_make(&opt, &host, &plan, &problem);
}

static void made(const char *words)
{
	int err = make(words);

	ck_assert_msg(err == 0, "%s: %s", words, problem.text);
}

static void refused(const char *words, int err, const char *part)
{
	ck_assert_msg(make(words) == err, "%s: %s", words, problem.text);
	ck_assert_int_eq(problem.status, EXIT_LWVMM_FAILED);
	ck_assert_msg(strstr(problem.text, part), "%s", problem.text);
}

/* What holds for every plan. */
static void nodes_check(void)
{
	uint64_t size[PLAN_MAX_NODES] = {0};
	bool used[PLAN_MAX_NODES] = {false};

	ck_assert_uint_ge(plan.nnodes, 1);
	ck_assert_uint_le(plan.nnodes, PLAN_MAX_NODES);
	ck_assert_uint_le(plan.nextents, PLAN_MAX_EXTENTS);
	ck_assert_uint_eq(plan.vcpu[0].guest_node, 0);
	for (unsigned i = 0; i < plan.nvcpus; i++) {
		ck_assert_uint_lt(plan.vcpu[i].guest_node, plan.nnodes);
		ck_assert_uint_eq(plan.vcpu[i].host_node, host.cpu[plan.vcpu[i].core].node);
		used[plan.vcpu[i].guest_node] = true;
	}
	for (unsigned i = 0; i < plan.nextents; i++) {
		size[plan.extent[i].guest_node] += plan.extent[i].size;
		used[plan.extent[i].guest_node] = true;
	}
	for (unsigned i = 0; i < plan.nnodes; i++) {
		ck_assert(used[i]);
		ck_assert_uint_eq(plan.node[i].size, size[i]);
		for (unsigned k = 0; k < plan.nnodes; k++)
			ck_assert(i == k ? plan.node[i].distance[k] == 10
					 : plan.node[i].distance[k] > 10);
	}
}

/* The kernel's first extent is on the first node that has memory. */
static void first_extent_check(void)
{
	for (unsigned i = 0; i < plan.extent[0].guest_node; i++)
		ck_assert_uint_eq(plan.node[i].size, 0);
}

static void extent_check(
	unsigned i, unsigned node, uint64_t gpa, uint64_t size, uint64_t page_size)
{
	ck_assert_uint_lt(i, plan.nextents);
	ck_assert_uint_eq(plan.extent[i].guest_node, node);
	ck_assert_uint_eq(plan.extent[i].gpa, gpa);
	ck_assert_uint_eq(plan.extent[i].size, size);
	ck_assert_uint_eq(plan.extent[i].page_size, page_size);
}

START_TEST(mirror)
{
	host_make(4, 8);
	made("--cores 0-31 --mem 8G");
	nodes_check();
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_uint_eq(plan.node[i].size, GIB(2));
		ck_assert_uint_eq(plan.node[i].host_node, i);
		for (unsigned k = 0; k < 4; k++)
			ck_assert_uint_eq(plan.node[i].distance[k], host.node[i].distance[k]);
	}
	/* Mixed up: numbered as the vCPUs name them. */
	made("--cores 24,8,25,0 --mem 4G --numa mirror");
	nodes_check();
	ck_assert_uint_eq(plan.node[0].host_node, 3);
	ck_assert_uint_eq(plan.node[1].host_node, 1);
	ck_assert_uint_eq(plan.node[0].size, GIB(2));
	ck_assert_uint_eq(plan.vcpu[2].guest_node, 0);
	ck_assert_uint_eq(plan.node[0].distance[2], 18);
	ck_assert(plan.first_touch);
}
END_TEST

START_TEST(none)
{
	host_make(2, 4);
	made("--cores 0,4-6 --mem 4G --numa none");
	nodes_check();
	ck_assert_uint_eq(plan.nnodes, 1);
	ck_assert(!plan.first_touch);
	/* One node for the guest, but memory is still beside its cores. */
	ck_assert_uint_eq(plan.extent[0].host_node, 0);
	ck_assert_uint_eq(plan.extent[0].size, GIB(1));
	ck_assert_uint_eq(plan.extent[1].host_node, 1);
	made("--cores 0,4 --mem 3G@1,1G@0 --numa none");
	nodes_check();
	ck_assert_uint_eq(plan.extent[0].host_node, 1);
	made("--cores 0,4 --mem 3G@1 --numa 1");
	ck_assert_uint_eq(plan.nnodes, 1);
}
END_TEST

START_TEST(split_every_number)
{
	char words[64];

	for (unsigned cores = 1; cores <= PLAN_MAX_VCPUS; cores += 3) {
		host_make(1, cores + 1);
		for (unsigned n = 1; n <= PLAN_MAX_NODES && n <= cores; n++) {
			uint64_t least = UINT64_MAX, most = 0;

			snprintf(words, sizeof(words), "--cores 0-%u --mem 1G --numa %u",
				cores - 1, n);
			made(words);
			nodes_check();
			ck_assert_uint_eq(plan.nnodes, n);
			for (unsigned i = 0; i < n; i++) {
				least = plan.node[i].size < least ? plan.node[i].size : least;
				most = plan.node[i].size > most ? plan.node[i].size : most;
				ck_assert(i == 0 || plan.node[i].distance[0] == 20);
			}
			ck_assert_uint_le(most - least, MIB(4)); /* rounding only */
			for (unsigned i = 1; i < cores; i++)
				ck_assert_uint_ge(
					plan.vcpu[i].guest_node, plan.vcpu[i - 1].guest_node);
		}
	}
}
END_TEST

START_TEST(split_refused)
{
	host_make(4, 16);
	refused("--cores 0-3 --numa 5", -EINVAL, "more nodes than the guest has vCPUs (4)");
	refused("--cores 0-31 --numa 17", -EINVAL, "at most 16 nodes");
	refused("--cores 0-3 --mem 2G@0,2G@1 --numa 2", -EINVAL, "--numa 2: it deals memory");
	made("--cores 0-15 --mem 256M --numa 16");
	refused("--cores 0-15 --mem 200M --numa 16", -EINVAL, "needs 16 MiB");
	/* Cores that go round the nodes: each guest node would lie on four. */
	opt = (struct options){.have_cores = true,
		.ncores = 64,
		.numa = NUMA_SPLIT,
		.numa_nodes = 16,
		.mem = GIB(4)};
	for (unsigned i = 0; i < 64; i++)
		opt.core[i] = (uint16_t)(i % 4 * 16 + i / 4);
	problem = (struct problem){0};
	ck_assert_int_eq(plan_make(&opt, &host, &plan, &problem), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "more than 48 pieces"));
	opt.numa_nodes = 12;
	problem = (struct problem){0};
	ck_assert_msg(!plan_make(&opt, &host, &plan, &problem), "%s", problem.text);
	nodes_check();
}
END_TEST

START_TEST(parts)
{
	host_make(4, 4);
	made("--cores 0-1,4-5 --mem 1G@1,3G@0,2G@3");
	nodes_check();
	ck_assert_uint_eq(plan.nnodes, 3);
	ck_assert_uint_eq(plan.node[0].size, GIB(3));
	ck_assert_uint_eq(plan.node[1].size, GIB(1));
	ck_assert_uint_eq(plan.node[2].size, GIB(2)); /* memory only */
	ck_assert_uint_eq(plan.node[2].host_node, 3);
	first_extent_check();
	made("--cores 0-1,4-5 --mem 1G@1"); /* node 0: vCPUs only */
	nodes_check();
	ck_assert_uint_eq(plan.node[0].size, 0);
	ck_assert_uint_eq(plan.extent[0].guest_node, 1);
	first_extent_check();
	made("--cores 0-1 --mem 1G@3"); /* nothing together */
	nodes_check();
	ck_assert_uint_eq(plan.nnodes, 2);
	ck_assert_uint_eq(plan.node[0].distance[1], 18);
	first_extent_check();
	/* Each part is rounded up by itself. */
	made("--cores 0,4 --mem 67108865@0,67108865@1");
	ck_assert_uint_eq(plan.node[0].size, MIB(66));
	ck_assert_uint_eq(plan.node[1].size, MIB(66));
}
END_TEST

START_TEST(parts_with_1g_pages)
{
	host_make(2, 4);
	host.node[0].pool_1g = host.node[1].pool_1g = (struct host_pool){8, 8, 0};
	made("--cores 0-1 --mem 2G@1 --page 1G");
	nodes_check();
	/* The small part is where the memory is, not on the node of vCPU 0. */
	ck_assert_uint_eq(plan.nextents, 2);
	extent_check(0, 1, 0, MIB(64 + 2 * 32), MIB(2));
	extent_check(1, 1, GIB(1), GIB(2), GIB(1));
	first_extent_check();
	made("--cores 0,4 --mem 2G@0,2.5G@1 --page 1G");
	nodes_check();
	ck_assert_uint_eq(plan.nextents, 4);
	extent_check(0, 0, 0, MIB(128), MIB(2));
	extent_check(1, 1, MIB(128), MIB(512), MIB(2));
	extent_check(2, 0, GIB(1), GIB(2), GIB(1));
	extent_check(3, 1, GIB(4), GIB(2), GIB(1));
	made("--cores 0,4 --mem 2.5G@0,2G@1 --page 1G");
	extent_check(0, 0, 0, MIB(512), MIB(2));
	extent_check(1, 1, MIB(512), MIB(128), MIB(2));
	/* A node may do without 1 GiB pages, but not all of them. */
	made("--cores 0,4 --mem 512M@0,2G@1");
	ck_assert_uint_eq(plan.nextents, 3);
	extent_check(2, 1, GIB(1), GIB(2), GIB(1));
	ck_assert_uint_eq(plan.node[0].size, MIB(512));
	refused("--cores 0,4 --mem 512M@0,512M@1 --page 1G", -EINVAL, "none of its nodes");
	made("--cores 0,4 --mem 512M@0,512M@1");
	extent_check(0, 0, 0, MIB(512), MIB(2));
}
END_TEST

/* Each node has 2 MiB pages for what threads have that is smaller than a 1 GiB page. */
START_TEST(small_part_on_each_node)
{
	char text[PLAN_NOTE_MAX];

	host_make(4, 8);
	for (unsigned i = 0; i < 4; i++)
		host.node[i].pool_1g = (struct host_pool){8, 8, 0};
	made("--cores 0-1,8-9,16-17,24-25 --mem 8G --page 1G");
	nodes_check();
	ck_assert_uint_eq(plan.nextents, 8);
	for (unsigned i = 0; i < 4; i++) {
		extent_check(i, i, MIB(192) * i, MIB(64 + 2 * 64), MIB(2));
		ck_assert_uint_eq(plan.node[i].size, GIB(2) + MIB(192));
	}
	ck_assert_uint_eq(plan.extent[4].gpa, GIB(1));
	ck_assert(plan_note(&plan, 0, text));
	ck_assert_ptr_nonnull(strstr(text, "each node some for small arrays"));
	/* What is no whole GiB is dealt out; the odd rest goes to the first. */
	made("--cores 0,8,16 --mem 3974M --page 1G");
	extent_check(0, 0, 0, MIB(302), MIB(2));
	extent_check(1, 1, MIB(302), MIB(300), MIB(2));
	extent_check(2, 2, MIB(602), MIB(300), MIB(2));
	ck_assert_uint_eq(plan.mem, MIB(3974));
	ck_assert(!plan_note(&plan, 0, text));
	/* They reach beyond a GiB, and across the hole. */
	made("--cores 0,8,16,24 --mem 1536M@0,1792M@1,1920M@2,2046M@3 --page 1G");
	nodes_check();
	extent_check(3, 3, MIB(512 + 768 + 896), MIB(896), MIB(2));
	extent_check(4, 3, GIB(4), MIB(126), MIB(2));
	ck_assert_uint_eq(plan.extent[5].gpa, GIB(5));
}
END_TEST

START_TEST(nodes_without_memory)
{
	host_make(3, 4);
	host.node[0].mem_total = 0;
	host.node[0].distance[2] = 15;
	refused("--cores 1,0,4 --mem 1G", -ENODEV,
		"node 0, where cores 1,0 of the guest are: it has no memory: take other cores, "
		"or ask for memory elsewhere (--mem SIZE@2: the nearest");
	refused("--cores 4 --mem 1G@0", -ENODEV, "it has no memory");
	host.node[2].allowed = false;
	refused("--cores 0 --mem 1G", -ENODEV, "--mem SIZE@1: the nearest");
	refused("--cores 8 --mem 1G", -ENODEV, "our cpuset lets us take no memory there");
	ck_assert_ptr_nonnull(strstr(problem.text, "cpuset.mems"));
	refused("--cores 0 --mem 1G@2", -ENODEV, "our cpuset");
	made("--cores 0 --mem 1G@1");
	/* Without --cores: those that have memory beside them, but the first. */
	made("--mem 1G");
	ck_assert_uint_eq(plan.nvcpus, 3);
	ck_assert_uint_eq(plan.vcpu[0].core, 5);
	host.node[1].present = false;
	refused("--cores 4", -ENODEV, "offline");
	refused("--cores 0 --mem 1G@1", -ENODEV, "offline");
	refused("--mem 1G", -ENODEV, "no other node has memory that we may use");
	host.node[1].possible = false;
	refused("--cores 0 --mem 1G@1", -ENODEV, "not on this machine");
	refused("--cores 0 --mem 1G@63", -ENODEV, "node 63");
	refused("--cores 0 --mem 1G@64", -ENODEV, "node 64");
}
END_TEST

START_TEST(enough_but_elsewhere)
{
	char text[PLAN_NOTE_MAX];

	host_make(2, 4);
	host.node[0].pool_2m.free = 8;
	refused("--cores 0 --mem 1G --page 2M", -ENOMEM, "(node 0: 8, node 1: 8192;");
	/* With auto it is a note beside the fallback. */
	made("--cores 0 --mem 1G");
	ck_assert(plan.extent[0].thp);
	ck_assert(plan_note(&plan, 1, text));
	ck_assert_ptr_nonnull(strstr(text, "(node 0: 8, node 1: 8192)"));
	host.node[1].pool_2m.free = 100;
	made("--cores 0 --mem 1G");
	ck_assert(!plan_note(&plan, 1, text));
	refused("--cores 0 --mem 1G --page 2M", -ENOMEM, "(cgroup limit: none): as root");
	refused("--cores 0 --mem 63G --page 4K", -ENOMEM,
		"(node 0: 62259.1 MiB, node 1: 62259.1");
	host.may_grow_pools = true;
	refused("--cores 0 --mem 63G --page 2M", -ENOMEM, "need 32256, have 8 free");
}
END_TEST

START_TEST(siblings)
{
	char text[PLAN_NOTE_MAX];

	host_make(2, 4);
	made("--cores 0-5 --mem 1G");
	ck_assert_uint_eq(plan.nvcpus, 6);
	ck_assert_uint_eq(plan.vcpu[1].sibling_of, 0);
	ck_assert(!plan_note(&plan, 0, text));
	made("--cores 1,0,2,5,4 --mem 1G --no-smt");
	ck_assert_uint_eq(plan.nvcpus, 3);
	ck_assert_uint_eq(plan.vcpu[0].core, 1);
	ck_assert_uint_eq(plan.vcpu[1].core, 2);
	ck_assert_uint_eq(plan.vcpu[2].core, 5);
	ck_assert(plan_note(&plan, 0, text));
	ck_assert_ptr_nonnull(strstr(text, "left out cores 0,4"));
	/* By default the first physical core is left to helpers as a whole. */
	made("--mem 1G --no-smt");
	ck_assert_uint_eq(plan.vcpu[0].core, 2);
	ck_assert_uint_eq(plan.nvcpus, 3);
	host_make(1, 128);
	refused("--cores 0-127 --mem 1G", -EINVAL, "--no-smt");
	made("--cores 0-127 --mem 1G --no-smt");
	ck_assert_uint_eq(plan.nvcpus, 64);
	made("--mem 1G --no-smt");
	ck_assert_uint_eq(plan.nvcpus, 63);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plan_nodes");
	TCase *tc = tcase_create("plan_nodes");

	tcase_add_test(tc, mirror);
	tcase_add_test(tc, none);
	tcase_add_test(tc, split_every_number);
	tcase_add_test(tc, split_refused);
	tcase_add_test(tc, parts);
	tcase_add_test(tc, parts_with_1g_pages);
	tcase_add_test(tc, small_part_on_each_node);
	tcase_add_test(tc, nodes_without_memory);
	tcase_add_test(tc, enough_but_elsewhere);
	tcase_add_test(tc, siblings);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
