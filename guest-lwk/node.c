/* SPDX-License-Identifier: MIT */
#include "guest-lwk/node.h"
#include "guest-lwk/core.h"

struct nodes nodes;

#define DISTANCE_OWN   10
#define DISTANCE_OTHER 20

void node_add(u32 node, bool has_memory)
{
	if (node >= MAX_NODES)
		panic("device tree: node %u of at most %d", node, MAX_NODES);
	nodes.all |= 1ULL << node;
	nodes.memory |= has_memory ? 1ULL << node : 0;
	nodes.count = MAX(nodes.count, node + 1);
}

u32 node_distance(u32 from, u32 to)
{
	u32 said = nodes.distance[from][to];

	if (said)
		return said;
	return from == to ? DISTANCE_OWN : DISTANCE_OTHER;
}

/* Insertion by distance; of equally distant nodes the next numbers first, so that they share.
 */
static void sort_from(u32 from)
{
	u8 *order = nodes.order[from];
	u32 n = 0;

	for (u32 i = 0; i < nodes.count; i++) {
		u32 node = (from + i) % nodes.count, at = n;

		if (!(nodes.memory >> node & 1))
			continue;
		for (; at && node_distance(from, order[at - 1]) > node_distance(from, node);
			at--)
			order[at] = order[at - 1];
		order[at] = (u8)node;
		n++;
	}
	nodes.nmemory = n;
}

void node_sort(void)
{
	for (u32 from = 0; from < nodes.count; from++)
		sort_from(from);
}

u32 node_first(u64 set)
{
	return (u32)__builtin_ctzll(set);
}

u32 node_weight(u64 set)
{
	u32 n = 0;

	for (; set; set &= set - 1)
		n++;
	return n;
}

u32 node_nth(u64 set, u64 n)
{
	u32 weight = node_weight(set);

	for (n %= MAX(weight, 1); n; n--)
		set &= set - 1;
	return node_first(set);
}

u32 node_after(u64 set, u32 last)
{
	u64 above = set & (~1ULL << last);

	return node_first(above ? above : set);
}
