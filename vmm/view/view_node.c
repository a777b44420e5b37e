/* SPDX-License-Identifier: MIT */
/* /sys/devices/system/node: the guest's nodes. */
#include <stdlib.h>
#include <string.h>

#include "vmm/view/view.h"

#define NODE "sys/devices/system/node"

static void make_links(struct view_maker *m, unsigned node)
{
	char target[64];

	for (unsigned i = 0; i < m->topology.ncpus; i++) {
		if (m->topology.cpu[i].node != node)
			continue;
		snprintf(target, sizeof(target), "../../cpu/cpu%u", i);
		view_put(m, VIEW_LINK, target, NODE "/node%u/cpu%u", node, i);
	}
	snprintf(target, sizeof(target), "../../../devices/system/node/node%u", node);
	view_put(m, VIEW_LINK, target, "sys/bus/node/devices/node%u", node);
}

static void make_distance(struct view_maker *m, unsigned node)
{
	char text[VIEW_TEXT_MAX] = "";
	size_t len = 0;

	for (unsigned k = 0; k < m->plan->nnodes; k++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", k ? " " : "",
			m->plan->node[node].distance[k]);
	view_put(m, VIEW_FILE, text, NODE "/node%u/distance", node);
}

static void make_pools(struct view_maker *m, unsigned node)
{
	static const char *const size[] = {"2048", "1048576"};
	static const char *const file[] = {
		"nr_hugepages", "free_hugepages", "surplus_hugepages"};

	view_put(m, VIEW_DIR, NULL, NODE "/node%u/hugepages", node);
	for (unsigned i = 0; i < 2; i++) {
		view_put(m, VIEW_DIR, NULL, NODE "/node%u/hugepages/hugepages-%skB", node,
			size[i]);
		for (unsigned k = 0; k < 3; k++)
			view_put(m, VIEW_FILE, "0", NODE "/node%u/hugepages/hugepages-%skB/%s",
				node, size[i], file[k]);
	}
}

static void make_meminfo(struct view_maker *m, unsigned node)
{
	size_t len = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	view_node_meminfo(m->memory, node, out);
	if (!fclose(out))
		view_put(m, VIEW_FILE, text, NODE "/node%u/meminfo", node);
	free(text);
}

static void make_node(struct view_maker *m, unsigned node)
{
	char text[VIEW_TEXT_MAX];
	uint64_t cpus = 0;

	for (unsigned i = 0; i < m->topology.ncpus; i++)
		if (m->topology.cpu[i].node == node)
			cpus |= 1ULL << i;
	view_put(m, VIEW_DIR, NULL, NODE "/node%u", node);
	view_put(m, VIEW_FILE, view_list(cpus, text), NODE "/node%u/cpulist", node);
	view_put(m, VIEW_FILE, view_mask(cpus, m->topology.ncpus, text), NODE "/node%u/cpumap",
		node);
	/* The LWK does not count where requests are met. */
	view_put(m, VIEW_FILE,
		"numa_hit 0\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\nlocal_node 0\n"
		"other_node 0\n",
		NODE "/node%u/numastat", node);
	make_distance(m, node);
	make_pools(m, node);
	make_meminfo(m, node);
	make_links(m, node);
}

void view_make_nodes(struct view_maker *m)
{
	uint64_t all = 0, cpus = 0, memory = 0;
	char text[VIEW_TEXT_MAX];

	for (unsigned i = 0; i < m->plan->nnodes && i < PLAN_MAX_NODES; i++) {
		all |= 1ULL << i;
		memory |= (uint64_t)(m->plan->node[i].size != 0) << i;
	}
	for (unsigned i = 0; i < m->topology.ncpus; i++)
		cpus |= 1ULL << m->topology.cpu[i].node;
	view_put(m, VIEW_DIR, NULL, NODE);
	view_put(m, VIEW_DIR, NULL, "sys/bus/node");
	view_put(m, VIEW_DIR, NULL, "sys/bus/node/devices");
	view_put(m, VIEW_FILE, view_list(all, text), NODE "/online");
	view_put(m, VIEW_FILE, view_list(all, text), NODE "/possible");
	view_put(m, VIEW_FILE, view_list(cpus, text), NODE "/has_cpu");
	view_put(m, VIEW_FILE, view_list(memory, text), NODE "/has_memory");
	view_put(m, VIEW_FILE, view_list(memory, text), NODE "/has_normal_memory");
	for (unsigned i = 0; i < m->plan->nnodes; i++)
		make_node(m, i);
}
