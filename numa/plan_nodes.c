/* SPDX-License-Identifier: MIT */
/*
 * The guest's nodes. They mirror the host's nodes of its cores and of its memory, or are one
 * (--numa none), or as many as were asked for (--numa N). A bank is what one guest node has on
 * one host node; here it is decided which there are, not yet how large they become.
 */
#include <errno.h>
#include <string.h>

#include "numa/plan_parts.h"

#define LIST_TEXT 128
#define LOCAL     10
#define REMOTE    20

bool plan_node_usable(const struct host *host, unsigned node)
{
	return node < host->nnodes && host->node[node].present && host->node[node].allowed &&
	       host->node[node].mem_total;
}

static unsigned distance(const struct host *host, unsigned from, unsigned to)
{
	unsigned known = host->node[from].distance[to];

	return known ? known : from == to ? LOCAL : REMOTE;
}

static void nodes_list(const struct host *host, bool usable, char text[LIST_TEXT])
{
	uint16_t list[HOST_MAX_NODES];
	unsigned n = 0;

	for (unsigned i = 0; i < host->nnodes; i++) {
		if (usable ? plan_node_usable(host, i) : host->node[i].present)
			list[n++] = (uint16_t)i;
	}
	cpulist_format(list, n, text, LIST_TEXT);
}

/* Why no memory can be had from a node, and what to do about that; NULL: it can. */
struct lack {
	const char *what, *mend;
};

static const struct lack *node_lack(const struct host *host, unsigned node)
{
	static const struct lack absent = {"not on this machine", "name another"},
				 offline = {"offline",
					 "bring its memory online, or name another"},
				 empty = {"it has no memory", "name another"},
				 forbidden = {"our cpuset lets us take no memory there",
					 "widen cpuset.mems (container: --cpuset-mems)"};

	if (node >= HOST_MAX_NODES || !(host->node[node].present || host->node[node].possible))
		return &absent;
	if (!host->node[node].present)
		return &offline;
	if (!host->node[node].mem_total)
		return &empty;
	return host->node[node].allowed ? NULL : &forbidden;
}

static int part_check(
	const struct host *host, const struct mem_part *part, struct problem *problem)
{
	const struct lack *lack = node_lack(host, part->node);
	char size[SIZE_TEXT_MAX], there[LIST_TEXT], usable[LIST_TEXT];

	if (!lack)
		return 0;
	nodes_list(host, false, there);
	nodes_list(host, true, usable);
	return problem_set(problem, -ENODEV, EXIT_LWVMM_FAILED,
		"--mem: node %u, from which %s are asked for: %s (online: %s; with memory for "
		"us: %s): %s",
		part->node, size_format(part->size, size), lack->what, there, usable,
		lack->mend);
}

/* The nearest node that has memory for us, or -1. */
static int node_near(const struct host *host, unsigned home)
{
	int best = -1;

	for (unsigned i = 0; i < host->nnodes; i++) {
		if (plan_node_usable(host, i) &&
			(best < 0 ||
				distance(host, home, i) < distance(host, home, (unsigned)best)))
			best = (int)i;
	}
	return best;
}

/* Memory elsewhere than the cores is slow, so nobody gets it unasked. */
static int home_check(const struct host *host, const struct plan *plan, unsigned node,
	struct problem *problem)
{
	const struct lack *lack = node_lack(host, node);
	uint16_t list[PLAN_MAX_VCPUS];
	char cores[LIST_TEXT];
	unsigned n = 0;
	int near;

	if (!lack)
		return 0;
	near = node_near(host, node);
	for (unsigned i = 0; i < plan->nvcpus; i++) {
		if (plan->vcpu[i].host_node == node)
			list[n++] = plan->vcpu[i].core;
	}
	cpulist_format(list, n, cores, sizeof(cores));
	if (near < 0)
		return problem_set(problem, -ENODEV, EXIT_LWVMM_FAILED,
			"node %u, where core%s %s of the guest %s: %s, and no other node has "
			"memory that we may use: widen cpuset.mems",
			node, n == 1 ? "" : "s", cores, n == 1 ? "is" : "are", lack->what);
	return problem_set(problem, -ENODEV, EXIT_LWVMM_FAILED,
		"node %u, where core%s %s of the guest %s: %s: take other cores, or ask for "
		"memory elsewhere (--mem SIZE@%d: the nearest node that has some)%s",
		node, n == 1 ? "" : "s", cores, n == 1 ? "is" : "are", lack->what, near,
		host->node[node].mem_total ? ", or widen cpuset.mems" : "");
}

