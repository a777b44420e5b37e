/* SPDX-License-Identifier: MIT */
/* The host's nodes: memory, pools of huge pages, and which CPUs are near. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "numa/host_parts.h"
#include "numa/options.h"

#define NODE_DIR  "/sys/devices/system/node"
#define KIB_SHIFT 10

static void pool_read(
	const char *root, unsigned node, unsigned page_kib, struct host_pool *pool, bool *have)
{
	const char *const fmt = NODE_DIR "/node%u/hugepages/hugepages-%ukB/%s";
	struct host_path path = host_path(root, fmt, node, page_kib, "nr_hugepages");
	uint64_t reserved = 0;

	*have = host_file_u64(&path, &pool->total) == 0;
	path = host_path(root, fmt, node, page_kib, "free_hugepages");
	host_file_u64(&path, &pool->free);
	path = host_path(root, fmt, node, page_kib, "surplus_hugepages");
	host_file_u64(&path, &pool->surplus);
	/*
	 * A page that a mapping has reserved and not touched yet counts as free. The kernel
	 * tells only their number on all nodes, so take it off each: better a page too few than
	 * a SIGBUS.
	 */
	path = host_path(
		root, "/sys/kernel/mm/hugepages/hugepages-%ukB/resv_hugepages", page_kib);
	host_file_u64(&path, &reserved);
	pool->free -= reserved < pool->free ? reserved : pool->free;
}

static uint64_t node_kib(const char *text, unsigned node, const char *key)
{
	char name[64];
	uint64_t kib = 0;

	snprintf(name, sizeof(name), "Node %u %s", node, key);
	host_text_u64(text, name, &kib);
	return kib << KIB_SHIFT;
}

/* Free, plus what goes at the first demand: clean page cache (half, as the kernel guesses) and
 * slab. */
static void node_memory_read(const char *root, unsigned node, struct host_node *n)
{
	struct host_path path = host_path(root, NODE_DIR "/node%u/meminfo", node);
	char text[HOST_TEXT_MAX];

	if (host_file_text(&path, text, sizeof(text)))
		return;
	n->mem_total = node_kib(text, node, "MemTotal");
	n->mem_free = node_kib(text, node, "MemFree") +
		      (node_kib(text, node, "Active(file)") +
			      node_kib(text, node, "Inactive(file)")) /
			      2 +
		      node_kib(text, node, "SReclaimable") / 2;
}

static void node_read(const char *root, struct host *host, unsigned node)
{
	struct host_node *n = &host->node[node];
	struct host_path path = host_path(root, NODE_DIR "/node%u/cpulist", node);
	uint16_t cpus[HOST_MAX_CPUS];
	unsigned ncpus = host_file_list(&path, cpus, HOST_MAX_CPUS);

	n->present = n->possible = true;
	for (unsigned i = 0; i < ncpus; i++) {
		if (cpus[i] < host->ncpus)
			host->cpu[cpus[i]].node = (uint16_t)node;
	}
	node_memory_read(root, node, n);
	pool_read(root, node, 2048, &n->pool_2m, &n->have_2m);
	pool_read(root, node, 1048576, &n->pool_1g, &n->have_1g);
	if (host->nnodes <= node)
		host->nnodes = node + 1;
}

/* Nodes that our cpuset lets us allocate from. */
static void allowed_read(const char *root, struct host *host)
{
	struct host_path path = host_path(root, "/proc/self/status");
	char status[HOST_TEXT_MAX], mask[1024];
	uint16_t list[HOST_MAX_NODES];
	unsigned n = 0;

	if (host_file_text(&path, status, sizeof(status)) ||
		host_text_line(status, "Mems_allowed_list", mask, sizeof(mask)) ||
		cpulist_parse(mask, list, HOST_MAX_NODES, &n)) {
		for (unsigned i = 0; i < host->nnodes; i++)
			host->node[i].allowed = host->node[i].present;
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		if (list[i] < host->nnodes)
			host->node[list[i]].allowed = host->node[list[i]].present;
	}
}

/*
 * Where one node has all the memory, the machine's own figures are the node's, and better:
 * kernels that initialize memory lazily add it to the node only when it is first needed.
 */
static void machine_memory_read(const char *root, struct host *host)
{
	struct host_path path = host_path(root, "/proc/meminfo");
	char text[HOST_TEXT_MAX];
	struct host_node *only = NULL;
	uint64_t total = 0, available = 0;

	if (host_file_text(&path, text, sizeof(text)) == 0) {
		host_text_u64(text, "MemTotal", &total);
		host_text_u64(text, "MemAvailable", &available);
	}
	host->mem_available = available << KIB_SHIFT;
	for (unsigned i = 0; i < host->nnodes; i++) {
		if (host->node[i].mem_total == 0)
			continue;
		if (only)
			return;
		only = &host->node[i];
	}
	if (only && total) {
		only->mem_total = total << KIB_SHIFT;
		only->mem_free = host->mem_available;
	}
}

int host_mem_read(const char *root, struct host *host, struct problem *problem)
{
	struct host_path path = host_path(root, NODE_DIR "/possible");
	uint16_t nodes[HOST_MAX_NODES];
	unsigned n = host_file_list(&path, nodes, HOST_MAX_NODES);

	for (unsigned i = 0; i < n; i++) {
		if (nodes[i] < HOST_MAX_NODES)
			host->node[nodes[i]].possible = true;
	}
	path = host_path(root, NODE_DIR "/online");
	n = host_file_list(&path, nodes, HOST_MAX_NODES);
	for (unsigned i = 0; i < n; i++) {
		if (nodes[i] < HOST_MAX_NODES)
			node_read(root, host, nodes[i]);
	}
	if (host->nnodes == 0)
		return problem_set(problem, -ENODEV, EXIT_LWVMM_FAILED,
			"%s" NODE_DIR
			"/online: names no node: lwvmm needs a kernel with CONFIG_NUMA "
			"(Linux distributions have it) and sysfs on /sys",
			root);
	host_slit_read(root, host, nodes, n);
	allowed_read(root, host);
	machine_memory_read(root, host);
	path = host_path(
		root, NODE_DIR "/node%u/hugepages/hugepages-2048kB/nr_hugepages", nodes[0]);
	host->may_grow_pools = faccessat(AT_FDCWD, path.text, W_OK, AT_EACCESS) == 0;
	return 0;
}
