/* SPDX-License-Identifier: MIT */
/* Who runs where: vCPUs on cores, guest nodes, and host cores for helper threads and proxies.
 */
#include <errno.h>
#include <string.h>

#include "numa/plan_parts.h"

#define LIST_TEXT 256

struct core_list {
	unsigned n;
	uint16_t core[HOST_MAX_CPUS];
};

static bool core_usable(const struct host *host, unsigned core)
{
	return core < host->ncpus && host->cpu[core].online && host->cpu[core].allowed;
}

static void list_present(const struct host *host, bool usable, char text[LIST_TEXT])
{
	struct core_list list = {.n = 0};

	for (unsigned i = 0; i < host->ncpus; i++) {
		if (usable ? core_usable(host, i) : host->cpu[i].present)
			list.core[list.n++] = (uint16_t)i;
	}
	cpulist_format(list.core, list.n, text, LIST_TEXT);
}

/*
 * Without --cores: the isolated cores, where the administrator has set some apart; else all we
 * may use but the first, which is left to helper threads (and is where most interrupts go).
 */
static void cores_default(const struct host *host, struct core_list *list)
{
	bool isolated = false;

	for (unsigned i = 0; i < host->ncpus; i++)
		isolated |= core_usable(host, i) && host->cpu[i].isolated;
	list->n = 0;
	for (unsigned i = 0; i < host->ncpus; i++) {
		if (core_usable(host, i) && (!isolated || host->cpu[i].isolated))
			list->core[list->n++] = (uint16_t)i;
	}
	if (!isolated && list->n > 1)
		memmove(list->core, list->core + 1, --list->n * sizeof(list->core[0]));
	if (list->n > PLAN_MAX_VCPUS)
		list->n = PLAN_MAX_VCPUS;
}

static int core_check(const struct host *host, unsigned core, struct problem *problem)
{
	char text[LIST_TEXT];

	if (core >= host->ncpus || !host->cpu[core].present) {
		list_present(host, false, text);
		return problem_set(problem, -ENODEV, EXIT_LWVMM_FAILED,
			"core %u: not on this machine: it has cores %s", core, text);
	}
	if (!host->cpu[core].online)
		return problem_set(problem, -ENODEV, EXIT_LWVMM_FAILED,
			"core %u: offline: echo 1 > /sys/devices/system/cpu/cpu%u/online", core,
			core);
	if (!host->cpu[core].allowed) {
		list_present(host, true, text);
		return problem_set(problem, -ENODEV, EXIT_LWVMM_FAILED,
			"core %u: not among the cores we may use (%s): widen the affinity mask "
			"or "
			"cpuset of this shell (taskset, Slurm, container)",
			core, text);
	}
	return 0;
}

static int cores_select(const struct options *opt, const struct host *host,
	struct core_list *list, struct problem *problem)
{
	if (!opt->have_cores) {
		cores_default(host, list);
		if (list->n)
			return 0;
		return problem_set(problem, -ENODEV, EXIT_LWVMM_FAILED,
			"cores: none that is online may be used: see lwvmm check");
	}
	list->n = opt->ncores;
	memcpy(list->core, opt->core, opt->ncores * sizeof(opt->core[0]));
	for (unsigned i = 0; i < list->n; i++) {
		int err = core_check(host, list->core[i], problem);

		if (err)
			return err;
		for (unsigned k = 0; k < i; k++) {
			if (list->core[k] == list->core[i])
				return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
					"core %u: named twice: name each core once",
					list->core[i]);
		}
	}
	if (list->n == 0 || list->n > PLAN_MAX_VCPUS)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--cores: %u cores: a guest has 1 to %d", list->n, PLAN_MAX_VCPUS);
	return 0;
}

static unsigned distance(const struct host *host, unsigned from, unsigned to)
{
	unsigned known = host->node[from].distance[to];

	return known ? known : from == to ? 10 : 20;
}

static bool node_usable(const struct host *host, unsigned node)
{
	return host->node[node].present && host->node[node].allowed &&
	       host->node[node].mem_total;
}

/* The core's own node, or the nearest when that has no memory or none for us. -1: there is
 * none. */
static int memory_node(const struct host *host, unsigned core)
{
	unsigned home = host->cpu[core].node;
	int best = -1;

	for (unsigned i = 0; i < host->nnodes; i++) {
		if (!node_usable(host, i))
			continue;
		if (best < 0 ||
			distance(host, home, i) < distance(host, home, (unsigned)best) ||
			i == home)
			best = (int)i;
		if (i == home)
			break;
	}
	return best;
}

