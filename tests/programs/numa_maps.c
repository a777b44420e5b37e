/* SPDX-License-Identifier: MIT */
/* What /proc/self/numa_maps says of policies: those of ranges, and the process's of all else.
 */
#define _GNU_SOURCE
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "check.h"

#define BLOCK (2UL << 20)
#define BITS  1024

static uint64_t memory[BITS / 64]; /* nodes with memory */
static uint64_t last[BITS / 64];   /* the last of them alone */
static char all_list[64], last_list[16];

/* Of the mapping that has the address: the second word of its line. */
static const char *shown(const void *at)
{
	static char policy[64];
	char line[4096], word[64];
	unsigned long start;
	FILE *file = fopen("/proc/self/numa_maps", "r");

	CHECK(file != NULL);
	strcpy(policy, "none");
	while (fgets(line, sizeof(line), file)) {
		CHECK(sscanf(line, "%lx %63s", &start, word) == 2);
		if (start <= (uintptr_t)at)
			strcpy(policy, word);
	}
	fclose(file);
	return policy;
}

static void must_show(const void *at, const char *want)
{
	const char *seen = shown(at);

	if (strcmp(seen, want) != 0)
		fprintf(stderr, "'%s' instead of '%s'\n", seen, want);
	CHECK(strcmp(seen, want) == 0);
}

/* Six blocks, the middle two with the policy, all of them touched. */
static char *bound(int mode, const uint64_t *set)
{
	char *p = mmap(
		NULL, 7 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	p = (char *)(((uintptr_t)p + BLOCK - 1) & ~(BLOCK - 1));
	CHECK(syscall(SYS_mbind, p + 2 * BLOCK, 2 * BLOCK, mode, set, set ? BITS + 1UL : 0UL,
		      0UL) == 0);
	memset(p, 1, 6 * BLOCK);
	return p;
}

static void check(
	int mode, const uint64_t *set, const char *name, const char *list, const char *around)
{
	char *p = bound(mode, set), want[128];

	snprintf(want, sizeof(want), "%s%s", name, list);
	must_show(p, around);
	must_show(p + BLOCK, around);
	must_show(p + 2 * BLOCK, want);
	must_show(p + 3 * BLOCK, want);
	must_show(p + 4 * BLOCK, around);
	/* Another mapping in its place has none of it. */
	CHECK(mmap(p + 2 * BLOCK, BLOCK, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + 2 * BLOCK);
	p[2 * BLOCK] = 1;
	must_show(p + 2 * BLOCK, around);
	must_show(p + 3 * BLOCK, want);
	CHECK(munmap(p, 6 * BLOCK) == 0);
}

static void check_all(const char *around)
{
	check(MPOL_BIND, last, "bind:", last_list, around);
	check(MPOL_BIND | MPOL_F_STATIC_NODES, last, "bind=static:", last_list, around);
	check(MPOL_PREFERRED, last, "prefer:", last_list, around);
	check(MPOL_INTERLEAVE, memory, "interleave:", all_list, around);
	check(MPOL_LOCAL, NULL, "local", "", around);
}

static void test_ranges(void)
{
	check_all("default");
}

static void test_process(void)
{
	char want[128];

	snprintf(want, sizeof(want), "interleave:%s", all_list);
	CHECK(syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, memory, BITS + 1UL) == 0);
	check_all(want);
	CHECK(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0UL) == 0);
	check_all("default");
}

/* Nodes 0 to n, as they are numbered here and in guests. */
static void nodes_find(void)
{
	int n = 0;

	CHECK(syscall(SYS_get_mempolicy, NULL, memory, (unsigned long)BITS, NULL,
		      (unsigned long)MPOL_F_MEMS_ALLOWED) == 0);
	while (memory[0] >> (n + 1))
		n++;
	last[0] = 1UL << n;
	CHECK(memory[0] == (1UL << n) * 2 - 1);
	snprintf(last_list, sizeof(last_list), "%d", n);
	snprintf(all_list, sizeof(all_list), n ? "0-%d" : "%d", n);
}

int main(void)
{
	static const struct check_case cases[] = {
		{"ranges", test_ranges},
		{"process", test_process},
	};
	static char *const none[] = {NULL};

	nodes_find();
	return check_run(cases, ARRAY_LEN(cases), none);
}
