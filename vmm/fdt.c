/* SPDX-License-Identifier: MIT */
#include "vmm/fdt.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/abi/share.h"

/*
 * The writers return libfdt's error; the first one ends the tree. libfdt's properties are
 * big-endian cells, as the specification says.
 */
static int prop_2u64(void *fdt, const char *name, uint64_t a, uint64_t b)
{
	fdt64_t cells[2] = {cpu_to_fdt64(a), cpu_to_fdt64(b)};

	return fdt_property(fdt, name, cells, sizeof(cells));
}

static int write_cpu(void *fdt, const struct plan *plan, unsigned i)
{
	char name[32];
	int err;

	snprintf(name, sizeof(name), "cpu@%x", i);
	if ((err = fdt_begin_node(fdt, name)) ||
		(err = fdt_property_string(fdt, "device_type", "cpu")) ||
		(err = fdt_property_string(fdt, "compatible", "lwvmm,vcpu")) ||
		(err = fdt_property_u32(fdt, "reg", i)) ||
		(err = fdt_property_u32(fdt, "numa-node-id", plan->vcpu[i].guest_node)))
		return err;
	return fdt_end_node(fdt);
}

static int write_cpus(void *fdt, const struct plan *plan)
{
	int err;

	if ((err = fdt_begin_node(fdt, "cpus")) ||
		(err = fdt_property_u32(fdt, "#address-cells", 1)) ||
		(err = fdt_property_u32(fdt, "#size-cells", 0)))
		return err;
	for (unsigned i = 0; i < plan->nvcpus; i++)
		if ((err = write_cpu(fdt, plan, i)))
			return err;
	return fdt_end_node(fdt);
}

static int write_memory(void *fdt, const struct plan_extent *extent)
{
	uint64_t page = extent->thp ? ABI_BLOCK_SIZE : extent->page_size;
	char name[48];
	int err;

	snprintf(name, sizeof(name), "memory@%llx", (unsigned long long)extent->gpa);
	if ((err = fdt_begin_node(fdt, name)) ||
		(err = fdt_property_string(fdt, "device_type", "memory")) ||
		(err = prop_2u64(fdt, "reg", extent->gpa, extent->size)) ||
		(err = fdt_property_u32(fdt, "numa-node-id", extent->guest_node)) ||
		(err = fdt_property_u64(fdt, ABI_FDT_PAGE_SIZE, page)))
		return err;
	return fdt_end_node(fdt);
}

static int write_distances(void *fdt, const struct plan *plan)
{
	fdt32_t cells[3 * PLAN_MAX_NODES * PLAN_MAX_NODES];
	unsigned n = 0;
	int err;

	for (unsigned from = 0; from < plan->nnodes; from++) {
		for (unsigned to = 0; to < plan->nnodes; to++) {
			cells[n++] = cpu_to_fdt32(from);
			cells[n++] = cpu_to_fdt32(to);
			cells[n++] = cpu_to_fdt32(plan->node[from].distance[to]);
		}
	}
	if ((err = fdt_begin_node(fdt, "distance-map")) ||
		(err = fdt_property_string(fdt, "compatible", "numa-distance-map-v1")) ||
		(err = fdt_property(
			 fdt, "distance-matrix", cells, (int)(n * sizeof(cells[0])))))
		return err;
	return fdt_end_node(fdt);
}

static int write_lwvmm(void *fdt, const struct plan *plan, const struct fdt_facts *facts)
{
	struct {
		fdt64_t xcr0;
		fdt32_t size;
	} __attribute__((packed)) xstate = {
		cpu_to_fdt64(facts->xcr0),
		cpu_to_fdt32(facts->xstate_size),
	};
	int err;

	if ((err = fdt_begin_node(fdt, ABI_FDT_NODE)) ||
		(err = fdt_property_u32(fdt, ABI_FDT_VERSION, ABI_VERSION)) ||
		(err = prop_2u64(fdt, ABI_FDT_SHARE, ABI_SHARE_GPA, ABI_SHARE_SIZE)) ||
		(err = fdt_property_u64(fdt, ABI_FDT_FREE, facts->free_start)) ||
		(err = fdt_property_u64(fdt, ABI_FDT_TSC_KHZ, facts->tsc_khz)) ||
		(err = fdt_property_u32(fdt, ABI_FDT_POLL_NS, facts->poll_ns)) ||
		(err = fdt_property(fdt, ABI_FDT_XSTATE, &xstate, sizeof(xstate))))
		return err;
	if (plan->window_size &&
		(err = prop_2u64(fdt, ABI_FDT_WINDOW, plan->window_gpa, plan->window_size)))
		return err;
	if (facts->software && (err = fdt_property(fdt, ABI_FDT_SOFTWARE, NULL, 0)))
		return err;
	if (plan->first_touch && (err = fdt_property(fdt, ABI_FDT_TOUCH, NULL, 0)))
		return err;
	return fdt_end_node(fdt);
}

static int write_root(void *fdt, const struct plan *plan, const struct fdt_facts *facts)
{
	int err;

	if ((err = fdt_begin_node(fdt, "")) ||
		(err = fdt_property_string(fdt, "compatible", "lwvmm,guest")) ||
		(err = fdt_property_string(fdt, "model", plan->name)) ||
		(err = fdt_property_u32(fdt, "#address-cells", 2)) ||
		(err = fdt_property_u32(fdt, "#size-cells", 2)) ||
		(err = fdt_begin_node(fdt, "chosen")) || (err = fdt_end_node(fdt)) ||
		(err = write_cpus(fdt, plan)))
		return err;
	for (unsigned i = 0; i < plan->nextents; i++)
		if ((err = write_memory(fdt, &plan->extent[i])))
			return err;
	if ((err = write_distances(fdt, plan)) || (err = write_lwvmm(fdt, plan, facts)))
		return err;
	return fdt_end_node(fdt);
}

int fdt_build(const struct plan *plan, const struct fdt_facts *facts, void *buf, size_t size,
	struct problem *problem)
{
	int err;

	if ((err = fdt_create(buf, (int)size)) || (err = fdt_finish_reservemap(buf)) ||
		(err = write_root(buf, plan, facts)) || (err = fdt_finish(buf)))
		return problem_set(problem, -ENOSPC, EXIT_LWVMM_FAILED,
			"device tree: %u vCPUs and %u extents do not fit %zu bytes (%s): "
			"report this as a bug",
			plan->nvcpus, plan->nextents, size, fdt_strerror(err));
	return 0;
}
