/* SPDX-License-Identifier: MIT */
/* `lwvmm stat NAME`: what a running guest has used since its start, or a program that was in
 * it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "numa/options.h"
#include "vmm/cmd.h"
#include "vmm/cmd_ask.h"

static union answer answer; /* large */

static void print_cores(const struct proto_account *a)
{
	puts("  core  exits  of them irq  halt  local calls  faults  interrupts  switches");
	for (unsigned i = 0; i < a->ncores; i++) {
		const struct proto_core *c = &a->core[i];

		if (c->have_exits)
			printf("%6u %6" PRIu64 " %12" PRIu64 " %5" PRIu64, c->core, c->exits,
				c->irq_exits, c->halt_exits);
		else
			printf("%6u %6s %12s %5s", c->core, "?", "?", "?");
		printf(" %12" PRIu64 " %7" PRIu64 " %11" PRIu64 " %9" PRIu64 "\n", c->local,
			c->faults, c->irqs, c->switches);
	}
}

static void print_processes(const struct proto_account *a)
{
	char mem[SIZE_TEXT_MAX];

	if (a->nprocs)
		puts("     pid  threads  CPU time  local calls  forwarded  memory");
	for (unsigned i = 0; i < a->nprocs; i++) {
		const struct proto_usage *p = &a->process[i];

		printf("%8d %8u %7.2f s %12" PRIu64 " %10" PRIu64 "  %s\n", p->pid, p->nthreads,
			(double)p->cpu_ns / 1e9, p->local, p->forwarded,
			size_format(p->mem, mem));
	}
}

static void print_text(const char *name, const struct proto_account *a)
{
	char free[SIZE_TEXT_MAX], total[SIZE_TEXT_MAX];

	printf("%s: up %.1f s\n", name, (double)a->up_ms / 1e3);
	for (unsigned i = 0; i < a->nnodes; i++)
		printf("  node %u: %s, free %s\n", i, size_format(a->node[i].total, total),
			size_format(a->node[i].free, free));
	print_cores(a);
	print_processes(a);
}

static void print_json_cores(const struct proto_account *a)
{
	for (unsigned i = 0; i < a->ncores; i++) {
		const struct proto_core *c = &a->core[i];

		printf("%s{\"core\": %u, ", i ? ",\n  " : "", c->core);
		if (c->have_exits)
			printf("\"exits\": %" PRIu64 ", \"irq_exits\": %" PRIu64
			       ", \"halt_exits\": %" PRIu64 ", ",
				c->exits, c->irq_exits, c->halt_exits);
		printf("\"calls_local\": %" PRIu64 ", \"faults\": %" PRIu64
		       ", \"interrupts\": %" PRIu64 ", \"switches\": %" PRIu64 "}",
			c->local, c->faults, c->irqs, c->switches);
	}
}

static void print_json(const char *name, const struct proto_account *a)
{
	printf("{\"name\": \"%s\", \"up_s\": %.3f,\n \"nodes\": [", name,
		(double)a->up_ms / 1e3);
	for (unsigned i = 0; i < a->nnodes; i++)
		printf("%s{\"total\": %" PRIu64 ", \"free\": %" PRIu64 "}", i ? ", " : "",
			a->node[i].total, a->node[i].free);
	printf("],\n \"cores\": [");
	print_json_cores(a);
	printf("],\n \"processes\": [");
	for (unsigned i = 0; i < a->nprocs; i++) {
		const struct proto_usage *p = &a->process[i];

		printf("%s{\"pid\": %d, \"threads\": %u, \"cpu_s\": %.6f, \"calls_local\": "
		       "%" PRIu64 ", \"calls_forwarded\": %" PRIu64 ", \"memory\": %" PRIu64
		       ", \"memory_peak\": %" PRIu64 "}",
			i ? ",\n  " : "", p->pid, p->nthreads, (double)p->cpu_ns / 1e9,
			p->local, p->forwarded, p->mem, p->mem_peak);
	}
	printf("]}\n");
}

static int ended(const char *name, const char *label, bool json, struct problem *problem)
{
	const struct proto_tally *t = &answer.tally;
	int err = guest_query_ended(name, label, &answer, problem);
	char mem[SIZE_TEXT_MAX];

	if (err)
		return err;
	if (!t->known)
		return problem_set(problem, -ENOENT, EXIT_LWVMM_FAILED,
			"guest %s: %s: nothing has run under this label, or it was told "
			"already: see lwvmm exec --label",
			name, label);
	if (json)
		printf("{\"ended\": %s, \"wall_s\": %.3f, \"cpu_s\": %.6f, \"calls_local\": "
		       "%" PRIu64 ", \"calls_forwarded\": %" PRIu64
		       ", \"memory_peak\": %" PRIu64 "}\n",
			t->ended ? "true" : "false", (double)t->up_ms / 1e3,
			(double)t->used.cpu_ns / 1e9, t->used.local, t->used.forwarded,
			t->used.mem_peak);
	else
		printf("%s: %s %.3f s, CPU time %.3f s, calls: %" PRIu64 " local, %" PRIu64
		       " forwarded, memory: %s\n",
			label, t->ended ? "ran" : "runs for", (double)t->up_ms / 1e3,
			(double)t->used.cpu_ns / 1e9, t->used.local, t->used.forwarded,
			size_format(t->used.mem_peak, mem));
	return 0;
}

static int stat_parse(char *const *argv, struct problem *problem)
{
	const char *name = NULL, *label = NULL;
	bool json = false;
	int err;

	for (; *argv; argv++) {
		if (!strcmp(*argv, "--help") || !strcmp(*argv, "-h")) {
			help_topic_print("stat", stdout);
			return 0;
		}
		if (!strcmp(*argv, "--json"))
			json = true;
		else if (!strcmp(*argv, "--ended") && argv[1] && !label)
			label = *++argv;
		else if ((*argv)[0] == '-' || name)
			return cmd_unknown_word("stat", *argv, problem);
		else
			name = *argv;
	}
	if (!name)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"stat: no guest is named: lwvmm stat NAME: see lwvmm ps");
	if (label)
		return ended(name, label, json, problem);
	err = guest_query(name, PROTO_STAT, &answer, problem);
	if (err)
		return err;
	if (json)
		print_json(name, &answer.account);
	else
		print_text(name, &answer.account);
	return 0;
}

int cmd_stat(char *const *argv)
{
	struct problem problem = {0};

	if (stat_parse(argv, &problem))
		problem_print(&problem);
	return problem.status;
}
