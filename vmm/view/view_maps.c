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

/* Neighbours in the program's addresses, of one policy where that matters. */
struct run {
	uint64_t start, end;
	uint64_t blocks[PLAN_MAX_NODES];
	const struct abi_policy *policy;
};

/* The rest of the host's text, and where in its first line. */
struct walk {
	const struct plan *plan;
	const struct view_inodes *inodes;
	const struct view_self *self;
	const char *host;
	uint64_t at;
	bool by_policy;
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

/*
 * The policy at an address; *to is where another one begins, if that is before. In whole
 * blocks: of several in a block, that of the last of them is told.
 */
static const struct abi_policy *policy_at(
	const struct view_self *self, uint64_t address, uint64_t *to)
{
	for (unsigned i = 0; i < self->npolicies; i++) {
		uint64_t start = self->policy[i].start & ~(ABI_BLOCK_SIZE - 1);
		uint64_t end =
			(self->policy[i].end + ABI_BLOCK_SIZE - 1) & ~(ABI_BLOCK_SIZE - 1);

		if (address < start) {
			*to = start < *to ? start : *to;
			break;
		}
		if (address < end) {
			*to = end < *to ? end : *to;
			return &self->policy[i];
		}
	}
	return &self->policy_all;
}

/* The next run of guest memory; moves the walk on. False: there is no more. */
static bool run_next(struct walk *walk, struct run *run)
{
	*run = (struct run){0};
	while (*walk->host) {
		const char *end = strchr(walk->host, '\n');
		const struct abi_policy *policy = NULL;
		const struct plan_extent *extent;
		uint64_t from, to, inode, line_end;

		if (!line_read(walk->host, &from, &line_end, &inode) || from >= ABI_USER_END)
			break;
		from = walk->at > from ? walk->at : from;
		to = line_end;
		if (walk->by_policy)
			policy = policy_at(walk->self, from, &to);
		extent = extent_find(walk->plan, walk->inodes, inode);
		if (extent && run->end && (from != run->end || policy != run->policy))
			break;
		if (extent) {
			run->start = run->end ? run->start : from;
			run->end = to;
			run->policy = policy;
			run->blocks[extent->guest_node] += (to - from) / ABI_BLOCK_SIZE;
		}
		walk->at = to;
		if (to == line_end)
			walk->host = end ? end + 1 : "";
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
	struct walk walk = {.plan = plan, .inodes = inodes, .host = host};
	struct run run;

	while (run_next(&walk, &run)) {
		const char *name = run_name(&run, self);
		int len =
			fprintf(out, "%08lx-%08lx rw-p 00000000 00:00 0 ", run.start, run.end);

		if (name)
			fprintf(out, "%*s[%s]", len < 73 ? 73 - len : 0, "", name);
		fputc('\n', out);
	}
}

/* As the kernel prints it (mpol_to_str), the nodes being the guest's. */
static void policy_print(const struct abi_policy *policy, FILE *out)
{
	static const char *const name[] = {
		"default", "prefer", "bind", "interleave", "local", "prefer (many)"};
	const unsigned is_static = 1u << 15, is_relative = 1u << 14, flags = 7u << 13;
	unsigned mode = policy->mode & ~flags;
	uint16_t list[64];
	char text[160];
	unsigned n = 0;

	fputs(mode < sizeof(name) / sizeof(name[0]) ? name[mode] : "unknown", out);
	if (policy->mode & is_static)
		fputs("=static", out);
	else if (policy->mode & is_relative)
		fputs("=relative", out);
	for (unsigned i = 0; i < 64; i++)
		if (policy->nodes >> i & 1)
			list[n++] = (uint16_t)i;
	if (!n)
		return;
	cpulist_format(list, n, text, sizeof(text));
	fprintf(out, ":%s", text);
}

void view_numa_maps(const struct plan *plan, const struct view_inodes *inodes,
	const struct view_self *self, const char *host, FILE *out)
{
	struct walk walk = {
		.plan = plan, .inodes = inodes, .self = self, .host = host, .by_policy = true};
	struct run run;

	while (run_next(&walk, &run)) {
		const char *name = run_name(&run, self);
		uint64_t sum = 0;

		for (unsigned i = 0; i < plan->nnodes; i++)
			sum += run.blocks[i];
		fprintf(out, "%08lx ", run.start);
		policy_print(run.policy, out);
		fprintf(out, "%s%s huge anon=%lu dirty=%lu", name ? " " : "", name ? name : "",
			sum, sum);
		for (unsigned i = 0; i < plan->nnodes; i++)
			if (run.blocks[i])
				fprintf(out, " N%u=%lu", i, run.blocks[i]);
		fprintf(out, " kernelpagesize_kB=%llu\n", ABI_BLOCK_SIZE >> 10);
	}
}
