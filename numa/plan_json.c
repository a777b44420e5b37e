/* SPDX-License-Identifier: MIT */
/* The plan as JSON, for programs. */
#include <inttypes.h>

#include "numa/plan_parts.h"

static void vcpus_json(const struct plan *plan, FILE *out)
{
	fprintf(out, "  \"vcpus\": [");
	for (unsigned i = 0; i < plan->nvcpus; i++) {
		const struct plan_vcpu *v = &plan->vcpu[i];

		fprintf(out,
			"%s\n    {\"core\": %u, \"guest_node\": %u, \"host_node\": %u, "
			"\"package\": %u, \"core_id\": %u, \"sibling_of\": %u}",
			i ? "," : "", v->core, v->guest_node, v->host_node, v->package,
			v->core_id, v->sibling_of);
	}
	fprintf(out, "\n  ],\n");
}

static void list_json(const char *name, const uint16_t *list, unsigned n, FILE *out)
{
	fprintf(out, "\"%s\": [", name);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "%s%u", i ? ", " : "", list[i]);
	fprintf(out, "], ");
}

static void node_json(const struct plan *plan, unsigned node, FILE *out)
{
	uint16_t host[HOST_MAX_NODES], vcpu[PLAN_MAX_VCPUS], core[PLAN_MAX_VCPUS];
	unsigned nhost = plan_node_hosts(plan, node, host);
	unsigned nvcpus = plan_node_vcpus(plan, node, false, vcpu);
	char why[PLAN_WHY_MAX];

	plan_node_vcpus(plan, node, true, core);
	plan_node_why(plan, node, why);
	fprintf(out, "    {");
	list_json("host_nodes", host, nhost, out);
	list_json("vcpus", vcpu, nvcpus, out);
	list_json("cores", core, nvcpus, out);
	fprintf(out, "\"size\": %" PRIu64 ", \"distances\": [", plan->node[node].size);
	for (unsigned k = 0; k < plan->nnodes; k++)
		fprintf(out, "%s%u", k ? ", " : "", plan->node[node].distance[k]);
	fprintf(out, "], \"why\": \"%s\"}", why);
}

static void nodes_json(const struct plan *plan, FILE *out)
{
	char word[16];

	fprintf(out, "  \"numa\": \"%s\",\n  \"why_nodes\": \"%s\",\n  \"nodes\": [",
		plan_numa_word(plan, word), plan->why_nodes);
	for (unsigned i = 0; i < plan->nnodes; i++) {
		fprintf(out, "%s\n", i ? "," : "");
		node_json(plan, i, out);
	}
	fprintf(out, "\n  ],\n");
}

static void extents_json(const struct plan *plan, FILE *out)
{
	fprintf(out, "  \"extents\": [");
	for (unsigned i = 0; i < plan->nextents; i++) {
		const struct plan_extent *e = &plan->extent[i];

		fprintf(out,
			"%s\n    {\"gpa\": %" PRIu64 ", \"size\": %" PRIu64
			", \"page_size\": %" PRIu64 ", \"thp\": %s, \"guest_node\": %u, "
			"\"host_node\": %u, \"pool_grow\": %" PRIu64 "}",
			i ? "," : "", e->gpa, e->size, e->page_size, e->thp ? "true" : "false",
			e->guest_node, e->host_node, e->pool_grow);
	}
	fprintf(out, "\n  ],\n  \"window\": {\"gpa\": %" PRIu64 ", \"size\": %" PRIu64 "},\n",
		plan->window_gpa, plan->window_size);
}

/* Nothing needs quoting: names are checked when they are parsed, the other texts are our own.
 */
void plan_print_json(const struct plan *plan, FILE *out)
{
	char note[PLAN_NOTE_MAX];

	fprintf(out, "{\n  \"name\": \"%s\",\n  \"kvm\": \"%s\",\n", plan->name,
		plan_kvm_word(plan->kvm));
	fprintf(out, "  \"mem\": %" PRIu64 ",\n  \"page_asked\": \"%s\",\n", plan->mem,
		plan_page_word(plan->page_asked));
	fprintf(out, "  \"why_pages\": \"%s\",\n  \"commit\": \"%s\",\n", plan->why_pages,
		plan->first_touch ? "touch" : "request");
	vcpus_json(plan, out);
	nodes_json(plan, out);
	extents_json(plan, out);
	fprintf(out, "  \"helpers\": [");
	for (unsigned i = 0; i < plan->nhelpers; i++)
		fprintf(out, "%s%u", i ? ", " : "", plan->helper[i]);
	fprintf(out, "],\n  \"cores_shared\": %s,\n  \"notes\": [",
		plan->cores_shared ? "true" : "false");
	for (unsigned i = 0; plan_note(plan, i, note); i++)
		fprintf(out, "%s\n    \"%s\"", i ? "," : "", note);
	fprintf(out, "]\n}\n");
}
