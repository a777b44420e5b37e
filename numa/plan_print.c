/* SPDX-License-Identifier: MIT */
/* The plan as text for people, and the words that its JSON uses too. */
#include <inttypes.h>
#include <string.h>

#include "numa/plan_parts.h"

const char *plan_extent_pages(const struct plan_extent *extent)
{
	if (extent->thp)
		return "transparent huge";
	if (extent->page_size == GIB(1))
		return "1 GiB";
	return extent->page_size == MIB(2) ? "2 MiB" : "4 KiB";
}

const char *plan_kvm_word(enum kvm_kind kvm)
{
	static const char *const word[] = {[KVM_KIND_NONE] = "none",
		[KVM_KIND_HARDWARE] = "hardware",
		[KVM_KIND_SOFTWARE] = "software"};

	return word[kvm];
}

const char *plan_numa_word(const struct plan *plan, char text[16])
{
	if (plan->numa == NUMA_SPLIT)
		snprintf(text, 16, "%u", plan->nnodes);
	else
		snprintf(text, 16, "%s", plan->numa == NUMA_NONE ? "none" : "mirror");
	return text;
}

unsigned plan_node_vcpus(
	const struct plan *plan, unsigned node, bool cores, uint16_t list[PLAN_MAX_VCPUS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < plan->nvcpus; i++) {
		if (plan->vcpu[i].guest_node == node)
			list[n++] = cores ? plan->vcpu[i].core : (uint16_t)i;
	}
	return n;
}

unsigned plan_node_hosts(const struct plan *plan, unsigned node, uint16_t list[HOST_MAX_NODES])
{
	bool is[HOST_MAX_NODES] = {false};
	unsigned n = 0;

	for (unsigned i = 0; i < plan->nvcpus; i++)
		is[plan->vcpu[i].host_node] |= plan->vcpu[i].guest_node == node;
	for (unsigned i = 0; i < plan->nbanks; i++)
		is[plan->bank[i].host_node] |= plan->bank[i].guest_node == node;
	for (unsigned i = 0; i < HOST_MAX_NODES; i++) {
		if (is[i])
			list[n++] = (uint16_t)i;
	}
	return n;
}

void plan_node_why(const struct plan *plan, unsigned node, char text[PLAN_WHY_MAX])
{
	uint16_t vcpu[PLAN_MAX_VCPUS];
	unsigned n = plan_node_vcpus(plan, node, false, vcpu);

	if (plan->numa == NUMA_SPLIT)
		snprintf(text, PLAN_WHY_MAX, "%u of %u vCPUs, 1/%u of the memory", n,
			plan->nvcpus, plan->nnodes);
	else if (!plan->node[node].size)
		snprintf(text, PLAN_WHY_MAX, "%u of %u cores; --mem names other nodes", n,
			plan->nvcpus);
	else if (!n)
		snprintf(text, PLAN_WHY_MAX, "no core; --mem names it");
	else if (plan->mem_parts)
		snprintf(text, PLAN_WHY_MAX, "%u of %u cores; --mem names %s", n, plan->nvcpus,
			plan->numa == NUMA_NONE ? "the host's nodes" : "it");
	else
		snprintf(text, PLAN_WHY_MAX, "%u of %u cores, memory in proportion", n,
			plan->nvcpus);
}

const char *plan_page_word(enum page_choice page)
{
	static const char *const word[] = {
		[PAGE_AUTO] = "auto", [PAGE_4K] = "4K", [PAGE_2M] = "2M", [PAGE_1G] = "1G"};

	return word[page];
}

static void vcpus_print(const struct plan *plan, const struct host *host, FILE *out)
{
	fprintf(out, "\nvCPU  on core  host node  guest node  package  core id  notes\n");
	for (unsigned i = 0; i < plan->nvcpus; i++) {
		const struct plan_vcpu *v = &plan->vcpu[i];
		const struct host_cpu *cpu = &host->cpu[v->core];

		fprintf(out, "%4u  %7u  %9u  %10u  %7u  %7u ", i, v->core, v->host_node,
			v->guest_node, v->package, v->core_id);
		if (v->sibling_of != i)
			fprintf(out, " shares a physical core with vCPU %u;", v->sibling_of);
		fprintf(out, " %s%s\n", cpu->isolated ? "isolated" : "not isolated",
			cpu->nohz_full ? ", nohz_full" : "");
	}
}

static void node_print(const struct plan *plan, unsigned node, unsigned wide, FILE *out)
{
	char hosts[64], vcpus[64], cores[64], size[SIZE_TEXT_MAX] = "none", why[PLAN_WHY_MAX];
	uint16_t list[PLAN_MAX_VCPUS + HOST_MAX_NODES];

	cpulist_format(list, plan_node_hosts(plan, node, list), hosts, sizeof(hosts));
	cpulist_format(list, plan_node_vcpus(plan, node, false, list), vcpus, sizeof(vcpus));
	cpulist_format(list, plan_node_vcpus(plan, node, true, list), cores, sizeof(cores));
	if (plan->node[node].size)
		size_format(plan->node[node].size, size);
	plan_node_why(plan, node, why);
	fprintf(out, "%10u  %9s  %-8s  %-8s  %-10s ", node, hosts, vcpus, cores, size);
	for (unsigned k = 0; k < plan->nnodes; k++)
		fprintf(out, " %3u", plan->node[node].distance[k]);
	fprintf(out, "%*s  %s\n", (int)(wide - 4 * plan->nnodes), "", why);
}

static void nodes_print(const struct plan *plan, FILE *out)
{
	unsigned wide = plan->nnodes > 2 ? 4 * plan->nnodes : 10;

	fprintf(out, "\nguest node  host node  vCPUs     cores     memory       %-*s  why\n",
		(int)wide - 1, "distances");
	for (unsigned i = 0; i < plan->nnodes; i++)
		node_print(plan, i, wide, out);
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
	if (plan->window_size)
		fprintf(out,
			"0x%012" PRIx64 "-0x%012" PRIx64
			"  %-10s  window for shared files (--window)\n",
			plan->window_gpa, plan->window_gpa + plan->window_size,
			size_format(plan->window_size, size));
}

void plan_print(const struct plan *plan, const struct host *host, FILE *out)
{
	char text[512], size[SIZE_TEXT_MAX], note[PLAN_NOTE_MAX], word[16];

	fprintf(out, "guest    %s: %u vCPU%s, %s on %u node%s, %s KVM\n", plan->name,
		plan->nvcpus, plan->nvcpus == 1 ? "" : "s", size_format(plan->mem, size),
		plan->nnodes, plan->nnodes == 1 ? "" : "s", plan_kvm_word(plan->kvm));
	cpulist_format(plan->helper, plan->nhelpers, text, sizeof(text));
	fprintf(out, "helpers  on core%s %s\n", plan->nhelpers == 1 ? "" : "s", text);
	fprintf(out, "nodes    --numa %s: %s\n", plan_numa_word(plan, word), plan->why_nodes);
	fprintf(out, "pages    --page %s: %s\n", plan_page_word(plan->page_asked),
		plan->why_pages);
	fprintf(out, "commit   %s\n", plan->first_touch ? "at the first touch" : "on request");
	for (unsigned i = 0; plan_note(plan, i, note); i++)
		fprintf(out, "note     %s\n", note);
	vcpus_print(plan, host, out);
	nodes_print(plan, out);
	extents_print(plan, out);
}
