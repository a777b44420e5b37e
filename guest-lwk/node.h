/* SPDX-License-Identifier: MIT */
/* The guest's NUMA nodes, as the device tree has them; fixed once the guest has booted. */
#ifndef LWK_NODE_H
#define LWK_NODE_H

#include "guest-lwk/types.h"

#define MAX_NODES 16

struct nodes {
	u32 count;  /* highest node + 1 */
	u64 all;    /* a bit for each node that there is: with cores, memory or both */
	u64 memory; /* those that have memory */
	u8 distance[MAX_NODES][MAX_NODES]; /* 0: the device tree does not say */
	/* From each node those that have memory, nearest first. */
	u8 order[MAX_NODES][MAX_NODES];
	u32 nmemory; /* length of order[] */
};
extern struct nodes nodes;

/* Boot: the node exists, with memory or without. */
void node_add(u32 node, bool has_memory);
/* Boot: everything is known; fills order[]. */
void node_sort(void);
/* As the SLIT has it: 10 is a node's own, 20 where nothing is said. */
u32 node_distance(u32 from, u32 to);

/* The lowest node of a set that is not empty; the nth one, counting around. */
u32 node_first(u64 set);
u32 node_nth(u64 set, u64 n);
/* The one after `last` in the set, around its end. */
u32 node_after(u64 set, u32 last);
u32 node_weight(u64 set);

#endif