/* The guest node that mirrors a host node; made when it is new. */
static int mirror_node(struct plan *plan, unsigned host_node, struct problem *problem)
{
	for (unsigned i = 0; i < plan->nnodes; i++) {
		if (plan->node[i].host_node == host_node)
			return (int)i;
	}
	if (plan->nnodes == PLAN_MAX_NODES)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--cores, --mem: they are on more than %d nodes: name fewer, or take "
			"--numa none",
			PLAN_MAX_NODES);
	plan->node[plan->nnodes].host_node = (uint8_t)host_node;
	return (int)plan->nnodes++;
}

static int split_check(
	const struct options *opt, const struct plan *plan, struct problem *problem)
{
	if (opt->numa_nodes > PLAN_MAX_NODES)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--numa %u: a guest has at most %d nodes: ask for fewer",
			opt->numa_nodes, PLAN_MAX_NODES);
	if (opt->numa_nodes > plan->nvcpus)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--numa %u: more nodes than the guest has vCPUs (%u): ask for fewer, "
			"or name more --cores",
			opt->numa_nodes, plan->nvcpus);
	if (opt->nmem_parts && opt->numa_nodes > 1)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--numa %u: it deals memory out evenly, so --mem cannot name nodes: "
			"leave one of the two away",
			opt->numa_nodes);
	return 0;
}

/* Guest nodes are numbered as the vCPUs first name them: vCPU 0 is on node 0. */
static int vcpus_place(const struct options *opt, struct plan *plan, struct problem *problem)
{
	unsigned n = opt->numa == NUMA_SPLIT ? opt->numa_nodes : 1;
	int err = opt->numa == NUMA_SPLIT ? split_check(opt, plan, problem) : 0;

	for (unsigned i = 0; i < plan->nvcpus && !err; i++) {
		struct plan_vcpu *vcpu = &plan->vcpu[i];
		int node = (int)(i * n / plan->nvcpus);

		if (opt->numa == NUMA_MIRROR) {
			node = mirror_node(plan, vcpu->host_node, problem);
			if (node < 0)
				return node;
		} else if ((unsigned)node == plan->nnodes) {
			plan->node[plan->nnodes++].host_node = vcpu->host_node;
		}
		vcpu->guest_node = (uint8_t)node;
	}
	return err;
}

static struct plan_bank *bank_add(
	struct plan *plan, unsigned guest_node, unsigned host_node, struct problem *problem)
{
	for (unsigned i = 0; i < plan->nbanks; i++) {
		if (plan->bank[i].guest_node == guest_node &&
			plan->bank[i].host_node == host_node)
			return &plan->bank[i];
	}
	if (plan->nbanks == PLAN_MAX_BANKS) {
		problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--numa %u: memory would lie in more than %d pieces: name the cores "
			"node by node in --cores",
			plan->nnodes, PLAN_MAX_BANKS);
		return NULL;
	}
	plan->bank[plan->nbanks] = (struct plan_bank){
		.guest_node = (uint8_t)guest_node, .host_node = (uint8_t)host_node};
	return &plan->bank[plan->nbanks++];
}

/* Each part of --mem is a bank; its node is one of the cores', or a guest node of its own. */
static int banks_by_parts(const struct options *opt, const struct host *host, struct plan *plan,
	struct problem *problem)
{
	int node[OPTIONS_MAX_PARTS];

