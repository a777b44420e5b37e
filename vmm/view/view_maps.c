/* SPDX-License-Identifier: MIT */
/*
 * The program's memory, read off the proxy's own maps: the proxy maps the program's memory at
 * the program's addresses, each piece a piece of an extent's memfd, whose offset tells the
 * guest-physical address and so the guest node. What is known this way is where memory is, in
 * whole blocks; names of files and protections are the LWK's knowledge.
 */
#include <stdlib.h>
#include <string.h>

#include "guest-lwk/abi/layout.h"
#include "vmm/view/view.h"

/* Neighbours in the program's addresses. */
struct run {
	uint64_t start, end;
	uint64_t blocks[PLAN_MAX_NODES];
};

static const struct plan_extent *extent_find(
	const struct plan *plan, const struct view_inodes *inodes, uint64_t inode)
{
	for (unsigned i = 0; i < plan->nextents; i++)
		if (inodes->extent[i] == inode)
			return &plan->extent[i];
	return NULL;
}

/* "FROM-TO PERMISSIONS OFFSET DEVICE INODE ..."; false: it is none. (Not by sscanf, which looks
 * at the whole rest of the text each time.) */
static bool line_read(const char *line, uint64_t *from, uint64_t *to, uint64_t *inode)
{
	char *at;

	*from = strtoull(line, &at, 16);
	if (*at != '-')
		return false;
	*to = strtoull(at + 1, &at, 16);
	/* at: the blank before the permissions, then before each field up to the inode. */
	for (unsigned i = 0; i < 3 && at; i++)
		at = strchr(at + 1, ' ');
	if (!at)
		return false;
	*inode = strtoull(at, NULL, 10);
	return true;
}

/* The next run of guest memory; moves *host on. False: there is no more. */
static bool run_next(const struct plan *plan, const struct view_inodes *inodes,
	const char **host, struct run *run)
{
	*run = (struct run){0};
	while (**host) {
		const char *end = strchr(*host, '\n');
		uint64_t from, to, inode;
		const struct plan_extent *extent;

		if (!line_read(*host, &from, &to, &inode) || from >= ABI_USER_END)
			break;
		extent = extent_find(plan, inodes, inode);
		if (extent && run->end && from != run->end)
			break;
		if (extent) {
			run->start = run->end ? run->start : from;
			run->end = to;
			run->blocks[extent->guest_node] += (to - from) / ABI_BLOCK_SIZE;
		}
		*host = end ? end + 1 : "";
	}
	return run->end != 0;
}

static bool run_has(const struct run *run, uint64_t address)
{
	return address >= run->start && address < run->end;
}

static const char *run_name(const struct run *run, const struct view_self *self)
{
	if (run_has(run, self->stack))
		return "stack";
	return run_has(run, self->brk) ? "heap" : NULL;
}

void view_maps(const struct plan *plan, const struct view_inodes *inodes,
	const struct view_self *self, const char *host, FILE *out)
{
	struct run run;

	while (run_next(plan, inodes, &host, &run)) {
		const char *name = run_name(&run, self);
		int len =
			fprintf(out, "%08lx-%08lx rw-p 00000000 00:00 0 ", run.start, run.end);

		if (name)
			fprintf(out, "%*s[%s]", len < 73 ? 73 - len : 0, "", name);
		fputc('\n', out);
	}
}

/*
 * The policy of a mapping: all that is not said otherwise is "default". The LWK knows better;
 * when it publishes its policies, this is where they are looked up.
 */
static const char *policy_name(void)
{
	return "default";
}

void view_numa_maps(const struct plan *plan, const struct view_inodes *inodes,
	const struct view_self *self, const char *host, FILE *out)
{
	struct run run;

	while (run_next(plan, inodes, &host, &run)) {
		const char *name = run_name(&run, self);
		uint64_t sum = 0;

		for (unsigned i = 0; i < plan->nnodes; i++)
			sum += run.blocks[i];
		fprintf(out, "%08lx %s%s%s huge anon=%lu dirty=%lu", run.start, policy_name(),
			name ? " " : "", name ? name : "", sum, sum);
		for (unsigned i = 0; i < plan->nnodes; i++)
			if (run.blocks[i])
				fprintf(out, " N%u=%lu", i, run.blocks[i]);
		fprintf(out, " kernelpagesize_kB=%llu\n", ABI_BLOCK_SIZE >> 10);
	}
}
