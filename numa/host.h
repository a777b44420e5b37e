/* SPDX-License-Identifier: MIT */
/*
 * What the host has, read once into a value: CPUs, nodes, pools, limits. Readers take a root
 * path so that captured trees test them ("" is the real host).
 */
#ifndef NUMA_HOST_H
#define NUMA_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/problem.h"

#define HOST_MAX_CPUS  1024
#define HOST_MAX_NODES 64

enum kvm_kind { KVM_KIND_NONE, KVM_KIND_HARDWARE, KVM_KIND_SOFTWARE };

struct host_cpu {
	bool present; /* exists in /sys/devices/system/cpu */
	bool online;
	bool allowed;  /* in our affinity mask; or isolated and in our cpuset (isolcpus= leaves
			  no mask) */
	bool isolated; /* /sys/devices/system/cpu/isolated */
	bool nohz_full;
	uint16_t node;
	uint16_t package;
	uint16_t core_id;
	uint16_t first_sibling; /* lowest logical CPU of the same physical core */
};

/* One pool: huge pages of one size on one node. Counts are pages. */
struct host_pool {
	uint64_t total;
	uint64_t free; /* less those reserved by mappings that have not touched them yet */
	uint64_t surplus;
};

struct host_node {
	bool present;       /* online */
	bool possible;      /* the kernel knows of it; not present: it is offline */
	bool allowed;       /* our cpuset lets us take memory from it */
	uint64_t mem_total; /* bytes, 0: a node without memory */
	uint64_t mem_free;  /* bytes, free plus easily reclaimed page cache */
	struct host_pool pool_2m;
	struct host_pool pool_1g;
	bool have_2m, have_1g; /* the kernel offers the size at all */
	/* As in a valid SLIT: to itself 10, to others more (255: unreachable); absent ones 0.
	 */
	uint8_t distance[HOST_MAX_NODES];
};

struct host {
	unsigned ncpus;  /* highest present CPU + 1 */
	unsigned nnodes; /* highest present node + 1 */
	struct host_cpu cpu[HOST_MAX_CPUS];
	struct host_node node[HOST_MAX_NODES];
	char slit_odd[96]; /* why the host's distances are not used (10 and 20 are); or empty */
	uint64_t mem_available;       /* MemAvailable, bytes */
	uint64_t cgroup_memory_limit; /* bytes, UINT64_MAX: none (v1 and v2) */
	uint64_t cgroup_memory_left; /* bytes still allowed: limit less what cannot be reclaimed
				      */
	uint64_t cgroup_hugetlb_2m,
		cgroup_hugetlb_1g; /* bytes still allowed, UINT64_MAX: no limit */
	enum kvm_kind kvm;
	bool may_grow_pools; /* nr_hugepages is writable for us (root) */
	uint64_t memlock;    /* RLIMIT_MEMLOCK soft, bytes, UINT64_MAX: none */
};

/* Reads everything below `root`. Errors: only when the tree makes no sense (no CPU, no node).
 */
int host_read(const char *root, struct host *host, struct problem *problem);

#endif
