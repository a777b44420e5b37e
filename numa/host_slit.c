/* SPDX-License-Identifier: MIT */
/*
 * Distances between the host's nodes. Firmware writes them (ACPI's SLIT) and some of it writes
 * nonsense. A table that is not valid as a whole is not used at all, since a half of it would
 * order the nodes in a way that nobody has measured: every node is then 10 from itself and 20
 * from the others, as the kernel has it without a SLIT, and the plan says so in a note.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "numa/host_parts.h"

#define NODE_DIR "/sys/devices/system/node"
#define LOCAL    10
#define REMOTE   20

static const char *distance_odd(unsigned from, unsigned to, unsigned long d)
{
	if (from == to)
		return d == LOCAL ? NULL : "to itself it must be 10";
	if (d <= LOCAL)
		return "to another node it must be more than 10";
	return d <= UINT8_MAX ? NULL : "it can be 255 at most";
}

/*
 * "10 21 31": one number for each online node, in their order, also for those beyond what we
 * hold. False, and host->slit_odd filled, when that is not what the file has.
 */
static bool row_read(const char *root, struct host *host, unsigned node, const uint16_t *nodes,
	unsigned nnodes)
{
	struct host_path path = host_path(root, NODE_DIR "/node%u/distance", node);
	char text[1024], *at = text, *end;
	unsigned i;

	host_file_text(&path, text, sizeof(text));
	for (i = 0; i < nnodes; i++, at = end) {
		unsigned long d = strtoul(at, &end, 10);
		const char *odd;

		if (end == at)
			break;
		odd = distance_odd(node, nodes[i], d);
		if (odd) {
			snprintf(host->slit_odd, sizeof(host->slit_odd),
				"node %u is %lu from node %u: %s", node, d, nodes[i], odd);
			return false;
		}
		if (nodes[i] < HOST_MAX_NODES)
			host->node[node].distance[nodes[i]] = (uint8_t)d;
	}
	while (isspace((unsigned char)*at))
		at++;
	if (i == nnodes && !*at)
		return true;
	snprintf(host->slit_odd, sizeof(host->slit_odd),
		"node %u has no distance to each of %u nodes, or other text", node, nnodes);
	return false;
}

static void default_set(struct host *host)
{
	for (unsigned i = 0; i < host->nnodes; i++)
		for (unsigned k = 0; k < host->nnodes; k++)
			host->node[i].distance[k] =
				!host->node[i].present || !host->node[k].present ? 0
				: i == k                                         ? LOCAL
										 : REMOTE;
}

void host_slit_read(const char *root, struct host *host, const uint16_t *nodes, unsigned n)
{
	for (unsigned i = 0; i < host->nnodes; i++) {
		if (host->node[i].present && !row_read(root, host, i, nodes, n)) {
			default_set(host);
			return;
		}
	}
}
