/* SPDX-License-Identifier: MIT */
/*
 * A host with strange files: the readers take what is there, and a plan made from it keeps its
 * promises. An input is two bytes of what is asked for, then a sequence of (number of a file,
 * length, content); files that it does not name are a sane host's.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "numa/plan.h"
#include "tests/fuzz/fuzz.h"

#define CPU  "/sys/devices/system/cpu/"
#define NODE "/sys/devices/system/node/"
#define HUGE "/hugepages/hugepages-"

static const struct {
	const char *path, *text;
} files[] = {
	{CPU "present", "0-3"},
	{CPU "online", "0-3"},
	{CPU "isolated", ""},
	{CPU "nohz_full", ""},
	{CPU "cpu0/topology/physical_package_id", "0"},
	{CPU "cpu1/topology/physical_package_id", "0"},
	{CPU "cpu0/topology/core_id", "0"},
	{CPU "cpu1/topology/core_id", "0"},
	{CPU "cpu0/topology/thread_siblings_list", "0-1"},
	{CPU "cpu2/topology/thread_siblings_list", "2-3"},
	{NODE "possible", "0-2"},
	{NODE "online", "0-1"},
	{NODE "node0/cpulist", "0-1"},
	{NODE "node1/cpulist", "2-3"},
	{NODE "node0/distance", "10 20"},
	{NODE "node1/distance", "20 10"},
	{NODE "node0/meminfo", "Node 0 MemTotal: 16000000 kB\nNode 0 MemFree: 15000000 kB"},
	{NODE "node1/meminfo", "Node 1 MemTotal: 16000000 kB\nNode 1 MemFree: 15000000 kB"},
	{NODE "node0" HUGE "2048kB/nr_hugepages", "2000"},
	{NODE "node0" HUGE "2048kB/free_hugepages", "1900"},
	{NODE "node0" HUGE "2048kB/surplus_hugepages", "0"},
	{NODE "node1" HUGE "2048kB/nr_hugepages", "2000"},
	{NODE "node1" HUGE "2048kB/free_hugepages", "2000"},
	{NODE "node0" HUGE "1048576kB/nr_hugepages", "4"},
	{NODE "node0" HUGE "1048576kB/free_hugepages", "4"},
	{"/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "0"},
	{"/proc/meminfo", "MemTotal: 32000000 kB\nMemAvailable: 30000000 kB"},
	{"/proc/cpuinfo", "flags : fpu vmx"},
	{"/proc/self/limits", "Max locked memory unlimited unlimited bytes"},
	{"/proc/self/status", "Cpus_allowed_list:\t0-3\nMems_allowed_list:\t0-1"},
	{"/proc/self/cgroup", "3:memory:/g\n2:hugetlb:/g\n1:cpuset:/g\n0::/g"},
	{"/sys/fs/cgroup/cgroup.controllers", "memory hugetlb cpuset"},
	{"/sys/fs/cgroup/g/memory.max", "max"},
	{"/sys/fs/cgroup/g/memory.current", "1000000"},
	{"/sys/fs/cgroup/g/memory.stat", "anon 5\ninactive_file 100000"},
	{"/sys/fs/cgroup/g/hugetlb.2MB.max", "max"},
	{"/sys/fs/cgroup/g/hugetlb.2MB.rsvd.max", "max"},
	{"/sys/fs/cgroup/g/hugetlb.1GB.current", "0"},
	{"/sys/fs/cgroup/g/cpuset.cpus.effective", "0-3"},
};
#define NFILES (sizeof(files) / sizeof(files[0]))

static char root[] = "/dev/shm/lwvmm-fuzz-XXXXXX";
static bool have_root;
static struct host host;
static struct plan plan;

static void put(unsigned i, const void *text, size_t len)
{
	char path[512];

	snprintf(path, sizeof(path), "%s%s", root, files[i].path);
	for (char *slash = path + sizeof(root); (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		mkdir(path, 0755);
	}
	FILE *file = fopen(path, "w");

	MUST(file && fwrite(text, 1, len, file) == len);
	fclose(file);
}

static void remove_root(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	if (system(command))
		fprintf(stderr, "%s is left\n", root);
}

/* Either there is a valid SLIT for all that are online, or the default for all. */
static void check_distance(unsigned from, unsigned to)
{
	unsigned d = host.node[from].distance[to];

	if (!host.node[from].present || !host.node[to].present)
		MUST(!host.node[from].present || !d);
	else if (from == to)
		MUST(d == 10);
	else
		MUST(d > 10 && (!host.slit_odd[0] || d == 20));
}

