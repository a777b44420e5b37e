/* SPDX-License-Identifier: MIT */
/* What programs see of the machine: the text of /sys and /proc for made-up plans. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "vmm/view/view.h"

#define MAX_ENTRIES 4096

static struct entry {
	enum view_kind kind;
	char *path, *text;
} entries[MAX_ENTRIES];
static unsigned nentries;

static const struct entry *find(const char *path)
{
	for (unsigned i = 0; i < nentries; i++)
		if (strcmp(entries[i].path, path) == 0)
			return &entries[i];
	return NULL;
}

/* A folder must come before what is in it, and nothing twice. */
static int collect(
	struct view_sink *sink, enum view_kind kind, const char *path, const char *text)
{
	char above[256];
	char *slash;

	ck_assert_msg(!find(path), "%s: twice", path);
	snprintf(above, sizeof(above), "%s", path);
	slash = strrchr(above, '/');
	if (slash) {
		*slash = '\0';
		ck_assert_msg(
			find(above) && find(above)->kind == VIEW_DIR, "%s: no folder", path);
	}
	ck_assert_uint_lt(nentries, MAX_ENTRIES);
	entries[nentries++] = (struct entry){kind, strdup(path), text ? strdup(text) : NULL};
	return 0;
}

static void make(const struct plan *plan, const struct view_facts *facts,
	const struct view_memory *memory)
{
	struct view_sink sink = {collect};

	while (nentries) {
		nentries--;
		free(entries[nentries].path);
		free(entries[nentries].text);
	}
	ck_assert_int_eq(view_tree(plan, facts, memory, &sink), 0);
}

static void has(const char *path, const char *text)
{
	char line[256];
	const struct entry *e = find(path);

	ck_assert_msg(e, "%s: not there", path);
	snprintf(line, sizeof(line), "%s%s", text, e->kind == VIEW_FILE ? "\n" : "");
	ck_assert_str_eq(e->text, line);
}

#define CPU  "sys/devices/system/cpu/"
#define NODE "sys/devices/system/node/"

/* Cores 3 and 2 of one package, one node. */
static struct plan plan_small(void)
{
	return (struct plan){
		.nvcpus = 2,
		.vcpu = {{.core = 3, .package = 7, .core_id = 9},
			{.core = 2, .package = 7, .core_id = 8, .sibling_of = 1}},
		.nnodes = 1,
		.node = {{.size = MIB(256), .distance = {10}}},
		.nextents = 1,
		.extent = {{.gpa = 0, .size = MIB(256)}},
	};
}

/* Two packages, two nodes, two cores each with both threads; and a node of memory alone. */
static struct plan plan_large(void)
{
	struct plan plan = {
		.nvcpus = 8,
		.nnodes = 3,
		.node = {{.size = GIB(1), .distance = {10, 21, 30}},
			{.size = GIB(2), .distance = {21, 10, 31}},
			{.size = GIB(4), .distance = {30, 31, 10}}},
	};

	for (unsigned i = 0; i < 8; i++)
		plan.vcpu[i] = (struct plan_vcpu){
			.core = (uint16_t)(16 + i / 2 + i % 2 * 64),
			.package = i < 4 ? 3 : 1,
			.guest_node = i / 4,
			.sibling_of = (uint16_t)(i & ~1u),
		};
	return plan;
}

static const struct view_facts no_facts;
static const struct view_memory memory = {
	.total = {GIB(1), GIB(2), GIB(4)}, .free = {MIB(512), GIB(2), MIB(1)}};

START_TEST(one_node)
{
	struct plan plan = plan_small();

	make(&plan, &no_facts, &memory);
	has(CPU "online", "0-1");
	has(CPU "possible", "0-1");
	has(CPU "present", "0-1");
	has(CPU "offline", "");
	has(CPU "isolated", "");
	has(CPU "kernel_max", "63");
	has(CPU "smt/active", "0");
	has(CPU "cpu0/topology/physical_package_id", "0");
	has(CPU "cpu0/topology/core_id", "0");
	has(CPU "cpu1/topology/core_id", "1");
	has(CPU "cpu1/topology/thread_siblings", "2");
	has(CPU "cpu1/topology/thread_siblings_list", "1");
	has(CPU "cpu1/topology/core_siblings", "3");
	has(CPU "cpu1/topology/package_cpus_list", "0-1");
	has(CPU "cpu1/node0", "../../node/node0");
	has(NODE "node0/cpu1", "../../cpu/cpu1");
	has(NODE "online", "0");
	has(NODE "has_memory", "0");
	has(NODE "node0/cpulist", "0-1");
	has(NODE "node0/cpumap", "3");
	has(NODE "node0/distance", "10");
	has("sys/bus/cpu/devices/cpu1", "../../../devices/system/cpu/cpu1");
	has("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0");
	ck_assert_ptr_null(find(CPU "cpu2"));
	ck_assert_ptr_null(find(CPU "cpu0/cache"));
	ck_assert_ptr_null(find(NODE "node1"));
}
END_TEST

