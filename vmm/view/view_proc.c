/* SPDX-License-Identifier: MIT */
/* /proc files whose text is the host's but for what the guest has otherwise. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/view/view.h"

/* Length of the line at `text` with its newline; 0 at the end. */
static size_t line_len(const char *text)
{
	const char *end = strchr(text, '\n');

	return end ? (size_t)(end - text) + 1 : strlen(text);
}

/* Is the line "KEY<blanks>: ..."? */
static bool line_is(const char *line, const char *key)
{
	size_t len = strlen(key);

	if (strncmp(line, key, len) != 0)
		return false;
	return line[len + strspn(line + len, " \t")] == ':';
}

/* ---- cpuinfo ---- */

/* The host's block of a CPU; NULL: there is none. */
static const char *block_find(const char *host, unsigned core)
{
	for (; *host; host += line_len(host))
		if (line_is(host, "processor") &&
			strtoul(strchr(host, ':') + 1, NULL, 10) == core)
			return host;
	return NULL;
}

static void block_print(
	const struct view_topology *topology, unsigned i, const char *host, FILE *out)
{
	const struct view_cpu *cpu = &topology->cpu[i];
	const struct {
		const char *key;
		unsigned value;
	} ours[] = {
		{"processor", i},
		{"physical id", cpu->package},
		{"siblings", (unsigned)__builtin_popcountll(cpu->mates)},
		{"core id", cpu->core},
		{"cpu cores", cpu->ncores},
		{"apicid", i},
		{"initial apicid", i},
	};
	const unsigned n = sizeof(ours) / sizeof(ours[0]);

	for (size_t len; (len = line_len(host)) > 1; host += len) {
		unsigned k = 0;

		while (k < n && !line_is(host, ours[k].key))
			k++;
		if (k < n)
			fprintf(out, "%.*s: %u\n", (int)strcspn(host, ":"), host,
				ours[k].value);
		else
			fwrite(host, 1, len, out);
	}
	fputc('\n', out);
}

void view_cpuinfo(const struct plan *plan, const char *host, FILE *out)
{
	struct view_topology topology;

	view_topology(plan, &topology);
	for (unsigned i = 0; i < plan->nvcpus; i++) {
		const char *block = block_find(host, plan->vcpu[i].core);

		block_print(&topology, i, block ? block : "processor\t:\n", out);
	}
}

/* ---- stat ---- */

#define STAT_FIELDS 10

/* A vCPU's times are those of the core that is its own. False: the host has no such line. */
static bool times_read(const char *host, unsigned core, uint64_t field[STAT_FIELDS])
{
	char key[16];
	size_t key_len = (size_t)snprintf(key, sizeof(key), "cpu%u ", core);

	for (; *host; host += line_len(host)) {
		char *at;

		if (strncmp(host, key, key_len) != 0)
			continue;
		at = (char *)host + key_len;
		for (unsigned i = 0; i < STAT_FIELDS; i++)
			field[i] = strtoull(at, &at, 10);
		return true;
	}
	return false;
}

static void times_print(const char *key, const uint64_t field[STAT_FIELDS], FILE *out)
{
	fputs(key, out);
	for (unsigned i = 0; i < STAT_FIELDS; i++)
		fprintf(out, " %lu", field[i]);
	fputc('\n', out);
}

void view_stat(const struct plan *plan, const char *host, FILE *out)
{
	static const char *const kept[] = {
		"ctxt ", "btime ", "processes ", "procs_running ", "procs_blocked "};
	uint64_t sum[STAT_FIELDS] = {0};
	uint64_t field[PLAN_MAX_VCPUS][STAT_FIELDS] = {0};
	char key[16];

	for (unsigned i = 0; i < plan->nvcpus; i++)
		if (times_read(host, plan->vcpu[i].core, field[i]))
			for (unsigned k = 0; k < STAT_FIELDS; k++)
				sum[k] += field[i][k];
	times_print("cpu ", sum, out);
	for (unsigned i = 0; i < plan->nvcpus; i++) {
		snprintf(key, sizeof(key), "cpu%u", i);
		times_print(key, field[i], out);
	}
	for (; *host; host += line_len(host))
		for (unsigned k = 0; k < sizeof(kept) / sizeof(kept[0]); k++)
			if (strncmp(host, kept[k], strlen(kept[k])) == 0)
				fwrite(host, 1, line_len(host), out);
}

/* ---- the process ---- */

/* The lines that are the guest's; false: the line is the host's. */
static bool status_line(
	const struct plan *plan, const struct view_self *self, const char *line, FILE *out)
{
	uint64_t mems = plan->nnodes < 64 ? (1ULL << plan->nnodes) - 1 : ~0ULL;
	char text[VIEW_TEXT_MAX];

	if (line_is(line, "Name"))
		fprintf(out, "Name:\t%.15s\n", self->name);
	else if (line_is(line, "Threads"))
		fprintf(out, "Threads:\t%u\n", self->threads);
	else if (line_is(line, "Cpus_allowed"))
		fprintf(out, "Cpus_allowed:\t%s\n",
			view_mask(self->affinity, plan->nvcpus, text));
	else if (line_is(line, "Cpus_allowed_list"))
		fprintf(out, "Cpus_allowed_list:\t%s\n", view_list(self->affinity, text));
	else if (line_is(line, "Mems_allowed"))
		/* libnuma takes the size of node sets from the digits: whole groups. */
		fprintf(out, "Mems_allowed:\t%s\n", view_mask(mems, 64, text));
	else if (line_is(line, "Mems_allowed_list"))
		fprintf(out, "Mems_allowed_list:\t%s\n", view_list(mems, text));
	else
		return false;
	return true;
}

void view_status(
	const struct plan *plan, const struct view_self *self, const char *host, FILE *out)
{
	for (; *host; host += line_len(host))
		if (!status_line(plan, self, host, out))
			fwrite(host, 1, line_len(host), out);
}

/* Fields of /proc/PID/stat, counted from 1 as in proc(5). */
enum { FIELD_THREADS = 20, FIELD_PROCESSOR = 39 };

void view_self_stat(const struct view_self *self, const char *host, FILE *out)
{
	/* The name is in parentheses and may hold anything. */
	const char *open = strchr(host, '('), *at = strrchr(host, ')');
	unsigned field = 3;

	if (!open || !at || at[1] != ' ') {
		fputs(host, out);
		return;
	}
	fprintf(out, "%.*s(%.15s)", (int)(open - host), host, self->name);
	for (at += 2; *at; field++) {
		size_t len = strcspn(at, " \n");

		if (field == FIELD_THREADS)
			fprintf(out, " %u", self->threads);
		else if (field == FIELD_PROCESSOR)
			fprintf(out, " %u", self->cpu);
		else
			fprintf(out, " %.*s", (int)len, at);
		at += len + (at[len] != '\0');
	}
	fputc('\n', out);
}
