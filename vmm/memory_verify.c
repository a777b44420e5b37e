/* SPDX-License-Identifier: MIT */
/*
 * Do all pages lie on their nodes (the workers that touched them have looked, page by page)?
 * And which page sizes did we really get? Pages of a pool are what the file says. Ordinary
 * memory is looked up in smaps: for memory collapsed to huge pages KernelPageSize stays 4 kB,
 * and ShmemPmdMapped counts the bytes that are mapped by 2 MiB entries (which is what KVM goes
 * by).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/memory.h"

static int extent_misplaced(const struct memory_extent *e, struct problem *problem)
{
	const struct plan_extent *x = &e->plan;
	const struct affinity_tally *t = &e->placed;

	if (t->absent)
		return problem_set(problem, -EIO, EXIT_LWVMM_FAILED,
			"memory: of the guest's %lu MiB at gpa 0x%lx %lu of %lu pages are gone "
			"from node %u again: the host is short of memory there: use a smaller "
			"--mem, or another node",
			x->size >> 20, x->gpa, t->absent, t->pages, x->host_node);
	return problem_set(problem, -EIO, EXIT_LWVMM_FAILED,
		"memory: of the guest's %lu MiB at gpa 0x%lx %lu of %lu pages are not on node "
		"%u, to which they are bound (some are on node %d): has somebody changed this "
		"cpuset's cpuset.mems, or moved pages (migratepages)? Try again",
		x->size >> 20, x->gpa, t->elsewhere, t->pages, x->host_node, t->stray);
}

int memory_verify_nodes(const struct memory *memory, struct problem *problem)
{
	for (unsigned i = 0; i < memory->nextents && memory->bound; i++) {
		const struct memory_extent *e = &memory->extent[i];

		if (e->placed.absent || e->placed.elsewhere)
			return extent_misplaced(e, problem);
	}
	return 0;
}

static int pool_verify(struct memory_extent *e, struct problem *problem)
{
	uint64_t page_size = e->plan.page_size;
	struct stat st;

	if (fstat(e->memfd, &st) < 0 || (uint64_t)st.st_blksize != page_size ||
		(uint64_t)st.st_blocks * 512 != e->plan.size)
		return problem_set(problem, -EIO, EXIT_LWVMM_FAILED,
			"memory: the kernel did not give all of %lu MiB in pages of %lu KiB",
			e->plan.size >> 20, page_size >> 10);
	*(page_size == GIB(1) ? &e->got_1g : &e->got_2m) = e->plan.size;
	return 0;
}

/* The ordinary extent that a mapping of smaps belongs to, if any. */
static struct memory_extent *extent_find(struct memory *memory, uint64_t start)
{
	for (unsigned i = 0; i < memory->nextents; i++) {
		struct memory_extent *e = &memory->extent[i];
		bool ordinary = e->plan.thp || e->plan.page_size == KIB(4);

		if (ordinary && start - (uintptr_t)e->hva < e->plan.size)
			return e;
	}
	return NULL;
}

static int smaps_read(struct memory *memory, struct problem *problem)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	struct memory_extent *e = NULL;
	char *line = NULL;
	size_t room = 0;

	if (!file)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"/proc/self/smaps: cannot be opened: %s: is /proc mounted?",
			strerror(errno));
	while (getline(&line, &room, file) > 0) {
		unsigned long start, end, kib;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			e = extent_find(memory, start);
		else if (e && sscanf(line, "Rss: %lu kB", &kib) == 1)
			e->got_4k += KIB(kib);
		else if (e && sscanf(line, "ShmemPmdMapped: %lu kB", &kib) == 1)
			e->got_2m += KIB(kib);
	}
	free(line);
	fclose(file);
	return 0;
}

static int ordinary_verify(struct memory *memory, struct problem *problem)
{
	int rc = smaps_read(memory, problem);

	for (unsigned i = 0; i < memory->nextents && !rc; i++) {
		struct memory_extent *e = &memory->extent[i];

		if (!e->plan.thp && e->plan.page_size != KIB(4))
			continue;
		if (e->got_4k != e->plan.size) /* until here all that is resident */
			return problem_set(problem, -EIO, EXIT_LWVMM_FAILED,
				"memory: only %lu of %lu MiB stay resident: the host is short "
				"of memory: "
				"use a smaller --mem",
				e->got_4k >> 20, e->plan.size >> 20);
		e->got_4k -= e->got_2m;
	}
	return rc;
}

int memory_verify(struct memory *memory, struct problem *problem)
{
	bool ordinary = false;
	int rc = 0;

	for (unsigned i = 0; i < memory->nextents && !rc; i++) {
		struct memory_extent *e = &memory->extent[i];

		if (e->plan.thp || e->plan.page_size == KIB(4))
			ordinary = true;
		else
			rc = pool_verify(e, problem);
	}
	return rc || !ordinary ? rc : ordinary_verify(memory, problem);
}
