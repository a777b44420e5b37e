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
	if (err)
		return err;
	plan->first_touch = opt->commit == COMMIT_TOUCH ||
			    (opt->commit == COMMIT_DEFAULT && plan->nnodes > 1);
	return plan_pages(opt, host, plan, problem);
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
	if (plan->extent[plan->nextents - 1].page_size == GIB(1) &&
		whole % GIB(1) < plan->extent[0].size)
		snprintf(text, PLAN_NOTE_MAX,
			"--mem: %s become %s: beside whole 1 GiB pages the guest's kernel "
			"and the program's first GiB need 2 MiB pages",
			from, to);
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

static bool note_shared(const struct plan *plan, char text[PLAN_NOTE_MAX])
{
	if (!plan->cores_shared)
		return false;
	snprintf(text, PLAN_NOTE_MAX,
		"no core is left outside the guest's: helper threads share its cores and "
		"disturb it");
	return true;
}

bool plan_note(const struct plan *plan, unsigned i, char text[PLAN_NOTE_MAX])
{
	static bool (*const notes[])(const struct plan *, char *) = {
		note_mem, note_fallback, note_shared};

	for (unsigned k = 0; k < sizeof(notes) / sizeof(notes[0]); k++) {
		if (notes[k](plan, text) && i-- == 0)
			return true;
	}
	return false;
}
