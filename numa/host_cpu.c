/* SPDX-License-Identifier: MIT */
/* The host's CPUs: which there are, which we may use, and who shares a core with whom. */
#include <errno.h>
#include <string.h>

#include "numa/host_parts.h"
#include "numa/options.h"

#define CPU_DIR "/sys/devices/system/cpu"

static void present_read(const char *root, struct host *host)
{
	uint16_t list[HOST_MAX_CPUS];
	struct host_path path = host_path(root, CPU_DIR "/present");
	unsigned n = host_file_list(&path, list, HOST_MAX_CPUS);

	for (unsigned i = 0; i < n && list[i] < HOST_MAX_CPUS; i++) {
		host->cpu[list[i]].present = true;
		host->cpu[list[i]].first_sibling = list[i];
		if (list[i] >= host->ncpus)
			host->ncpus = list[i] + 1U;
	}
	path = host_path(root, CPU_DIR "/online");
	n = host_file_list(&path, list, HOST_MAX_CPUS);
	for (unsigned i = 0; i < n; i++) {
		if (list[i] < host->ncpus)
			host->cpu[list[i]].online = host->cpu[list[i]].present;
	}
}

/* An offline CPU has no topology directory: it keeps zeros and is its own sibling. */
static void topology_read(const char *root, unsigned cpu, struct host *host)
{
	struct host_cpu *c = &host->cpu[cpu];
	struct host_path path =
		host_path(root, CPU_DIR "/cpu%u/topology/physical_package_id", cpu);
	uint16_t list[HOST_MAX_CPUS];
	uint64_t value;
	unsigned n;

	if (host_file_u64(&path, &value) == 0)
		c->package = (uint16_t)value;
	path = host_path(root, CPU_DIR "/cpu%u/topology/core_id", cpu);
	if (host_file_u64(&path, &value) == 0)
		c->core_id = (uint16_t)value;
	path = host_path(root, CPU_DIR "/cpu%u/topology/thread_siblings_list", cpu);
	n = host_file_list(&path, list, HOST_MAX_CPUS);
	if (n && list[0] < host->ncpus)
		c->first_sibling = list[0];
}

static void isolation_read(const char *root, struct host *host)
{
	uint16_t list[HOST_MAX_CPUS];
	struct host_path path = host_path(root, CPU_DIR "/isolated");
	unsigned n = host_file_list(&path, list, HOST_MAX_CPUS);

	for (unsigned i = 0; i < n; i++) {
		if (list[i] < host->ncpus)
			host->cpu[list[i]].isolated = true;
	}
	path = host_path(root, CPU_DIR "/nohz_full");
	n = host_file_list(&path, list, HOST_MAX_CPUS);
	for (unsigned i = 0; i < n; i++) {
		if (list[i] < host->ncpus)
			host->cpu[list[i]].nohz_full = true;
	}
}

/*
 * Our affinity mask says which CPUs a launcher (Slurm, taskset, mpiexec) gave us. Isolated CPUs
 * are in nobody's mask, so of those we may use all that our cpuset has.
 */
static void allowed_read(const char *root, struct host *host)
{
	char status[HOST_TEXT_MAX], mask[HOST_TEXT_MAX];
	struct host_path path = host_path(root, "/proc/self/status");
	uint16_t list[HOST_MAX_CPUS];
	bool in_cpuset[HOST_MAX_CPUS] = {false};
	unsigned n = 0;
	bool cpuset = host_cgroup_cpus_read(root, list, HOST_MAX_CPUS, &n);

	for (unsigned i = 0; i < n; i++) {
		if (list[i] < host->ncpus)
			in_cpuset[list[i]] = true;
	}
	n = 0;
	if (host_file_text(&path, status, sizeof(status)) == 0 &&
		host_text_line(status, "Cpus_allowed_list", mask, sizeof(mask)) == 0)
		cpulist_parse(mask, list, HOST_MAX_CPUS, &n);
	for (unsigned i = 0; i < n; i++) {
		if (list[i] < host->ncpus)
			host->cpu[list[i]].allowed = true;
	}
	for (unsigned i = 0; i < host->ncpus; i++) {
		if (host->cpu[i].isolated && (!cpuset || in_cpuset[i]))
			host->cpu[i].allowed = true;
	}
}

int host_cpu_read(const char *root, struct host *host, struct problem *problem)
{
	present_read(root, host);
	if (host->ncpus == 0)
		return problem_set(problem, -ENODEV, EXIT_LWVMM_FAILED,
			"%s" CPU_DIR "/present: names no CPU: mount sysfs on /sys", root);
	for (unsigned i = 0; i < host->ncpus; i++) {
		if (host->cpu[i].online)
			topology_read(root, i, host);
	}
	isolation_read(root, host);
	allowed_read(root, host);
	return 0;
}