	for (unsigned i = 0; i < opt->nmem_parts; i++) {
		int err = part_check(host, &opt->mem_part[i], problem);

		if (err)
			return err;
		node[i] = opt->numa == NUMA_MIRROR
				  ? mirror_node(plan, opt->mem_part[i].node, problem)
				  : 0;
		if (node[i] < 0)
			return node[i];
	}
	/* In the order of guest nodes: where it can be, the kernel is on the node of vCPU 0. */
	for (unsigned n = 0; n < plan->nnodes; n++) {
		for (unsigned i = 0; i < opt->nmem_parts; i++) {
			if ((unsigned)node[i] == n)
				plan->bank[plan->nbanks++] = (struct plan_bank){
					.guest_node = (uint8_t)n,
					.host_node = (uint8_t)opt->mem_part[i].node,
					.asked = opt->mem_part[i].size,
				};
		}
	}
	plan->mem_parts = true;
	return 0;
}

static unsigned vcpus_on(const struct plan *plan, unsigned guest_node)
{
	unsigned n = 0;

	for (unsigned i = 0; i < plan->nvcpus; i++)
		n += plan->vcpu[i].guest_node == guest_node;
	return n;
}

/*
 * Memory goes where the cores are, in proportion to them. --numa N deals it out evenly to its
 * nodes, which have m or m + 1 vCPUs each: a vCPU of the larger ones weighs m, of the others
 * m + 1.
 */
static int banks_by_cores(const struct options *opt, const struct host *host, struct plan *plan,
	struct problem *problem)
{
	unsigned least = plan->nvcpus / plan->nnodes;

	for (unsigned i = 0; i < plan->nvcpus; i++) {
		const struct plan_vcpu *vcpu = &plan->vcpu[i];
		int err = home_check(host, plan, vcpu->host_node, problem);
		struct plan_bank *bank;

		if (err)
			return err;
		bank = bank_add(plan, vcpu->guest_node, vcpu->host_node, problem);
		if (!bank)
			return -EINVAL;
		if (opt->numa != NUMA_SPLIT)
			bank->weight++;
		else
			bank->weight +=
				vcpus_on(plan, vcpu->guest_node) > least ? least : least + 1;
	}
	return 0;
}

/* Nodes that --numa N has made of one host node have no distance of the host's. */
static void distances_make(const struct host *host, struct plan *plan)
{
	for (unsigned i = 0; i < plan->nnodes; i++) {
		for (unsigned k = 0; k < plan->nnodes; k++) {
			unsigned from = plan->node[i].host_node, to = plan->node[k].host_node;

			plan->node[i].distance[k] =
				(uint8_t)(i == k       ? LOCAL
					  : from == to ? REMOTE
						       : distance(host, from, to));
		}
	}
	memcpy(plan->slit_odd, host->slit_odd, sizeof(plan->slit_odd));
}

static void why_make(const struct options *opt, struct plan *plan)
{
	const char *memory = plan->mem_parts ? "memory where --mem says"
					     : "memory in proportion to the cores of each";

	if (opt->numa == NUMA_SPLIT)
		snprintf(plan->why_nodes, sizeof(plan->why_nodes),
			"vCPUs in their order and memory are split evenly into %u node%s",
			plan->nnodes, plan->nnodes == 1 ? "" : "s");
	else if (opt->numa == NUMA_NONE)
		snprintf(plan->why_nodes, sizeof(plan->why_nodes),
			"the guest sees one node; on the host's nodes %s", memory);
	else if (plan->nnodes == 1)
		snprintf(plan->why_nodes, sizeof(plan->why_nodes),
			"cores and memory are on node %u", plan->node[0].host_node);
	else
		snprintf(plan->why_nodes, sizeof(plan->why_nodes),
			"the guest has the host's nodes that it uses, %s, distances as there",
			memory);
}

int plan_nodes(const struct options *opt, const struct host *host, struct plan *plan,
	struct problem *problem)
{
	int err;

	plan->numa = opt->numa;
	err = vcpus_place(opt, plan, problem);
	if (!err)
		err = opt->nmem_parts ? banks_by_parts(opt, host, plan, problem)
				      : banks_by_cores(opt, host, plan, problem);
	if (err)
		return err;
	distances_make(host, plan);
	why_make(opt, plan);
	return 0;
}