/* Guest nodes are numbered as the vCPUs first name them: vCPU 0 is on node 0, where the kernel
 * is. */
static int guest_node_of(
	const struct host *host, unsigned core, struct plan *plan, struct problem *problem)
{
	int node = memory_node(host, core);

	if (node < 0)
		return problem_set(problem, -ENODEV, EXIT_LWVMM_FAILED,
			"core %u: no node has memory that we may use: widen cpuset.mems", core);
	for (unsigned i = 0; i < plan->nnodes; i++) {
		if (plan->node[i].host_node == node)
			return (int)i;
	}
	if (plan->nnodes == PLAN_MAX_NODES)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--cores: cores on more than %d nodes: name fewer", PLAN_MAX_NODES);
	plan->node[plan->nnodes].host_node = (uint8_t)node;
	return (int)plan->nnodes++;
}

static int vcpus_make(const struct core_list *list, const struct host *host, struct plan *plan,
	struct problem *problem)
{
	for (unsigned i = 0; i < list->n; i++) {
		const struct host_cpu *cpu = &host->cpu[list->core[i]];
		struct plan_vcpu *vcpu = &plan->vcpu[i];
		int node = guest_node_of(host, list->core[i], plan, problem);

		if (node < 0)
			return node;
		vcpu->core = list->core[i];
		vcpu->guest_node = (uint8_t)node;
		vcpu->package = cpu->package;
		vcpu->core_id = cpu->core_id;
		vcpu->sibling_of = (uint16_t)i;
		for (unsigned k = 0; k < i; k++) {
			if (host->cpu[list->core[k]].first_sibling == cpu->first_sibling) {
				vcpu->sibling_of = (uint16_t)k;
				break;
			}
		}
	}
	plan->nvcpus = list->n;
	return 0;
}

/*
 * How bad a core is for helpers, 0 is best. A sibling of a guest core would slow that core
 * down, an isolated one is meant for guests: both are taken only when there is no other.
 */
enum { HELPER_FAR = 1, HELPER_SIBLING = 2, HELPER_ISOLATED = 4, HELPER_NEVER = 8 };

static unsigned helper_rank(const struct host *host, const struct plan *plan, unsigned core)
{
	const struct host_cpu *cpu = &host->cpu[core];
	unsigned rank = HELPER_FAR | (cpu->isolated ? HELPER_ISOLATED : 0);

	if (!core_usable(host, core))
		return HELPER_NEVER;
	for (unsigned i = 0; i < plan->nvcpus; i++) {
		const struct host_cpu *guest = &host->cpu[plan->vcpu[i].core];

		if (plan->vcpu[i].core == core)
			return HELPER_NEVER;
		if (guest->first_sibling == cpu->first_sibling)
			rank |= HELPER_SIBLING;
		if (guest->node == cpu->node)
			rank &= ~(unsigned)HELPER_FAR;
	}
	return rank;
}

/* Best first. The worse kinds only when there is nothing better, but far ones always behind
 * near ones. */
static void helpers_make(const struct host *host, struct plan *plan)
{
	for (unsigned rank = 0; rank < HELPER_NEVER; rank++) {
		if (rank % HELPER_SIBLING == 0 && plan->nhelpers)
			return;
		for (unsigned core = 0; core < host->ncpus; core++) {
			if (helper_rank(host, plan, core) == rank)
				plan->helper[plan->nhelpers++] = (uint16_t)core;
		}
	}
	if (plan->nhelpers)
		return;
	plan->cores_shared = true;
	for (unsigned i = 0; i < plan->nvcpus; i++)
		plan->helper[plan->nhelpers++] = plan->vcpu[i].core;
}

int plan_cores(const struct options *opt, const struct host *host, struct plan *plan,
	struct problem *problem)
{
	struct core_list list;
	int err = cores_select(opt, host, &list, problem);

	if (!err)
		err = vcpus_make(&list, host, plan, problem);
	if (err)
		return err;
	for (unsigned i = 0; i < plan->nnodes; i++) {
		for (unsigned k = 0; k < plan->nnodes; k++)
			plan->node[i].distance[k] = (uint8_t)distance(
				host, plan->node[i].host_node, plan->node[k].host_node);
	}
	helpers_make(host, plan);
	return 0;
}
