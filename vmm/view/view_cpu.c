/* SPDX-License-Identifier: MIT */
/* /sys/devices/system/cpu: the vCPUs of the plan. */
#include <stdarg.h>
#include <string.h>

#include "guest-lwk/abi/abi.h"
#include "vmm/view/view.h"

/* The host's packages are counted anew in the order of the vCPUs. */
static unsigned package_rank(const struct plan *plan, unsigned index)
{
	unsigned rank = 0;

	for (unsigned i = 0; i < index; i++) {
		bool first = true;

		if (plan->vcpu[i].package == plan->vcpu[index].package)
			break;
		for (unsigned k = 0; k < i; k++)
			first &= plan->vcpu[k].package != plan->vcpu[i].package;
		rank += first;
	}
	return rank;
}

void view_topology(const struct plan *plan, struct view_topology *topology)
{
	*topology = (struct view_topology){.ncpus = plan->nvcpus};
	for (unsigned i = 0; i < plan->nvcpus; i++) {
		struct view_cpu *cpu = &topology->cpu[i];
		unsigned sibling = plan->vcpu[i].sibling_of;

		topology->all |= 1ULL << i;
		cpu->package = package_rank(plan, i);
		cpu->node = plan->vcpu[i].guest_node;
		for (unsigned k = 0; k < plan->nvcpus; k++) {
			bool mate = plan->vcpu[k].package == plan->vcpu[i].package;
			bool leads = mate && plan->vcpu[k].sibling_of == k;

			cpu->mates |= (uint64_t)mate << k;
			cpu->ncores += leads;
			cpu->core += leads && k < sibling;
			if (plan->vcpu[k].sibling_of == sibling)
				cpu->threads |= 1ULL << k;
		}
	}
}

static void make_set(
	struct view_maker *m, unsigned cpu, const char *mask, const char *list, uint64_t set)
{
	char text[VIEW_TEXT_MAX];

	view_put(m, VIEW_FILE, view_mask(set, m->topology.ncpus, text),
		"sys/devices/system/cpu/cpu%u/%s", cpu, mask);
	view_put(m, VIEW_FILE, view_list(set, text), "sys/devices/system/cpu/cpu%u/%s", cpu,
		list);
}

static void make_number(struct view_maker *m, unsigned cpu, const char *file, unsigned value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	view_put(m, VIEW_FILE, text, "sys/devices/system/cpu/cpu%u/%s", cpu, file);
}

static void make_topology(struct view_maker *m, unsigned i)
{
	const struct view_cpu *cpu = &m->topology.cpu[i];

	view_put(m, VIEW_DIR, NULL, "sys/devices/system/cpu/cpu%u/topology", i);
	make_number(m, i, "topology/physical_package_id", cpu->package);
	make_number(m, i, "topology/die_id", 0);
	make_number(m, i, "topology/cluster_id", 65535); /* Linux's word for: none */
	make_number(m, i, "topology/core_id", cpu->core);
	make_set(m, i, "topology/thread_siblings", "topology/thread_siblings_list",
		cpu->threads);
	make_set(m, i, "topology/core_cpus", "topology/core_cpus_list", cpu->threads);
	make_set(m, i, "topology/cluster_cpus", "topology/cluster_cpus_list", cpu->threads);
	make_set(m, i, "topology/core_siblings", "topology/core_siblings_list", cpu->mates);
	make_set(m, i, "topology/die_cpus", "topology/die_cpus_list", cpu->mates);
	make_set(m, i, "topology/package_cpus", "topology/package_cpus_list", cpu->mates);
}

static void make_cache(struct view_maker *m, unsigned i, unsigned index)
{
	const struct view_cache *cache = &m->facts->cache[i][index];
	const struct {
		const char *file;
		unsigned value;
	} number[] = {
		{"id", cache->id},
		{"level", cache->level},
		{"ways_of_associativity", cache->ways},
		{"number_of_sets", cache->sets},
		{"coherency_line_size", cache->line},
		{"physical_line_partition", cache->partition},
	};
	char path[64], list[80];

	view_put(m, VIEW_DIR, NULL, "sys/devices/system/cpu/cpu%u/cache/index%u", i, index);
	for (unsigned k = 0; k < sizeof(number) / sizeof(number[0]); k++) {
		snprintf(path, sizeof(path), "cache/index%u/%s", index, number[k].file);
		make_number(m, i, path, number[k].value);
	}
	view_put(m, VIEW_FILE, cache->type, "sys/devices/system/cpu/cpu%u/cache/index%u/type",
		i, index);
	view_put(m, VIEW_FILE, cache->size, "sys/devices/system/cpu/cpu%u/cache/index%u/size",
		i, index);
	snprintf(path, sizeof(path), "cache/index%u/shared_cpu_map", index);
	snprintf(list, sizeof(list), "cache/index%u/shared_cpu_list", index);
	make_set(m, i, path, list, cache->shared);
}

static void make_cpu(struct view_maker *m, unsigned i)
{
	unsigned node = m->topology.cpu[i].node;
	char target[64];

	view_put(m, VIEW_DIR, NULL, "sys/devices/system/cpu/cpu%u", i);
	make_topology(m, i);
	if (m->facts->ncaches[i])
		view_put(m, VIEW_DIR, NULL, "sys/devices/system/cpu/cpu%u/cache", i);
	for (unsigned k = 0; k < m->facts->ncaches[i]; k++)
		make_cache(m, i, k);
	snprintf(target, sizeof(target), "../../node/node%u", node);
	view_put(m, VIEW_LINK, target, "sys/devices/system/cpu/cpu%u/node%u", i, node);
	view_put(m, VIEW_LINK, "../../../../bus/cpu", "sys/devices/system/cpu/cpu%u/subsystem",
		i);
	snprintf(target, sizeof(target), "../../../devices/system/cpu/cpu%u", i);
	view_put(m, VIEW_LINK, target, "sys/bus/cpu/devices/cpu%u", i);
}

void view_make_cpus(struct view_maker *m)
{
	static const char *const all[] = {"online", "present", "possible"};
	static const char *const none[] = {"offline", "isolated"};
	char text[VIEW_TEXT_MAX];
	bool smt = false;

	view_put(m, VIEW_DIR, NULL, "sys/devices/system/cpu");
	view_put(m, VIEW_DIR, NULL, "sys/bus/cpu");
	view_put(m, VIEW_DIR, NULL, "sys/bus/cpu/devices");
	for (unsigned i = 0; i < 3; i++)
		view_put(m, VIEW_FILE, view_list(m->topology.all, text),
			"sys/devices/system/cpu/%s", all[i]);
	for (unsigned i = 0; i < 2; i++)
		view_put(m, VIEW_FILE, "", "sys/devices/system/cpu/%s", none[i]);
	snprintf(text, sizeof(text), "%d", ABI_MAX_CORES - 1);
	view_put(m, VIEW_FILE, text, "sys/devices/system/cpu/kernel_max");
	/* Of the silicon, not of who has which part of it. */
	view_put(m, VIEW_LINK, "/sys/devices/system/cpu/vulnerabilities",
		"sys/devices/system/cpu/vulnerabilities");
	for (unsigned i = 0; i < m->topology.ncpus; i++) {
		make_cpu(m, i);
		smt |= m->topology.cpu[i].threads != 1ULL << i;
	}
	view_put(m, VIEW_DIR, NULL, "sys/devices/system/cpu/smt");
	view_put(m, VIEW_FILE, smt ? "1" : "0", "sys/devices/system/cpu/smt/active");
	view_put(m, VIEW_FILE, smt ? "on" : "notsupported",
		"sys/devices/system/cpu/smt/control");
}
