/* SPDX-License-Identifier: MIT */
/*
 * What the user asked for: the options of `run` and `plan`, as a value. It lives in this room
 * because the plan is a pure function of it and of the host.
 */
#ifndef NUMA_OPTIONS_H
#define NUMA_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/problem.h"

enum page_choice { PAGE_AUTO, PAGE_4K, PAGE_2M, PAGE_1G };
enum commit_choice { COMMIT_DEFAULT, COMMIT_REQUEST, COMMIT_TOUCH };
enum bind_choice { BIND_DEFAULT, BIND_RANK, BIND_NONE };
enum numa_choice { NUMA_MIRROR, NUMA_NONE, NUMA_SPLIT };

#define OPTIONS_LABEL_SIZE 48 /* of a label and its end */
#define OPTIONS_MAX_ENV    256
#define OPTIONS_MAX_PARTS  16
#define OPTIONS_MAX_WINDOW (1ULL << 40)
#define OPTIONS_MAX_RANKS  64 /* as many processes as a guest has room for */

/* One part of --mem that names its host node: "8G@1". */
struct mem_part {
	uint64_t size;
	uint16_t node;
};

struct options {
	char name[64];   /* --name, else empty: the plan then uses "lwvmm-PID" */
	bool have_cores; /* --cores was given */
	unsigned ncores; /* cores in the order given: vCPU i runs on core[i] */
	uint16_t core[256];
	bool no_smt;         /* --no-smt: one logical CPU of each physical core */
	uint64_t mem;        /* --mem in bytes, the sum of its parts; 0: not given */
	unsigned nmem_parts; /* parts of --mem with a node; 0: the plan deals it out */
	struct mem_part mem_part[OPTIONS_MAX_PARTS];
	enum numa_choice numa;
	unsigned numa_nodes; /* of --numa N, with NUMA_SPLIT */
	enum page_choice page;
	enum commit_choice commit;
	bool have_window; /* --window was given: bytes, 0: none */
	uint64_t window;
	const char *env[OPTIONS_MAX_ENV]; /* --env K=V, borrowed from argv */
	unsigned nenv;
	const char *label; /* --label, borrowed from argv; NULL: none (exec only) */
	double timeout_s;  /* --timeout, 0: none */
	bool stats;        /* --stats */
	const char *trace; /* --trace: "", --trace=FILE: the file, borrowed; NULL: none */
	bool detach;       /* --detach: a guest without a program, for exec (run only) */
	bool have_user;    /* --user UID[:GID]: whose the guest is to be (run --detach only) */
	uint32_t uid, gid;
	unsigned ranks; /* --ranks: so many processes by an MPI launcher (run only); 0: one */
	const char *launcher; /* --launcher, borrowed from argv; NULL: the one that fits */
	enum bind_choice bind;
	const char *json; /* --json FILE, borrowed from argv (for plan: --json has no value) */
	char config_json[200]; /* the file's name, where --config's file says it */
	bool plan_json;
	int verbose; /* -v, -vv */
	bool help;   /* --help or -h: nothing after it was looked at, guest may be empty */
	/*
	 * Not an option, but a fact of GUEST that the plan needs (run fills it): bytes that the
	 * program has in its first GiB, where no 1 GiB page can be
	 * (docs/decisions/0004-first-gib.md).
	 */
	uint64_t program_low;
	char *const *guest; /* GUEST [ARGS...], borrowed from argv, NULL-terminated; may be
			       empty for plan */
};

/* Whose words: for plan --json takes no file; exec takes few, and --cores are the guest's. */
enum options_of { OPTIONS_RUN, OPTIONS_PLAN, OPTIONS_EXEC };

/*
 * Parses the words after the subcommand (for exec, after the guest's name). Options end at "--"
 * or at the first word that is none. Errors: -EINVAL with the problem filled.
 */
int options_parse(
	char *const *argv, enum options_of of, struct options *opt, struct problem *problem);

/* "64M", "2G", "1.5G", plain bytes: to bytes. -EINVAL for anything else ("0", "-1", "1Q", "").
 */
int size_parse(const char *text, uint64_t *bytes);

/*
 * UID or UID:GID (else the group of the same number), in numbers: a static program has no way
 * to ask for names. -EINVAL for anything else, the outputs are then as before.
 */
int user_parse(const char *text, uint32_t *uid, uint32_t *gid);

/*
 * "0-3,8" or "0-14:2" (every second): to numbers in the order given. -EINVAL for bad syntax,
 * -ERANGE for more than `max` of them or one above 65535, -EEXIST for one named twice (it is
 * then in list[*n]).
 */
int cpulist_parse(const char *text, uint16_t *list, unsigned max, unsigned *n);

/* The inverse, in the order given ("0-3,8"); "none" for an empty list. Cut off with "..." if
 * too long. */
void cpulist_format(const uint16_t *list, unsigned n, char *text, size_t size);

/* Bytes for people: "2 GiB", "1.5 GiB", "1026 MiB": in MiB where GiB is not exact; rounded
 * down. */
#define SIZE_TEXT_MAX 32
const char *size_format(uint64_t bytes, char text[SIZE_TEXT_MAX]);

#endif
