/* SPDX-License-Identifier: MIT */
/* Memory, for the machine and for a node: what the LWK has and what of it is free. */
#include "vmm/view/view.h"

static unsigned long kib(uint64_t bytes)
{
	return (unsigned long)(bytes >> 10);
}

/* All memory in use is a program's own: there is no page cache and no swap in the guest. */
void view_meminfo(const struct plan *plan, const struct view_memory *memory, FILE *out)
{
	uint64_t total = 0, free = 0;

	for (unsigned i = 0; i < plan->nnodes; i++) {
		total += memory->total[i];
		free += memory->free[i];
	}

	const struct {
		const char *key;
		uint64_t bytes;
	} line[] = {
		{"MemTotal:", total},
		{"MemFree:", free},
		{"MemAvailable:", free},
		{"Buffers:", 0},
		{"Cached:", 0},
		{"SwapCached:", 0},
		{"Active:", total - free},
		{"Inactive:", 0},
		{"Active(anon):", total - free},
		{"Inactive(anon):", 0},
		{"Active(file):", 0},
		{"Inactive(file):", 0},
		{"Unevictable:", 0},
		{"Mlocked:", 0},
		{"SwapTotal:", 0},
		{"SwapFree:", 0},
		{"Dirty:", 0},
		{"Writeback:", 0},
		{"AnonPages:", total - free},
		{"Mapped:", 0},
		{"Shmem:", 0},
		{"Slab:", 0},
		{"SReclaimable:", 0},
		{"SUnreclaim:", 0},
		{"CommitLimit:", total},
		{"Committed_AS:", total - free},
	};

	for (unsigned i = 0; i < sizeof(line) / sizeof(line[0]); i++)
		fprintf(out, "%-15s %8lu kB\n", line[i].key, kib(line[i].bytes));
	fprintf(out, "HugePages_Total:       0\nHugePages_Free:        0\n"
		     "HugePages_Rsvd:        0\nHugePages_Surp:        0\n"
		     "Hugepagesize:       2048 kB\nHugetlb:               0 kB\n");
}

void view_node_meminfo(const struct view_memory *memory, unsigned node, FILE *out)
{
	uint64_t total = memory->total[node], free = memory->free[node];
	const struct {
		const char *key;
		uint64_t bytes;
	} line[] = {
		{"MemTotal:", total},
		{"MemFree:", free},
		{"MemUsed:", total - free},
		{"Active:", total - free},
		{"Inactive:", 0},
		{"Active(anon):", total - free},
		{"Inactive(anon):", 0},
		{"Active(file):", 0},
		{"Inactive(file):", 0},
		{"Unevictable:", 0},
		{"Mlocked:", 0},
		{"Dirty:", 0},
		{"Writeback:", 0},
		{"FilePages:", 0},
		{"Mapped:", 0},
		{"AnonPages:", total - free},
		{"Shmem:", 0},
		{"Slab:", 0},
		{"SReclaimable:", 0},
		{"SUnreclaim:", 0},
	};

	for (unsigned i = 0; i < sizeof(line) / sizeof(line[0]); i++)
		fprintf(out, "Node %u %-15s %8lu kB\n", node, line[i].key, kib(line[i].bytes));
	fprintf(out,
		"Node %u HugePages_Total:     0\nNode %u HugePages_Free:      0\n"
		"Node %u HugePages_Surp:      0\n",
		node, node, node);
}
