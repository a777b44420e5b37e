/* SPDX-License-Identifier: MIT */
#include "vmm/base/affinity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NODE_BITS   1024 /* the kernel's largest CONFIG_NODES_SHIFT is 10 */
#define WORD_BITS   (8 * sizeof(unsigned long))
#define COUNT_BATCH 512

static int mask_apply(const cpu_set_t *want, const char *who, struct problem *problem)
{
	cpu_set_t got;

	if (sched_setaffinity(0, sizeof(*want), want) < 0)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"%s: cannot run there: %s: choose cores that `lwvmm check` lists as "
			"allowed",
			who, strerror(errno));
	if (sched_getaffinity(0, sizeof(got), &got) < 0)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"%s: cannot read the affinity back: %s", who, strerror(errno));
	if (!CPU_EQUAL(want, &got))
		return problem_set(problem, -EIO, EXIT_LWVMM_FAILED,
			"%s: the kernel gave %d cores instead of the %d asked for: a cpuset "
			"leaves some out: choose cores inside it",
			who, CPU_COUNT(&got), CPU_COUNT(want));
	return 0;
}

int affinity_set(const uint16_t *cores, unsigned n, struct problem *problem)
{
	cpu_set_t want;
	char who[32];

	CPU_ZERO(&want);
	for (unsigned i = 0; i < n; i++)
		CPU_SET(cores[i], &want);
	if (n == 1)
		snprintf(who, sizeof(who), "core %u", cores[0]);
	else
		snprintf(who, sizeof(who), "%u cores from %u", n, n ? cores[0] : 0U);
	return mask_apply(&want, who, problem);
}

int affinity_pin(unsigned core, struct problem *problem)
{
	uint16_t one = (uint16_t)core;
	int rc = affinity_set(&one, 1, problem);

	return rc ? rc : affinity_verify(core, problem);
}

int affinity_verify(unsigned core, struct problem *problem)
{
	cpu_set_t got;
	int now = sched_getcpu();

	if (sched_getaffinity(0, sizeof(got), &got) < 0)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"core %u: cannot read the affinity: %s", core, strerror(errno));
	if (CPU_COUNT(&got) == 1 && CPU_ISSET(core, &got) && now == (int)core)
		return 0;
	return problem_set(problem, -EIO, EXIT_LWVMM_FAILED,
		"core %u: its thread runs on core %d and may use %d cores: somebody moved it "
		"(cpuset, taskset): start the guest again on cores that stay its own",
		core, now, CPU_COUNT(&got));
}

bool affinity_many_nodes(void)
{
	char text[64] = "";
	int fd = open("/sys/devices/system/node/online", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false; /* a kernel without NUMA */
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return strpbrk(text, "-,") != NULL;
}

bool affinity_core_on_node(unsigned core, unsigned node)
{
	char path[80];

	if (!affinity_many_nodes())
		return true;
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/node%u", core, node);
	return access(path, F_OK) == 0;
}

int affinity_bind(void *start, size_t len, unsigned node, struct problem *problem)
{
	unsigned long mask[NODE_BITS / WORD_BITS] = {0};

	if (node >= NODE_BITS)
		return problem_set(
			problem, -EINVAL, EXIT_LWVMM_FAILED, "node %u: no such node", node);
	mask[node / WORD_BITS] = 1UL << (node % WORD_BITS);
	/* The kernel takes one bit less than it is told, hence the + 1. */
	if (syscall(SYS_mbind, start, len, MPOL_BIND, mask, NODE_BITS + 1UL, MPOL_MF_STRICT) ==
		0)
		return 0;
	if (errno == EPERM || errno == ENOSYS)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"node %u: memory cannot be bound to it (mbind: %s): a container's "
			"seccomp "
			"profile forbids it: start the container with --cap-add SYS_NICE, or "
			"run "
			"lwvmm outside it",
			node, strerror(errno));
	return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
		"node %u: memory cannot be bound to it (mbind: %s): is the node in this cpuset "
		"(cpuset.mems)?",
		node, strerror(errno));
}

static int batch_count(void **pages, unsigned n, unsigned node, struct affinity_tally *tally,
	struct problem *problem)
{
	int status[COUNT_BATCH];

	if (syscall(SYS_move_pages, 0, (unsigned long)n, pages, NULL, status, 0) < 0)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"node %u: cannot ask where its memory lies (move_pages: %s): in a "
			"container, start it with --cap-add SYS_NICE, or with a seccomp "
			"profile that allows it",
			node, strerror(errno));
	tally->pages += n;
	for (unsigned i = 0; i < n; i++) {
		if (status[i] == (int)node)
			continue;
		if (status[i] < 0) {
			tally->absent++;
		} else {
			tally->elsewhere++;
			tally->stray = status[i];
		}
	}
	return 0;
}

int affinity_count(const void *start, size_t len, size_t step, unsigned node,
	struct affinity_tally *tally, struct problem *problem)
{
	void *pages[COUNT_BATCH];
	unsigned n = 0;

	for (size_t at = 0; at < len; at += step) {
		pages[n++] = (char *)start + at;
		if (n < COUNT_BATCH && at + step < len)
			continue;
		int rc = batch_count(pages, n, node, tally, problem);

		if (rc)
			return rc;
		n = 0;
	}
	return 0;
}
