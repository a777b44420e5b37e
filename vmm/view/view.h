/* SPDX-License-Identifier: MIT */
/*
 * What a program sees of the machine: the text of /sys and /proc for a plan. Pure functions:
 * what they need of the host is handed to them, and what they make goes to a sink or a stream.
 * docs/decisions/0005-views.md says why it is done so.
 */
#ifndef VMM_VIEW_VIEW_H
#define VMM_VIEW_VIEW_H

#include <stdint.h>
#include <stdio.h>

#include "guest-lwk/abi/share.h"
#include "numa/plan.h"

#define VIEW_MAX_CACHES 6 /* of a CPU */
#define VIEW_TEXT_MAX   512

/* ---- what the plan makes of the CPUs ---- */

struct view_cpu {
	unsigned package, core; /* counted from 0; cores within their package */
	unsigned node;
	uint64_t threads; /* CPUs of the same core */
	uint64_t mates;   /* CPUs of the same package */
	unsigned ncores;  /* of the package */
};

struct view_topology {
	unsigned ncpus;
	uint64_t all;
	struct view_cpu cpu[PLAN_MAX_VCPUS];
};

void view_topology(const struct plan *plan, struct view_topology *topology);

/* As the kernel prints sets: "0-2,5", and hexadecimal in groups of 32 of `bits` bits. */
const char *view_list(uint64_t set, char text[VIEW_TEXT_MAX]);
const char *view_mask(uint64_t set, unsigned bits, char text[VIEW_TEXT_MAX]);

/* ---- what the host has to say ---- */

/* A cache of a CPU, as the host tells of the core that backs it; `shared`: guest CPUs. */
struct view_cache {
	unsigned level, ways, sets, line, partition, id;
	char type[16], size[16];
	uint64_t shared;
};

struct view_facts {
	unsigned ncaches[PLAN_MAX_VCPUS];
	struct view_cache cache[PLAN_MAX_VCPUS][VIEW_MAX_CACHES];
};

/* Reads below `root` ("" is the real host). A host that tells of no caches has none. */
void view_facts_read(const char *root, const struct plan *plan, struct view_facts *facts);

/* Memory by guest node, bytes. */
struct view_memory {
	uint64_t total[PLAN_MAX_NODES], free[PLAN_MAX_NODES];
};

/* ---- /sys: a tree of folders, files and links ---- */

enum view_kind { VIEW_DIR, VIEW_FILE, VIEW_LINK };

/* Paths have no leading '/'; a folder comes before what is in it. Not 0 ends the making. */
struct view_sink {
	int (*put)(struct view_sink *sink, enum view_kind kind, const char *path,
		const char *text);
};

/* All of it; returns 0 or what the sink returned. */
int view_tree(const struct plan *plan, const struct view_facts *facts,
	const struct view_memory *memory, struct view_sink *sink);

/* The parts of view_tree(), a file each: an error stays in `err`, and nothing follows it. */
struct view_maker {
	const struct plan *plan;
	const struct view_facts *facts;
	const struct view_memory *memory;
	struct view_topology topology;
	struct view_sink *sink;
	int err;
};

void view_put(struct view_maker *m, enum view_kind kind, const char *text, const char *path,
	...) __attribute__((format(printf, 4, 5)));
void view_make_cpus(struct view_maker *m);
void view_make_nodes(struct view_maker *m);

/* ---- /proc ---- */

/* The process that looks. */
struct view_self {
	const char *name; /* as in /proc/PID/comm */
	unsigned threads;
	uint64_t affinity;   /* guest CPUs */
	unsigned cpu;        /* where the thread that looks runs */
	uint64_t brk, stack; /* an address of the heap, one of the main thread's stack */
	/* Memory policies: of ranges by address, and of all else. */
	unsigned npolicies;
	struct abi_policy policy_all, policy[ABI_POLICIES];
};

/* `host` is the text of the host's file of the same name. */
void view_cpuinfo(const struct plan *plan, const char *host, FILE *out);
void view_stat(const struct plan *plan, const char *host, FILE *out);
void view_meminfo(const struct plan *plan, const struct view_memory *memory, FILE *out);
void view_node_meminfo(const struct view_memory *memory, unsigned node, FILE *out);
void view_status(
	const struct plan *plan, const struct view_self *self, const char *host, FILE *out);
void view_self_stat(const struct view_self *self, const char *host, FILE *out);

/* Inode numbers by which the proxy's own maps tell the extents of the plan apart. */
struct view_inodes {
	uint64_t extent[PLAN_MAX_EXTENTS];
};

/* maps and numa_maps of the program, from those of the proxy: what of it is guest memory. */
void view_maps(const struct plan *plan, const struct view_inodes *inodes,
	const struct view_self *self, const char *host, FILE *out);
void view_numa_maps(const struct plan *plan, const struct view_inodes *inodes,
	const struct view_self *self, const char *host, FILE *out);

#endif
