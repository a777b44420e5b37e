/* SPDX-License-Identifier: MIT */
#include "tests/unit/plan_fake.h"

struct host host;
struct options opt;
struct plan plan;
struct problem problem;

void host_make(unsigned nodes, bool smt)
{
	memset(&host, 0, sizeof(host));
	memset(&opt, 0, sizeof(opt));
	host.ncpus = 4 * nodes;
	host.nnodes = nodes;
	for (unsigned i = 0; i < host.ncpus; i++) {
		host.cpu[i] = (struct host_cpu){.present = true,
			.online = true,
			.allowed = true,
			.node = (uint16_t)(i / 4),
			.package = (uint16_t)(i / 4),
			.core_id = (uint16_t)(smt ? i / 2 : i),
			.first_sibling = (uint16_t)(smt ? i / 2 * 2 : i)};
	}
	for (unsigned i = 0; i < nodes; i++) {
		struct host_node *n = &host.node[i];

		n->present = n->allowed = n->have_2m = n->have_1g = true;
		n->mem_total = GIB(64);
		n->mem_free = GIB(64) - MIB(512);
		for (unsigned k = 0; k < nodes; k++)
			n->distance[k] = i == k ? 10 : 21;
	}
	host.mem_available = nodes * (GIB(64) - MIB(512));
	host.cgroup_memory_limit = host.cgroup_memory_left = UINT64_MAX;
	host.cgroup_hugetlb_2m = host.cgroup_hugetlb_1g = UINT64_MAX;
	host.kvm = KVM_KIND_HARDWARE;
	host.memlock = UINT64_MAX;
}

void pools_set(uint64_t pages_2m, uint64_t pages_1g)
{
	for (unsigned i = 0; i < host.nnodes; i++) {
		host.node[i].pool_2m = (struct host_pool){pages_2m, pages_2m, 0};
		host.node[i].pool_1g = (struct host_pool){pages_1g, pages_1g, 0};
	}
}

int make(const char *cores, uint64_t mem, enum page_choice page)
{
	opt.have_cores = cores != NULL;
	if (cores)
		ck_assert_int_eq(cpulist_parse(cores, opt.core, 256, &opt.ncores), 0);
	opt.mem = mem;
	opt.page = page;
	problem = (struct problem){0};
	return plan_make(&opt, &host, &plan, &problem);
}
