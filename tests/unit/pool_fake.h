/* SPDX-License-Identifier: MIT */
/*
 * Pools on a made-up sysfs of two nodes with 100 pages each, for the tests of pool*.c; the
 * linker puts a made-up kernel (__wrap_pool_persistent_set) before the write, which can be
 * stingy or crash us at any moment.
 */
#ifndef TESTS_UNIT_POOL_FAKE_H
#define TESTS_UNIT_POOL_FAKE_H

#include <check.h>
#include <sys/types.h>

#include "vmm/pool_change.h"

#define NODE0 "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/"
#define NODE1 "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/"
#define ALL   "/sys/kernel/mm/hugepages/hugepages-2048kB/"

enum crash { CRASH_NEVER, CRASH_BEFORE, CRASH_HALFWAY, CRASH_AFTER };

struct pool_fake {
	enum crash crash;
	unsigned crash_in; /* calls of the kernel until the crash */
	uint64_t most;     /* pages that the made-up kernel can give */
	bool scarce;       /* it counts what is free */
	struct problem problem;
	struct pool_growth growth;
	char top[32], dir[64];
	struct pool_paths paths; /* without a root: this host's own pools */
	char noted[256];         /* the last note */
	char said[1024];         /* by the last repair */
};
extern struct pool_fake fake;

/* The fixture of each test. */
void fake_setup(void);
void fake_teardown(void);

void fake_write(const char *folder, const char *file, uint64_t number);
uint64_t fake_read(const char *folder, const char *file);
/* Both nodes' pools have so many pages. */
void fake_pools_are(uint64_t node0, uint64_t node1);

struct plan fake_plan(uint64_t grow0, uint64_t grow1);
int fake_grow(uint64_t grow0, uint64_t grow1);
int fake_repair(bool really);
int fake_journals(void);
/* What is killed later must be a process of ours. */
pid_t fake_fork(void);

/* Runs the suite: the end of main(). */
int fake_main(Suite *suite);

#endif
