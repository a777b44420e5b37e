/* SPDX-License-Identifier: MIT */
/* The readers of sysfs, procfs and cgroupfs on small trees that each test writes for itself. */
#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "numa/host.h"
#include "numa/plan.h"
#include "tests/unit/suite.h"

static char root[] = "/tmp/lwvmm-host-XXXXXX";
static struct host host;
static struct problem problem;

/* Writes a file below the tree's root, and the folders on the way. */
static void put(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(const char *path, const char *fmt, ...)
{
	char full[1024];
	va_list ap;
	FILE *file;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = strchr(full + strlen(root) + 1, '/'); slash;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	file = fopen(full, "w");
	ck_assert_msg(file != NULL, "%s", full);
	va_start(ap, fmt);
	vfprintf(file, fmt, ap);
	va_end(ap);
	fputc('\n', file);
	fclose(file);
}

static void drop(const char *path)
{
	char full[1024];

	snprintf(full, sizeof(full), "%s%s", root, path);
	ck_assert_int_eq(unlink(full), 0);
}

static void put_cpu(unsigned cpu, unsigned package, unsigned core, const char *siblings)
{
	char path[256];

	snprintf(path, sizeof(path),
		"/sys/devices/system/cpu/cpu%u/topology/physical_package_id", cpu);
	put(path, "%u", package);
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology/core_id", cpu);
	put(path, "%u", core);
	snprintf(path, sizeof(path),
		"/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
	put(path, "%s", siblings);
}

static void put_pool(unsigned node, unsigned kib, unsigned total, unsigned free)
{
	static const char *const name[] = {
		"nr_hugepages", "free_hugepages", "surplus_hugepages"};
	const unsigned value[] = {total, free, 0};

	for (unsigned i = 0; i < 3; i++) {
		char path[256];

		snprintf(path, sizeof(path),
			"/sys/devices/system/node/node%u/hugepages/hugepages-%ukB/%s", node,
			kib, name[i]);
		put(path, "%u", value[i]);
	}
}

static void put_node(
	unsigned node, const char *cpus, const char *distance, unsigned long total_kib)
{
	char path[256];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/cpulist", node);
	put(path, "%s", cpus);
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/distance", node);
	put(path, "%s", distance);
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/meminfo", node);
	put(path,
		"Node %u MemTotal:       %lu kB\nNode %u MemFree:        %lu kB\n"
		"Node %u Active(file):       1000 kB\nNode %u Inactive(file):     3000 kB\n"
		"Node %u SReclaimable:       200 kB",
		node, total_kib, node, total_kib / 2, node, node, node);
	put_pool(node, 2048, 100, 60);
}

static void put_process(const char *cpus, const char *mems, const char *cgroup)
{
	put("/proc/self/status",
		"Name:\tlwvmm\nCpus_allowed:\tff\nCpus_allowed_list:\t%s\n"
		"Mems_allowed_list:\t%s",
		cpus, mems);
	put("/proc/self/cgroup", "%s", cgroup);
	put("/proc/self/limits",
		"Limit                     Soft Limit           Hard Limit\n"
		"Max locked memory         8388608              8388608         bytes");
}

/* One node of two cores, as this project's own machines are. */
static void tree_small(void)
{
	put("/sys/devices/system/cpu/present", "0-1");
	put("/sys/devices/system/cpu/online", "0-1");
	put("/sys/devices/system/cpu/isolated", "%s", "");
	put("/sys/devices/system/cpu/nohz_full", "(null)");
	put_cpu(0, 0, 0, "0");
	put_cpu(1, 0, 1, "1");
	put("/sys/devices/system/node/online", "0");
	put_node(0, "0-1", "10", 4000000);
	put("/proc/meminfo", "MemTotal:       8000000 kB\nMemFree:        7000000 kB\n"
			     "MemAvailable:   7500000 kB");
	put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme svmx avx2\n");
	put_process("0-1", "0", "0::/");
}

/* Two nodes of four CPUs: two cores of two threads each; CPU 7 is offline. */
static void tree_two_nodes(void)
{
	put("/sys/devices/system/cpu/present", "0-7");
	put("/sys/devices/system/cpu/online", "0-6");
	put("/sys/devices/system/cpu/isolated", "4-5");
	put("/sys/devices/system/cpu/nohz_full", "4-6");
	for (unsigned i = 0; i < 7; i++) {
		char siblings[16];

		snprintf(siblings, sizeof(siblings), "%u-%u", i / 2 * 2, i / 2 * 2 + 1);
		put_cpu(i, i / 4, i % 4 / 2, i == 6 ? "6" : siblings);
	}
	put("/sys/devices/system/node/online", "0,2");
	put_node(0, "0-3", "10 32", 16000000);
	put_node(2, "4-6", "32 10", 16000000);
	put_pool(2, 1048576, 3, 2);
	put("/proc/meminfo", "MemTotal:       32000000 kB\nMemAvailable:   30000000 kB");
	put("/proc/cpuinfo", "flags\t\t: fpu vmx avx2\n");
	put_process("0-3,6", "0,2", "0::/");
}

static void read_ok(void)
{
	problem = (struct problem){0};
	ck_assert_msg(host_read(root, &host, &problem) == 0, "%s", problem.text);
}

static void setup(void)
{
	snprintf(root, sizeof(root), "/tmp/lwvmm-host-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void teardown(void)
{
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

START_TEST(small_host)
{
	tree_small();
	read_ok();
	ck_assert_uint_eq(host.ncpus, 2);
	ck_assert_uint_eq(host.nnodes, 1);
	ck_assert(host.cpu[1].online && host.cpu[1].allowed);
	ck_assert(!host.cpu[1].isolated && !host.cpu[1].nohz_full);
	ck_assert_uint_eq(host.cpu[1].core_id, 1);
	ck_assert_uint_eq(host.cpu[1].first_sibling, 1);
	/* One node: the machine's own figures are the node's. */
	ck_assert_uint_eq(host.node[0].mem_total, UINT64_C(8000000) << 10);
	ck_assert_uint_eq(host.node[0].mem_free, UINT64_C(7500000) << 10);
	ck_assert_uint_eq(host.mem_available, UINT64_C(7500000) << 10);
	ck_assert_uint_eq(host.node[0].pool_2m.total, 100);
	ck_assert_uint_eq(host.node[0].pool_2m.free, 60);
	ck_assert(host.node[0].have_2m && !host.node[0].have_1g && host.node[0].allowed);
	ck_assert_uint_eq(host.memlock, 8388608);
	ck_assert_uint_eq(host.cgroup_memory_limit, UINT64_MAX);
	ck_assert_uint_eq(host.cgroup_hugetlb_2m, UINT64_MAX);
	ck_assert_int_eq(host.kvm, KVM_KIND_NONE);
	ck_assert(host.may_grow_pools);
}
END_TEST

START_TEST(two_nodes)
{
	tree_two_nodes();
	read_ok();
	ck_assert_uint_eq(host.ncpus, 8);
	ck_assert_uint_eq(host.nnodes, 3);
	ck_assert(host.cpu[7].present && !host.cpu[7].online && !host.cpu[7].allowed);
	ck_assert_uint_eq(host.cpu[7].first_sibling, 7);
	ck_assert_uint_eq(host.cpu[5].first_sibling, 4);
	ck_assert_uint_eq(host.cpu[6].first_sibling, 6);
	ck_assert_uint_eq(host.cpu[5].node, 2);
	ck_assert_uint_eq(host.cpu[5].package, 1);
	/* Isolated: in nobody's mask, still ours. */
	ck_assert(host.cpu[4].isolated && host.cpu[4].allowed);
	ck_assert(host.cpu[6].nohz_full && !host.cpu[6].isolated);
	ck_assert(!host.node[1].present && !host.node[1].allowed && host.node[2].allowed);
	ck_assert_uint_eq(host.node[2].distance[0], 32);
	ck_assert_uint_eq(host.node[2].distance[2], 10);
	ck_assert_uint_eq(host.node[2].distance[1], 0);
	ck_assert_uint_eq(host.node[2].pool_1g.free, 2);
	ck_assert_uint_eq(host.node[0].mem_free, UINT64_C(8002100) << 10);
}
END_TEST

/* From the tree to the plan: the cores' nodes are mirrored, an offline CPU is refused. */
START_TEST(plan_from_tree)
{
	static struct options opt;
	static struct plan plan;

	tree_two_nodes();
	read_ok();
	opt = (struct options){.have_cores = true,
		.ncores = 3,
		.core = {1, 0, 4},
		.mem = GIB(3),
		.page = PAGE_4K};
	ck_assert_int_eq(plan_make(&opt, &host, &plan, &problem), 0);
	ck_assert_uint_eq(plan.nnodes, 2);
	ck_assert_uint_eq(plan.node[1].host_node, 2);
	ck_assert_uint_eq(plan.node[0].size, GIB(2));
	ck_assert_uint_eq(plan.vcpu[1].sibling_of, 0);
	ck_assert_uint_eq(plan.node[0].distance[1], 32);
	opt.core[0] = 7;
	ck_assert_int_eq(plan_make(&opt, &host, &plan, &problem), -ENODEV);
	ck_assert_ptr_nonnull(strstr(problem.text, "core 7: offline"));
}
END_TEST

START_TEST(masks_and_cpusets)
{
	tree_two_nodes();
	put_process("1", "2", "0::/slurm/job1/step0");
	put("/sys/fs/cgroup/cgroup.controllers", "cpuset memory");
	put("/sys/fs/cgroup/cpuset.cpus.effective", "0-6");
	put("/sys/fs/cgroup/slurm/job1/cpuset.cpus.effective", "1,5");
	put("/sys/fs/cgroup/slurm/job1/step0/cgroup.procs", "1");
	read_ok();
	ck_assert(host.cpu[1].allowed && !host.cpu[0].allowed);
	ck_assert(host.cpu[5].allowed && !host.cpu[4].allowed);
	ck_assert(host.node[2].allowed && !host.node[0].allowed);
}
END_TEST

START_TEST(reserved_pages_are_not_free)
{
	tree_small();
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "15");
	read_ok();
	ck_assert_uint_eq(host.node[0].pool_2m.free, 45);
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "70");
	read_ok();
	ck_assert_uint_eq(host.node[0].pool_2m.free, 0);
}
END_TEST

START_TEST(cgroup_v2)
{
	tree_small();
	put_process("0-1", "0", "0::/a/b");
	put("/sys/fs/cgroup/cgroup.controllers", "memory hugetlb");
	put("/sys/fs/cgroup/a/memory.max", "1073741824");
	put("/sys/fs/cgroup/a/memory.current", "536870912");
	put("/sys/fs/cgroup/a/memory.stat", "anon 1\nfile 2\ninactive_file 134217728");
	put("/sys/fs/cgroup/a/b/memory.max", "max");
	put("/sys/fs/cgroup/a/b/memory.current", "4096");
	put("/sys/fs/cgroup/a/b/hugetlb.2MB.max", "8388608");
	put("/sys/fs/cgroup/a/b/hugetlb.2MB.current", "2097152");
	put("/sys/fs/cgroup/a/b/hugetlb.2MB.rsvd.max", "8388608");
	put("/sys/fs/cgroup/a/b/hugetlb.2MB.rsvd.current", "4194304");
	put("/sys/fs/cgroup/a/b/hugetlb.1GB.max", "0");
	read_ok();
	ck_assert_uint_eq(host.cgroup_memory_limit, GIB(1));
	ck_assert_uint_eq(host.cgroup_memory_left, MIB(640));
	ck_assert_uint_eq(host.cgroup_hugetlb_2m, MIB(4));
	ck_assert_uint_eq(host.cgroup_hugetlb_1g, 0);
}
END_TEST

START_TEST(cgroup_v1)
{
	tree_small();
	put_process("0-1", "0",
		"9:hugetlb:/job\n5:cpu,cpuacct:/x\n4:memory:/job/step\n3:cpuset:/job\n"
		"1:name=systemd:/\n0::/");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
	put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "99999999999");
	put("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "2147483648");
	put("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "4294967296");
	put("/sys/fs/cgroup/memory/job/step/memory.limit_in_bytes", "1073741824");
	put("/sys/fs/cgroup/memory/job/step/memory.usage_in_bytes", "1048576");
	put("/sys/fs/cgroup/hugetlb/job/hugetlb.2MB.limit_in_bytes", "9223372036853727232");
	put("/sys/fs/cgroup/hugetlb/job/hugetlb.1GB.limit_in_bytes", "3221225472");
	put("/sys/fs/cgroup/hugetlb/job/hugetlb.1GB.usage_in_bytes", "1073741824");
	put("/sys/fs/cgroup/cpuset/job/cpuset.effective_cpus", "1");
	put("/sys/devices/system/cpu/isolated", "0-1");
	put("/proc/self/status", "Cpus_allowed_list:\t1\nMems_allowed_list:\t0");
	read_ok();
	ck_assert_uint_eq(host.cgroup_memory_limit, GIB(1));
	ck_assert_uint_eq(host.cgroup_memory_left, 0); /* the parent is over its limit */
	ck_assert_uint_eq(host.cgroup_hugetlb_2m, UINT64_MAX);
	ck_assert_uint_eq(host.cgroup_hugetlb_1g, GIB(2));
	ck_assert(host.cpu[1].allowed && !host.cpu[0].allowed);
}
END_TEST

/* In a container the path of /proc/self/cgroup is the host's: what is mounted is our own group.
 */
START_TEST(cgroup_in_container)
{
	tree_small();
	put_process("0-1", "0", "4:memory:/docker/0123\n0::/");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912");
	put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "0");
	read_ok();
	ck_assert_uint_eq(host.cgroup_memory_left, MIB(512));
}
END_TEST

/* Version 2 beside version 1: the controller is in one of them only. */
START_TEST(cgroup_hybrid)
{
	tree_small();
	put_process("0-1", "0", "4:pids:/p\n0::/u");
	put("/sys/fs/cgroup/unified/u/memory.max", "268435456");
	read_ok();
	ck_assert_uint_eq(host.cgroup_memory_limit, MIB(256));
}
END_TEST

START_TEST(kinds_of_kvm)
{
	tree_small();
	put("/dev/kvm", "%s", "");
	put("/sys/module/kvm_pvm/initstate", "live");
	read_ok();
	ck_assert_int_eq(host.kvm, KVM_KIND_SOFTWARE);
	put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vmx avx2\nbugs\t\t: x");
	read_ok();
	ck_assert_int_eq(host.kvm, KVM_KIND_SOFTWARE); /* flags, but the software back end */
	drop("/sys/module/kvm_pvm/initstate");
	put("/sys/module/kvm_intel/initstate", "live");
	read_ok();
	ck_assert_int_eq(host.kvm, KVM_KIND_HARDWARE);
	put("/proc/cpuinfo", "flags\t\t: fpu svm");
	read_ok();
	ck_assert_int_eq(host.kvm, KVM_KIND_HARDWARE);
	drop("/dev/kvm");
	read_ok();
	ck_assert_int_eq(host.kvm, KVM_KIND_NONE);
}
END_TEST

START_TEST(trees_without_sense)
{
	ck_assert_int_eq(host_read(root, &host, &problem), -ENODEV);
	ck_assert_ptr_nonnull(strstr(problem.text, "no CPU"));
	put("/sys/devices/system/cpu/present", "0");
	problem = (struct problem){0};
	ck_assert_int_eq(host_read(root, &host, &problem), -ENODEV);
	ck_assert_ptr_nonnull(strstr(problem.text, "no node"));
	/* Numbers beyond what we hold, and garbage, are passed over. */
	tree_small();
	put("/sys/devices/system/cpu/online", "0-1,4000");
	put("/sys/devices/system/node/node0/distance", "999");
	put("/sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages", "-3");
	put("/proc/self/status", "nothing");
	put("/proc/self/limits",
		"Max locked memory         unlimited            unlimited bytes");
	read_ok();
	ck_assert_uint_eq(host.ncpus, 2);
	ck_assert_uint_eq(host.node[0].distance[0], 10); /* no valid SLIT */
	ck_assert_ptr_nonnull(strstr(host.slit_odd, "node 0 is 999 from node 0"));
	ck_assert_uint_eq(host.node[0].pool_2m.free, 0);
	ck_assert(!host.cpu[0].allowed && host.node[0].allowed);
	ck_assert_uint_eq(host.memlock, UINT64_MAX);
	/* A node beyond what we hold, which has a distance (found by the fuzzer). */
	put("/sys/devices/system/node/online", "0,60001");
	put("/sys/devices/system/node/node0/distance", "10 20");
	read_ok();
	ck_assert_uint_eq(host.nnodes, 1);
	ck_assert_uint_eq(host.node[0].distance[0], 10);
	ck_assert_str_eq(host.slit_odd, "");
}
END_TEST

/* The rows of nodes 0 and 2; what is odd about them, or nothing. */
static const struct {
	const char *row[2], *odd;
} slits[] = {
	{{"10 32", "32 10"}, ""},
	{{"10 11", "255 10"}, ""}, /* unreachable, and not symmetric: both may be */
	{{"10 32 ", "32  10\n"}, ""},
	{{"10 32", "32 11"}, "node 2 is 11 from node 2"},
	{{"10 10", "32 10"}, "node 0 is 10 from node 2: to another node it must be more"},
	{{"10 0", "32 10"}, "node 0 is 0 from node 2"},
	{{"10 256", "32 10"}, "255 at most"},
	{{"10 -1", "32 10"}, "255 at most"},
	{{"10", "32 10"}, "node 0 has no distance to each of 2 nodes"},
	{{"10 32 40", "32 10"}, "node 0 has no distance to each of 2 nodes, or other text"},
	{{"10 32", ""}, "node 2 has no distance"},
	{{"10 x", "32 10"}, "node 0 has no distance"},
	{{"0 0", "0 0"}, "node 0 is 0 from node 0: to itself it must be 10"},
};

START_TEST(distances)
{
	bool odd = slits[_i].odd[0];

	tree_two_nodes();
	put("/sys/devices/system/node/possible", "0-2");
	put("/sys/devices/system/node/node0/distance", "%s", slits[_i].row[0]);
	put("/sys/devices/system/node/node2/distance", "%s", slits[_i].row[1]);
	read_ok();
	ck_assert_msg(strstr(host.slit_odd, slits[_i].odd) && !host.slit_odd[0] == !odd, "%s",
		host.slit_odd);
	ck_assert_uint_eq(host.node[0].distance[0], 10);
	ck_assert_uint_eq(host.node[2].distance[2], 10);
	ck_assert(!odd || host.node[0].distance[2] == 20);
	ck_assert(!odd || host.node[2].distance[0] == 20);
	ck_assert(host.node[0].distance[2] > 10 && host.node[2].distance[0] > 10);
	ck_assert_uint_eq(host.node[0].distance[1], 0);
	ck_assert(host.node[1].possible && !host.node[1].present);
}
END_TEST

/* The machine that the tests run on. */
START_TEST(real_host)
{
	problem = (struct problem){0};
	ck_assert_msg(host_read("", &host, &problem) == 0, "%s", problem.text);
	ck_assert_uint_ge(host.ncpus, 1);
	ck_assert_uint_gt(host.mem_available, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("host");
	TCase *tc = tcase_create("host");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, small_host);
	tcase_add_test(tc, two_nodes);
	tcase_add_test(tc, plan_from_tree);
	tcase_add_test(tc, masks_and_cpusets);
	tcase_add_test(tc, reserved_pages_are_not_free);
	tcase_add_test(tc, cgroup_v2);
	tcase_add_test(tc, cgroup_v1);
	tcase_add_test(tc, cgroup_in_container);
	tcase_add_test(tc, cgroup_hybrid);
	tcase_add_test(tc, kinds_of_kvm);
	tcase_add_test(tc, trees_without_sense);
	tcase_add_loop_test(tc, distances, 0, sizeof(slits) / sizeof(slits[0]));
	tcase_add_test(tc, real_host);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