static void check_host(void)
{
	MUST(host.ncpus >= 1 && host.ncpus <= HOST_MAX_CPUS);
	MUST(host.nnodes >= 1 && host.nnodes <= HOST_MAX_NODES);
	for (unsigned i = 0; i < host.ncpus; i++)
		MUST(host.cpu[i].node < host.nnodes && host.cpu[i].first_sibling < host.ncpus);
	for (unsigned i = 0; i < host.nnodes; i++) {
		for (unsigned k = 0; k < host.nnodes; k++)
			check_distance(i, k);
	}
}

static void check_plan(void)
{
	uint64_t sum = 0, above = 0;

	MUST(plan.nvcpus >= 1 && plan.nvcpus <= PLAN_MAX_VCPUS &&
		plan.nnodes <= PLAN_MAX_NODES);
	for (unsigned i = 0; i < plan.nvcpus; i++) {
		MUST(plan.vcpu[i].core < host.ncpus && host.cpu[plan.vcpu[i].core].online);
		MUST(plan.vcpu[i].guest_node < plan.nnodes && plan.vcpu[i].sibling_of <= i);
		MUST(plan.vcpu[i].host_node == host.cpu[plan.vcpu[i].core].node);
		for (unsigned k = 0; k < i; k++)
			MUST(plan.vcpu[i].core != plan.vcpu[k].core);
	}
	MUST(plan.nextents >= 1 && plan.nextents <= PLAN_MAX_EXTENTS);
	for (unsigned i = 0; i < plan.nextents; i++) {
		const struct plan_extent *e = &plan.extent[i];

		MUST(e->size && e->size % e->page_size == 0 && e->gpa % e->page_size == 0);
		MUST(e->gpa >= above &&
			(e->gpa >= PLAN_HOLE_END || e->gpa + e->size <= PLAN_HOLE_START));
		MUST(e->host_node < host.nnodes && e->guest_node < plan.nnodes);
		MUST(host.node[e->host_node].allowed && host.node[e->host_node].mem_total);
		above = e->gpa + e->size;
		sum += e->size;
	}
	MUST(sum == plan.mem && plan.mem >= PLAN_MIN_MEM);
}

/* The first two bytes of an input say what is asked for. */
static struct options ask(const uint8_t *data, size_t size)
{
	struct options opt = {.mem = MIB(256) + (size ? data[0] * MIB(64) : 0)};
	unsigned how = size > 1 ? data[1] : 0;

	opt.no_smt = how & 1;
	if (how & 2) {
		opt.numa = NUMA_NONE;
	} else if (how & 4) {
		opt.numa = NUMA_SPLIT;
		opt.numa_nodes = 1 + (how >> 5);
	}
	for (unsigned i = 0; how & 8 && i < 1 + (how >> 4) % 4; i++) {
		opt.mem_part[i].node = (uint16_t)(i * (1 + (how >> 6)));
		opt.mem_part[i].size = opt.mem / 4 + 1;
		opt.nmem_parts++;
	}
	if (opt.nmem_parts)
		opt.mem = opt.nmem_parts * (opt.mem / 4 + 1);
	return opt;
}

static void check_answers(const struct options *opt)
{
	struct problem problem = {0};
	char note[PLAN_NOTE_MAX];

	if (plan_make(opt, &host, &plan, &problem)) {
		MUST(problem.text[0] && !strchr(problem.text, '\n'));
		return;
	}
	check_plan();
	for (unsigned i = 0; plan_note(&plan, i, note); i++)
		MUST(i < 64 && memchr(note, 0, sizeof(note)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options opt = ask(data, size);
	struct problem problem = {0};
	uint64_t changed = 0;

	if (!have_root) {
		MUST(mkdtemp(root));
		have_root = true;
		atexit(remove_root);
		for (unsigned i = 0; i < NFILES; i++)
			put(i, files[i].text, strlen(files[i].text));
	}
	for (size_t at = 2; at + 2 <= size;) {
		unsigned i = data[at] % NFILES;
		size_t len = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;

		put(i, data + at + 2, len);
		changed |= 1ULL << i;
		at += 2 + len;
	}
	if (!host_read(root, &host, &problem)) {
		check_host();
		for (opt.page = PAGE_AUTO; opt.page <= PAGE_1G; opt.page++)
			check_answers(&opt);
	} else {
		MUST(problem.text[0]);
	}
	for (unsigned i = 0; i < NFILES; i++)
		if (changed >> i & 1)
			put(i, files[i].text, strlen(files[i].text));
	return 0;
}
