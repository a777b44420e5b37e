/* SPDX-License-Identifier: MIT */
/* Who runs where: vCPUs on cores, and host cores for helper threads and proxies. */
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

static bool same_core(const struct host *host, unsigned a, unsigned b)
{
	return host->cpu[a].first_sibling == host->cpu[b].first_sibling;
}

/* Is there memory for the guest on the core's own node? */
static bool core_near_memory(const struct options *opt, const struct host *host, unsigned core)
{
	unsigned node = host->cpu[core].node;

	for (unsigned i = 0; i < opt->nmem_parts; i++) {
		if (opt->mem_part[i].node == node)
			return true;
	}
	return !opt->nmem_parts && plan_node_usable(host, node);
}

static void cores_collect(const struct options *opt, const struct host *host, bool isolated,
	bool near, struct core_list *list)
{
	list->n = 0;
	for (unsigned i = 0; i < host->ncpus; i++) {
		if (core_usable(host, i) && (!isolated || host->cpu[i].isolated) &&
			(!near || core_near_memory(opt, host, i)))
			list->core[list->n++] = (uint16_t)i;
	}
}

/* Leaves the first core, and with --no-smt its siblings too, out of the list. */
static void first_drop(const struct host *host, bool no_smt, struct core_list *list)
{
	uint16_t first = list->core[0];
	unsigned n = 0;

	for (unsigned i = 1; i < list->n; i++) {
		if (!no_smt || !same_core(host, list->core[i], first))
			list->core[n++] = list->core[i];
	}
	list->n = n ? n : 1; /* the first stays when it is all there is */
}

/*
 * Without --cores: the isolated cores, where the administrator has set some apart; else all we
 * may use but the first, which is left to helper threads (and is where most interrupts go).
 * Those on nodes without memory for the guest only where there are no others.
 */
static void cores_default(
	const struct options *opt, const struct host *host, struct core_list *list)
{
	bool isolated = false;

	for (unsigned i = 0; i < host->ncpus; i++)
		isolated |= core_usable(host, i) && host->cpu[i].isolated;
	cores_collect(opt, host, isolated, true, list);
	if (!list->n)
		cores_collect(opt, host, isolated, false, list);
	if (!isolated && list->n)
		first_drop(host, opt->no_smt, list);
}

/* --no-smt: keeps the first named of each physical core. */
static void siblings_drop(const struct host *host, struct core_list *list, struct plan *plan)
{
	unsigned n = 0;

	for (unsigned i = 0; i < list->n; i++) {
		bool seen = false;

		for (unsigned k = 0; k < n && !seen; k++)
			seen = same_core(host, list->core[k], list->core[i]);
		if (seen)
			plan->left[plan->nleft++] = list->core[i];
		else
			list->core[n++] = list->core[i];
	}
	list->n = n;
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

static int cores_named(const struct options *opt, const struct host *host,
	struct core_list *list, struct problem *problem)
{
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
	return 0;
}

static int cores_select(const struct options *opt, const struct host *host,
	struct core_list *list, struct plan *plan, struct problem *problem)
{
	int err = 0;

	if (opt->have_cores)
		err = cores_named(opt, host, list, problem);
	else
		cores_default(opt, host, list);
	if (err)
		return err;
	if (!opt->have_cores && !list->n)
		return problem_set(problem, -ENODEV, EXIT_LWVMM_FAILED,
			"cores: none that is online may be used: see lwvmm check");
	if (opt->no_smt)
		siblings_drop(host, list, plan);
	if (!opt->have_cores && list->n > PLAN_MAX_VCPUS)
		list->n = PLAN_MAX_VCPUS;
	if (list->n == 0 || list->n > PLAN_MAX_VCPUS)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--cores: %u cores: a guest has 1 to %d: name fewer, or take --no-smt",
			list->n, PLAN_MAX_VCPUS);
	return 0;
}

static void vcpus_make(const struct core_list *list, const struct host *host, struct plan *plan)
{
	for (unsigned i = 0; i < list->n; i++) {
		const struct host_cpu *cpu = &host->cpu[list->core[i]];
		struct plan_vcpu *vcpu = &plan->vcpu[i];

		vcpu->core = list->core[i];
		vcpu->host_node = (uint8_t)cpu->node;
		vcpu->package = cpu->package;
		vcpu->core_id = cpu->core_id;
		vcpu->sibling_of = (uint16_t)i;
		for (unsigned k = 0; k < i; k++) {
			if (same_core(host, list->core[k], list->core[i])) {
				vcpu->sibling_of = (uint16_t)k;
				break;
			}
		}
	}
	plan->nvcpus = list->n;
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
	int err = cores_select(opt, host, &list, plan, problem);

	if (err)
		return err;
	vcpus_make(&list, host, plan);
	helpers_make(host, plan);
	return 0;
}