START_TEST(nodes_packages_siblings)
{
	struct plan plan = plan_large();

	make(&plan, &no_facts, &memory);
	has(CPU "online", "0-7");
	has(CPU "smt/active", "1");
	has(CPU "cpu3/topology/physical_package_id", "0");
	has(CPU "cpu4/topology/physical_package_id", "1");
	has(CPU "cpu3/topology/core_id", "1");
	has(CPU "cpu7/topology/core_id", "1");
	has(CPU "cpu2/topology/thread_siblings", "0c");
	has(CPU "cpu2/topology/core_cpus_list", "2-3");
	has(CPU "cpu5/topology/core_siblings", "f0");
	has(CPU "cpu5/topology/die_cpus_list", "4-7");
	has(CPU "cpu5/node1", "../../node/node1");
	has(NODE "online", "0-2");
	has(NODE "has_cpu", "0-1");
	has(NODE "has_memory", "0-2");
	has(NODE "node1/cpulist", "4-7");
	has(NODE "node2/cpulist", "");
	has(NODE "node2/cpumap", "00");
	has(NODE "node1/distance", "21 10 31");
	ck_assert_ptr_nonnull(strstr(
		find(NODE "node1/meminfo")->text, "Node 1 MemTotal:        2097152 kB\n"));
	ck_assert_ptr_nonnull(strstr(
		find(NODE "node2/meminfo")->text, "Node 2 MemFree:            1024 kB\n"));
}
END_TEST

/* No memory on node 1, as with --mem 8G@0 on cores of two nodes. */
START_TEST(node_without_memory)
{
	struct plan plan = plan_large();

	plan.node[1].size = 0;
	make(&plan, &no_facts, &memory);
	has(NODE "has_memory", "0,2");
	has(NODE "online", "0-2");
}
END_TEST

START_TEST(sets)
{
	char text[VIEW_TEXT_MAX];

	ck_assert_str_eq(view_mask(5, 3, text), "5");
	ck_assert_str_eq(view_mask(1, 32, text), "00000001");
	ck_assert_str_eq(view_mask(1ULL << 39, 40, text), "80,00000000");
	ck_assert_str_eq(view_mask(~0ULL, 64, text), "ffffffff,ffffffff");
	ck_assert_str_eq(view_list(0, text), "");
	ck_assert_str_eq(view_list(0x8000000000000017ULL, text), "0-2,4,63");
}
END_TEST

static char root[] = "/tmp/lwvmm-view-XXXXXX";

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void cache_write(unsigned core, unsigned index, const char *level, const char *shared)
{
	char folder[200], command[256];

	snprintf(folder, sizeof(folder), "%s/sys/devices/system/cpu/cpu%u/cache/index%u", root,
		core, index);
	snprintf(command, sizeof(command), "mkdir -p %s", folder);
	ck_assert_int_eq(system(command), 0);
	write_file(folder, "level", level);
	write_file(folder, "type", "Data\n");
	write_file(folder, "size", "48K\n");
	write_file(folder, "ways_of_associativity", "12\n");
	write_file(folder, "number_of_sets", "64\n");
	write_file(folder, "coherency_line_size", "64\n");
	write_file(folder, "shared_cpu_list", shared);
}

/* The host's caches, shared by those guest CPUs whose cores share them there. */
START_TEST(caches)
{
	static struct view_facts facts;
	struct plan plan = plan_small();

	ck_assert_ptr_nonnull(mkdtemp(root));
	cache_write(3, 0, "1\n", "3\n");
	cache_write(3, 1, "3\n", "0-7\n");
	cache_write(2, 0, "1\n", "2\n");
	view_facts_read(root, &plan, &facts);
	ck_assert_uint_eq(facts.ncaches[0], 2);
	ck_assert_uint_eq(facts.ncaches[1], 1);
	make(&plan, &facts, &memory);
	has(CPU "cpu0/cache/index0/shared_cpu_map", "1");
	has(CPU "cpu0/cache/index1/shared_cpu_map", "3");
	has(CPU "cpu0/cache/index1/shared_cpu_list", "0-1");
	has(CPU "cpu0/cache/index1/level", "3");
	has(CPU "cpu1/cache/index0/shared_cpu_list", "1");
	has(CPU "cpu1/cache/index0/size", "48K");
	has(CPU "cpu1/cache/index0/ways_of_associativity", "12");
	ck_assert_ptr_null(find(CPU "cpu1/cache/index1"));
	ck_assert_int_eq(system("rm -r /tmp/lwvmm-view-??????"), 0);
}
END_TEST

