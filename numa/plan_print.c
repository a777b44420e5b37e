/* SPDX-License-Identifier: MIT */
/* The plan as text for people and as JSON for programs. */
#include <inttypes.h>
#include <string.h>

#include "numa/plan_parts.h"

static const char *const kvm_word[] = {[KVM_KIND_NONE] = "none",
	[KVM_KIND_HARDWARE] = "hardware",
	[KVM_KIND_SOFTWARE] = "software"};

const char *plan_extent_pages(const struct plan_extent *extent)
{
	if (extent->thp)
		return "transparent huge";
	if (extent->page_size == GIB(1))
		return "1 GiB";
	return extent->page_size == MIB(2) ? "2 MiB" : "4 KiB";
}

static const char *asked_word(enum page_choice page)
{
	static const char *const word[] = {
		[PAGE_AUTO] = "auto", [PAGE_4K] = "4K", [PAGE_2M] = "2M", [PAGE_1G] = "1G"};

	return word[page];
}

static void vcpus_print(const struct plan *plan, const struct host *host, FILE *out)
{
	fprintf(out, "\nvCPU  on core  guest node  package  core id  notes\n");
	for (unsigned i = 0; i < plan->nvcpus; i++) {
		const struct plan_vcpu *v = &plan->vcpu[i];
		const struct host_cpu *cpu = &host->cpu[v->core];

		fprintf(out, "%4u  %7u  %10u  %7u  %7u ", i, v->core, v->guest_node, v->package,
			v->core_id);
		if (v->sibling_of != i)
			fprintf(out, " shares a physical core with vCPU %u;", v->sibling_of);
		fprintf(out, " %s%s\n", cpu->isolated ? "isolated" : "not isolated",
			cpu->nohz_full ? ", nohz_full" : "");
	}
}

static void nodes_print(const struct plan *plan, FILE *out)
{
	char size[SIZE_TEXT_MAX];

	fprintf(out, "\nguest node  host node  memory      distances\n");
	for (unsigned i = 0; i < plan->nnodes; i++) {
		fprintf(out, "%10u  %9u  %-10s ", i, plan->node[i].host_node,
			size_format(plan->node[i].size, size));
		for (unsigned k = 0; k < plan->nnodes; k++)
			fprintf(out, " %u", plan->node[i].distance[k]);
		fprintf(out, "\n");
	}
}

static void extents_print(const struct plan *plan, FILE *out)
{
	char size[SIZE_TEXT_MAX];

	fprintf(out,
		"\nguest-physical range           size        guest node  host node  pages\n");
	for (unsigned i = 0; i < plan->nextents; i++) {
		const struct plan_extent *e = &plan->extent[i];

		fprintf(out, "0x%012" PRIx64 "-0x%012" PRIx64 "  %-10s  %10u  %9u  %s", e->gpa,
			e->gpa + e->size, size_format(e->size, size), e->guest_node,
			e->host_node, plan_extent_pages(e));
		if (e->pool_grow)
			fprintf(out, ", pool grown by %" PRIu64, e->pool_grow);
		fprintf(out, "\n");
	}
}

void plan_print(const struct plan *plan, const struct host *host, FILE *out)
{
	char text[512], size[SIZE_TEXT_MAX], note[PLAN_NOTE_MAX];

	fprintf(out, "guest    %s: %u vCPU%s, %s on %u node%s, %s KVM\n", plan->name,
		plan->nvcpus, plan->nvcpus == 1 ? "" : "s", size_format(plan->mem, size),
		plan->nnodes, plan->nnodes == 1 ? "" : "s", kvm_word[plan->kvm]);
	cpulist_format(plan->helper, plan->nhelpers, text, sizeof(text));
	fprintf(out, "helpers  on core%s %s\n", plan->nhelpers == 1 ? "" : "s", text);
	fprintf(out, "pages    --page %s: %s\n", asked_word(plan->page_asked), plan->why_pages);
	fprintf(out, "commit   %s\n", plan->first_touch ? "at the first touch" : "on request");
	for (unsigned i = 0; plan_note(plan, i, note); i++)
		fprintf(out, "note     %s\n", note);
	vcpus_print(plan, host, out);
	nodes_print(plan, out);
	extents_print(plan, out);
}

static void vcpus_json(const struct plan *plan, FILE *out)
{
	fprintf(out, "  \"vcpus\": [");
	for (unsigned i = 0; i < plan->nvcpus; i++) {
		const struct plan_vcpu *v = &plan->vcpu[i];

		fprintf(out,
			"%s\n    {\"core\": %u, \"guest_node\": %u, \"package\": %u, "
			"\"core_id\": %u, "
			"\"sibling_of\": %u}",
			i ? "," : "", v->core, v->guest_node, v->package, v->core_id,
			v->sibling_of);
	}
	fprintf(out, "\n  ],\n");
}

static void nodes_json(const struct plan *plan, FILE *out)
{
	fprintf(out, "  \"nodes\": [");
	for (unsigned i = 0; i < plan->nnodes; i++) {
		fprintf(out,
			"%s\n    {\"host_node\": %u, \"size\": %" PRIu64 ", \"distances\": [",
			i ? "," : "", plan->node[i].host_node, plan->node[i].size);
		for (unsigned k = 0; k < plan->nnodes; k++)
			fprintf(out, "%s%u", k ? ", " : "", plan->node[i].distance[k]);
		fprintf(out, "]}");
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
	fprintf(out, "\n  ],\n");
}

/* Nothing needs quoting: names are checked when they are parsed, the other texts are our own.
 */
void plan_print_json(const struct plan *plan, FILE *out)
{
	char note[PLAN_NOTE_MAX];

	fprintf(out, "{\n  \"name\": \"%s\",\n  \"kvm\": \"%s\",\n", plan->name,
		kvm_word[plan->kvm]);
	fprintf(out, "  \"mem\": %" PRIu64 ",\n  \"page_asked\": \"%s\",\n", plan->mem,
		asked_word(plan->page_asked));
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
