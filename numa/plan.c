/* SPDX-License-Identifier: MIT */
/* Makes the plan: options and host in, a value out, nothing else touched. */
#include "numa/plan.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "numa/plan_parts.h"

int plan_make(const struct options *opt, const struct host *host, struct plan *plan,
	struct problem *problem)
{
	int err;

	memset(plan, 0, sizeof(*plan));
	if (opt->name[0])
		memcpy(plan->name, opt->name, sizeof(plan->name));
	else
		snprintf(plan->name, sizeof(plan->name), "lwvmm-%d", (int)getpid());
	plan->kvm = host->kvm;
	plan->program_low = opt->program_low;
	err = plan_cores(opt, host, plan, problem);
	if (!err)
		err = plan_nodes(opt, host, plan, problem);
	if (err)
		return err;
	plan->first_touch = opt->commit == COMMIT_TOUCH ||
			    (opt->commit == COMMIT_DEFAULT && plan->nnodes > 1);
	err = plan_pages(opt, host, plan, problem);
	if (!err)
		plan_window(opt, plan);
	return err;
}

static bool note_mem(const struct plan *plan, char text[PLAN_NOTE_MAX])
{
	uint64_t asked = plan->mem_asked;
	uint64_t whole = (asked + PLAN_GRANULE - 1) / PLAN_GRANULE * PLAN_GRANULE;
	char from[SIZE_TEXT_MAX], to[SIZE_TEXT_MAX];

	if (asked == 0 || asked == plan->mem)
		return false;
	size_format(asked, from);
	size_format(plan->mem, to);
	if (plan->extent[plan->nextents - 1].page_size == GIB(1) && plan->mem > whole)
		snprintf(text, PLAN_NOTE_MAX,
			"--mem: %s become %s: beside whole 1 GiB pages the guest's kernel "
			"and the program's first GiB need 2 MiB pages%s",
			from, to,
			plan->nbanks > 1 ? ", and each node some for small arrays" : "");
	else
		snprintf(text, PLAN_NOTE_MAX,
			"--mem: %" PRIu64 " bytes become %s: units are 2 MiB", asked, to);
	return true;
}

static bool note_fallback(const struct plan *plan, char text[PLAN_NOTE_MAX])
{
	for (unsigned i = 0; i < plan->nextents; i++) {
		if (plan->extent[i].thp) {
			snprintf(text, PLAN_NOTE_MAX, "pages: %s", plan->why_pages);
			return true;
		}
	}
	return false;
}

static bool note_elsewhere(const struct plan *plan, char text[PLAN_NOTE_MAX])
{
	if (!plan->pools_elsewhere[0])
		return false;
	snprintf(text, PLAN_NOTE_MAX,
		"the pools of 2 MiB pages would suffice, but their pages are not on the nodes "
		"of the guest's memory (%s)",
		plan->pools_elsewhere);
	return true;
}

static bool note_shared(const struct plan *plan, char text[PLAN_NOTE_MAX])
{
	if (!plan->cores_shared)
		return false;
	snprintf(text, PLAN_NOTE_MAX,
		"no core is left outside the guest's: helper threads share its cores and "
		"disturb it");
	return true;
}

static bool note_smt(const struct plan *plan, char text[PLAN_NOTE_MAX])
{
	char list[128];

	if (!plan->nleft)
		return false;
	cpulist_format(plan->left, plan->nleft, list, sizeof(list));
	snprintf(text, PLAN_NOTE_MAX,
		"--no-smt: left out core%s %s: the guest has another logical CPU of the same "
		"physical core",
		plan->nleft == 1 ? "" : "s", list);
	return true;
}

/* A distance table matters only to those who use more than one node. */
static bool note_slit(const struct plan *plan, char text[PLAN_NOTE_MAX])
{
	if (!plan->slit_odd[0] || plan->numa != NUMA_MIRROR || plan->nnodes == 1)
		return false;
	snprintf(text, PLAN_NOTE_MAX,
		"the host's distances between nodes make no sense (%s): 10 and 20 are used",
		plan->slit_odd);
	return true;
}

/* Vcpus without memory on their node: it was asked for, and it is slow. */
static bool note_remote(const struct plan *plan, char text[PLAN_NOTE_MAX])
{
	uint16_t core[PLAN_MAX_VCPUS];
	char list[128];
	unsigned n = 0;

	for (unsigned i = 0; i < plan->nvcpus; i++) {
		if (!plan->node[plan->vcpu[i].guest_node].size)
			core[n++] = plan->vcpu[i].core;
	}
	if (!n)
		return false;
	cpulist_format(core, n, list, sizeof(list));
	snprintf(text, PLAN_NOTE_MAX,
		"--mem: no memory is on the node of core%s %s: all of theirs is remote",
		n == 1 ? "" : "s", list);
	return true;
}

bool plan_note(const struct plan *plan, unsigned i, char text[PLAN_NOTE_MAX])
{
	static bool (*const notes[])(const struct plan *, char *) = {note_mem, note_fallback,
		note_elsewhere, note_shared, note_smt, note_slit, note_remote};

	for (unsigned k = 0; k < sizeof(notes) / sizeof(notes[0]); k++) {
		if (notes[k](plan, text) && i-- == 0)
			return true;
	}
	return false;
}