static char shown[16384];

/* The text that `call` prints to `out`. */
#define SHOWN(call)                                                                            \
	do {                                                                                   \
		shown[0] = 0;                                                                  \
		FILE *out = fmemopen(shown, sizeof(shown), "w");                               \
		call;                                                                          \
		fclose(out);                                                                   \
	} while (0)

START_TEST(cpuinfo)
{
	static const char host[] = "processor\t: 2\nmodel name\t: Two: the second\n"
				   "physical id\t: 7\nsiblings\t: 64\ncore id\t\t: 8\n"
				   "cpu cores\t: 32\napicid\t\t: 40\ninitial apicid\t: 40\n\n"
				   "processor\t: 3\nmodel name\t: Three\ncore id\t\t: 9\n\n";
	struct plan plan = plan_small();

	SHOWN(view_cpuinfo(&plan, host, out));
	ck_assert_str_eq(shown, "processor\t: 0\nmodel name\t: Three\ncore id\t\t: 0\n\n"
				"processor\t: 1\nmodel name\t: Two: the second\n"
				"physical id\t: 0\nsiblings\t: 2\ncore id\t\t: 1\n"
				"cpu cores\t: 2\napicid\t\t: 1\ninitial apicid\t: 1\n\n");
	/* A host that says nothing of the cores. */
	SHOWN(view_cpuinfo(&plan, "", out));
	ck_assert_str_eq(shown, "processor\t: 0\n\nprocessor\t: 1\n\n");
}
END_TEST

START_TEST(stat_times)
{
	static const char host[] = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu2 1 2 3 4 5 6 7 8 9 10\n"
				   "cpu3 10 20 30 40 50 60 70 80 90 100\n"
				   "cpu33 5 5 5 5 5 5 5 5 5 5\nintr 5 5\nctxt 77\nbtime 8\n";
	struct plan plan = plan_small();

	SHOWN(view_stat(&plan, host, out));
	ck_assert_str_eq(shown, "cpu  11 22 33 44 55 66 77 88 99 110\n"
				"cpu0 10 20 30 40 50 60 70 80 90 100\n"
				"cpu1 1 2 3 4 5 6 7 8 9 10\nctxt 77\nbtime 8\n");
}
END_TEST

START_TEST(meminfo)
{
	struct plan plan = plan_large();

	SHOWN(view_meminfo(&plan, &memory, out));
	ck_assert_ptr_nonnull(strstr(shown, "MemTotal:        7340032 kB\n"));
	ck_assert_ptr_nonnull(strstr(shown, "\nMemFree:         2622464 kB\n"));
	ck_assert_ptr_nonnull(strstr(shown, "\nMemAvailable:    2622464 kB\n"));
	ck_assert_ptr_nonnull(strstr(shown, "\nHugepagesize:       2048 kB\n"));
}
END_TEST

static const struct view_self self = {
	.name = "a program with a long name",
	.threads = 5,
	.affinity = 2,
	.cpu = 1,
	.brk = 0x600000,
	.stack = 0x3fffffdfffff,
};

START_TEST(status)
{
	static const char host[] = "Name:\tlwvmm\nUmask:\t0022\nThreads:\t9\n"
				   "Cpus_allowed:\tffff\nCpus_allowed_list:\t0-15\n"
				   "Mems_allowed:\t1\nMems_allowed_list:\t0\n"
				   "voluntary_ctxt_switches:\t3\n";
	struct plan plan = plan_large();

	SHOWN(view_status(&plan, &self, host, out));
	ck_assert_str_eq(shown, "Name:\ta program with \nUmask:\t0022\nThreads:\t5\n"
				"Cpus_allowed:\t02\nCpus_allowed_list:\t1\n"
				"Mems_allowed:\t00000000,00000007\nMems_allowed_list:\t0-2\n"
				"voluntary_ctxt_switches:\t3\n");
}
END_TEST

START_TEST(self_stat)
{
	char host[512] = "77 (x) y) R";
	size_t len = strlen(host);

	for (unsigned i = 4; i <= 52; i++)
		len += (size_t)snprintf(host + len, sizeof(host) - len, " %u", 1000 + i);
	snprintf(host + len, sizeof(host) - len, "\n");
	SHOWN(view_self_stat(&self, host, out));
	ck_assert_int_eq(strncmp(shown, "77 (a program with ) R 1004 1005 ", 33), 0);
	ck_assert_ptr_nonnull(strstr(shown, " 1019 5 1021 "));
	ck_assert_ptr_nonnull(strstr(shown, " 1038 1 1040 "));
	ck_assert_ptr_nonnull(strstr(shown, " 1052\n"));
	SHOWN(view_self_stat(&self, "nonsense", out));
	ck_assert_str_eq(shown, "nonsense");
}
END_TEST

