/* SPDX-License-Identifier: MIT */
/*
 * The plan: who gets what, as a pure value. It has no file descriptors and no pointers to live
 * things. One pure function makes it from options and host, or says why not; everything later
 * obeys it.
 */
#ifndef NUMA_PLAN_H
#define NUMA_PLAN_H

#include <stdint.h>
#include <stdio.h>

#include "numa/host.h"
#include "numa/options.h"

#define PLAN_MAX_VCPUS   64
#define PLAN_MAX_EXTENTS 100
#define PLAN_MAX_NODES   16
#define PLAN_MAX_BANKS   48 /* each has two extents at most, and one has the hole in it */

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

struct plan_vcpu {
	uint16_t core; /* host logical CPU, exactly one */
	uint8_t guest_node;
	uint8_t host_node;
	uint16_t package; /* host's numbers, for the guest's topology */
	uint16_t core_id;
	uint16_t sibling_of; /* lowest vCPU index of the same physical core */
};

/* A guest-physical range backed by one page size on one host node (one memfd each). */
struct plan_extent {
	uint64_t gpa;
	uint64_t size;      /* bytes, a multiple of page_size */
	uint64_t page_size; /* 4K, 2M or 1G of the backing; THP: see thp */
	bool thp;           /* ordinary memfd collapsed to 2 MiB pages (MADV_COLLAPSE) */
	uint8_t host_node;
	uint8_t guest_node;
	uint64_t pool_grow; /* pages by which the pool must be grown first */
};

/* What a guest node has on one host node. With --numa mirror each node has one bank, or none.
 */
struct plan_bank {
	uint8_t guest_node;
	uint8_t host_node;
	uint64_t weight; /* of its share when the plan deals memory out */
	uint64_t asked;  /* bytes, when --mem names the node */
};

/* A guest node may have vCPUs only, memory only (size 0: none), or both. */
struct plan_node {
	uint8_t host_node; /* of its first vCPU, or of its memory: distances go by it */
	uint64_t size;     /* bytes */
	uint8_t distance[PLAN_MAX_NODES];
};

struct plan {
	char name[64];
	unsigned nvcpus;
	struct plan_vcpu vcpu[PLAN_MAX_VCPUS];
	unsigned nnodes;
	struct plan_node node[PLAN_MAX_NODES];
	enum numa_choice numa;
	bool mem_parts; /* --mem named the host nodes */
	unsigned nbanks;
	struct plan_bank bank[PLAN_MAX_BANKS]; /* in the order in which they lie from gpa 0 on
						*/
	unsigned nextents;
	struct plan_extent extent[PLAN_MAX_EXTENTS]; /* sorted by gpa */
	uint64_t mem;                                /* total RAM of the guest, bytes */
	uint64_t mem_asked;                          /* --mem, bytes; 0: not given */
	uint64_t program_low;                        /* of options */
	/* Addresses for files that are mapped MAP_SHARED: no memory of its own. Size 0: none.
	 */
	uint64_t window_gpa, window_size;
	enum page_choice page_asked;
	unsigned nleft; /* cores that --no-smt left out */
	uint16_t left[HOST_MAX_CPUS];
	bool first_touch;  /* commit mode of processes (design.md section 4) */
	unsigned nhelpers; /* host CPUs for helper threads and proxies */
	uint16_t helper[HOST_MAX_CPUS];
	bool cores_shared; /* no host core is left outside the guest's: helpers share them */
	enum kvm_kind kvm;
	char why_pages[160]; /* one sentence: why these page sizes */
	/* Where pools would have sufficed if they were on the right nodes: what each has. */
	char pools_elsewhere[120];
	char why_nodes[160]; /* the same of the guest's nodes */
	char slit_odd[96];   /* of host */
};

/* RAM from 0 to 3 GiB, the device hole to 4 GiB, RAM again from 4 GiB. */
#define PLAN_HOLE_START GIB(3)
#define PLAN_HOLE_END   GIB(4)
#define PLAN_MIN_MEM    MIB(64)

/* The window, unless --window says otherwise: half as large as RAM, within these. */
#define PLAN_WINDOW_MIN MIB(256)
#define PLAN_WINDOW_MAX GIB(64)

/*
 * Errors: -EINVAL (options make no sense on this host), -ENOMEM (not enough memory or pool
 * pages; the problem has need, have, node and limit), -ENODEV (cores not there or not allowed).
 */
int plan_make(const struct options *opt, const struct host *host, struct plan *plan,
	struct problem *problem);

/*
 * What the user should know beside the plan (sizes rounded, cores shared, a
 * fallback): the i-th note, one line without newline; false when there are no more. `run`
 * prints them to stderr.
 */
#define PLAN_NOTE_MAX 240
bool plan_note(const struct plan *plan, unsigned i, char text[PLAN_NOTE_MAX]);

/* Why a guest node is there and has what it has: a few words. */
#define PLAN_WHY_MAX 80
void plan_node_why(const struct plan *plan, unsigned node, char text[PLAN_WHY_MAX]);

/* Prints the plan for people, and for programs. */
void plan_print(const struct plan *plan, const struct host *host, FILE *out);
void plan_print_json(const struct plan *plan, FILE *out);

#endif