/* Two extents, one a node; the proxy's own files and what lies above are left out. */
START_TEST(maps)
{
	static const char host[] =
		"00400000-00800000 rw-s 00200000 00:01 5001 /memfd:lwvmm (deleted)\n"
		"00800000-00c00000 rw-s 00000000 00:01 5002 /memfd:lwvmm (deleted)\n"
		"10000000-10200000 r--s 00000000 00:01 4 /elsewhere\n"
		"20000000-20400000 rw-s 00800000 00:01 5002 /memfd:lwvmm (deleted)\n"
		"3fffffc00000-3fffffe00000 rw-s 00a00000 00:01 5001 /memfd:lwvmm (deleted)\n"
		"7f0000000000-7f0000200000 rw-s 00a00000 00:01 5001 /memfd:lwvmm (deleted)\n";
	const struct view_inodes inodes = {{5001, 5002}};
	struct plan plan = {
		.nnodes = 2, .nextents = 2, .extent = {{.guest_node = 0}, {.guest_node = 1}}};
	struct view_self policied = self;

	SHOWN(view_maps(&plan, &inodes, &self, host, out));
	ck_assert_str_eq(shown, "00400000-00c00000 rw-p 00000000 00:00 0                      "
				"            [heap]\n"
				"20000000-20400000 rw-p 00000000 00:00 0 \n"
				"3fffffc00000-3fffffe00000 rw-p 00000000 00:00 0              "
				"            [stack]\n");
	SHOWN(view_numa_maps(&plan, &inodes, &self, host, out));
	ck_assert_str_eq(shown,
		"00400000 default heap huge anon=4 dirty=4 N0=2 N1=2 kernelpagesize_kB=2048\n"
		"20000000 default huge anon=2 dirty=2 N1=2 kernelpagesize_kB=2048\n"
		"3fffffc00000 default stack huge anon=1 dirty=1 N0=1 "
		"kernelpagesize_kB=2048\n");
	/* Policies cut runs, in whole blocks, also within a line of the host's. */
	policied.policy_all = (struct abi_policy){.mode = 3 | 1u << 14, .nodes = 3};
	policied.npolicies = 3;
	policied.policy[0] =
		(struct abi_policy){.start = 0x601000, .end = 0xa00000, .mode = 2, .nodes = 2};
	policied.policy[1] = (struct abi_policy){
		.start = 0x20000000, .end = 0x20200000, .mode = 5 | 1u << 15, .nodes = 7};
	policied.policy[2] =
		(struct abi_policy){.start = 0x20200000, .end = 0x20400000, .mode = 4};
	SHOWN(view_numa_maps(&plan, &inodes, &policied, host, out));
	ck_assert_str_eq(shown,
		"00400000 interleave=relative:0-1 huge anon=1 dirty=1 N0=1 "
		"kernelpagesize_kB=2048\n"
		"00600000 bind:1 heap huge anon=2 dirty=2 N0=1 N1=1 kernelpagesize_kB=2048\n"
		"00a00000 interleave=relative:0-1 huge anon=1 dirty=1 N1=1 "
		"kernelpagesize_kB=2048\n"
		"20000000 prefer (many)=static:0-2 huge anon=1 dirty=1 N1=1 "
		"kernelpagesize_kB=2048\n"
		"20200000 local huge anon=1 dirty=1 N1=1 kernelpagesize_kB=2048\n"
		"3fffffc00000 interleave=relative:0-1 stack huge anon=1 dirty=1 N0=1 "
		"kernelpagesize_kB=2048\n");
	SHOWN(view_maps(&plan, &inodes, &self, "rubbish", out));
	ck_assert_str_eq(shown, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("view");
	TCase *tc = tcase_create("view");

	tcase_add_test(tc, one_node);
	tcase_add_test(tc, nodes_packages_siblings);
	tcase_add_test(tc, node_without_memory);
	tcase_add_test(tc, sets);
	tcase_add_test(tc, caches);
	tcase_add_test(tc, cpuinfo);
	tcase_add_test(tc, stat_times);
	tcase_add_test(tc, meminfo);
	tcase_add_test(tc, status);
	tcase_add_test(tc, self_stat);
	tcase_add_test(tc, maps);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
