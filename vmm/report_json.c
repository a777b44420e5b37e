/* SPDX-License-Identifier: MIT */
/* The account for programs. Every string in it is ours: names of calls, exits and the checked
 * name. */
#include <inttypes.h>

#include "vmm/kvm.h"
#include "vmm/report.h"

/* Separates the members of a list: nothing before the first. */
static void comma(FILE *out, bool *first)
{
	if (!*first)
		fputs(", ", out);
	*first = false;
}

static void json_memory(const struct report *report, FILE *out)
{
	const struct memory *memory = report->vm->memory;
	bool first = true;

	fputs("  \"memory\": [", out);
	for (unsigned i = 0; i < memory->nextents; i++) {
		const struct memory_extent *e = &memory->extent[i];

		comma(out, &first);
		fprintf(out,
			"{\"gpa\": %" PRIu64 ", \"size\": %" PRIu64 ", \"host_node\": %u, "
			"\"bytes_4k\": %" PRIu64 ", \"bytes_2m\": %" PRIu64
			", \"bytes_1g\": %" PRIu64 "}",
			e->plan.gpa, e->plan.size, e->plan.host_node, e->got_4k, e->got_2m,
			e->got_1g);
	}
	fputs("],\n  \"nested_pages\": ", out);
	if (report->have_nested)
		fprintf(out,
			"{\"1g\": %" PRIu64 ", \"2m\": %" PRIu64 ", \"4k\": %" PRIu64 "},\n",
			report->nested[ACCOUNT_1G], report->nested[ACCOUNT_2M],
			report->nested[ACCOUNT_4K]);
	else
		fputs("null,\n", out);
}

static void json_times(const struct report *report, FILE *out)
{
	const struct report_times *t = &report->times;
	uint64_t boot = report->vm->share->tsc_boot;

	fprintf(out, "  \"ms\": {\"memory\": %.3f, \"vm\": %.3f, \"run\": %.3f, ",
		report_ms(report, t->memory - t->start), report_ms(report, t->vm - t->start),
		report_ms(report, t->run - t->start));
	if (boot > t->start)
		fprintf(out, "\"boot\": %.3f, ", report_ms(report, boot - t->start));
	fprintf(out, "\"end\": %.3f},\n", report_ms(report, t->end - t->start));
}

static void json_kvm(const struct account_core *core, FILE *out)
{
	bool first = true;

	if (!core->have_kvm) {
		fputs("null", out);
		return;
	}
	fprintf(out, "{\"guest_exits\": %" PRIu64 ", ", account_guest_exits(core));
	for (unsigned s = 0; s < STAT_N; s++) {
		comma(out, &first);
		fprintf(out, "\"%s\": %" PRIu64, account_stat_name(s), core->kvm[s]);
	}
	fputc('}', out);
}

static void json_lwk(const struct account_core *core, FILE *out)
{
	fprintf(out,
		"\"irq_timer\": %" PRIu64 ", \"irq_kick\": %" PRIu64 ", \"irq_host\": %" PRIu64
		", \"page_faults\": %" PRIu64 ", \"exceptions\": %" PRIu64
		", \"local_calls\": %" PRIu64 ", \"switches\": %" PRIu64 ", \"halts\": %" PRIu64
		", \"lock_waits\": %" PRIu64,
		core->irq_timer, core->irq_kick, core->irq_host, core->faults, core->exceptions,
		core->syscalls_local, core->switches, core->halts, core->lock_waits);
}

static void json_vcpu(const struct report *report, unsigned i, FILE *out)
{
	const struct vcpu *vcpu = &report->vm->vcpu[i];
	bool first = true;

	fprintf(out, "    {\"vcpu\": %u, \"core\": %u, \"exits\": {", i,
		report->vm->plan->vcpu[i].core);
	for (unsigned reason = 0; reason < EXIT_REASONS; reason++) {
		if (!vcpu->exits[reason])
			continue;
		comma(out, &first);
		fprintf(out, "\"%s\": %" PRIu64, kvm_exit_name(reason), vcpu->exits[reason]);
	}
	fputs("}, \"hypercalls\": {", out);
	first = true;
	for (unsigned nr = 1; nr < ABI_HC_MAX; nr++) {
		comma(out, &first);
		fprintf(out, "\"%s\": %" PRIu64, report_hypercall_name(nr),
			vcpu->hypercalls[nr]);
	}
	fputs("}, \"kvm\": ", out);
	json_kvm(&report->core[i], out);
	fputs(", ", out);
	json_lwk(&report->core[i], out);
	fprintf(out, ", \"involuntary_switches\": %" PRIu64 "}", vcpu->involuntary);
}

static void json_calls(const struct report *report, FILE *out)
{
	bool first = true;

	fputs("  \"calls\": [", out);
	for (unsigned nr = 0; nr < ABI_MAX_CALLS; nr++) {
		struct abi_call_stat stat = report_call(report->vm->share, nr);
		const char *name = report_call_name(nr);

		if (!stat.count)
			continue;
		fputs(first ? "\n    " : ",\n    ", out);
		first = false;
		fprintf(out,
			"{\"nr\": %u, \"name\": \"%s\", \"count\": %u, \"errors\": %u, "
			"\"total_us\": %.3f, \"max_us\": %.3f}",
			nr, name ? name : "", stat.count, stat.errors,
			report_ms(report, stat.total_tsc) * 1e3,
			report_ms(report, stat.max_tsc) * 1e3);
	}
	fputs("],\n", out);
}

static void json_marks(const struct report *report, FILE *out)
{
	const struct account *account = report->vm->account;

	fputs("  \"marks\": [", out);
	for (unsigned m = 0; m < account->nmarks; m++) {
		const struct account_mark *mark = &account->mark[m];

		fprintf(out, "%s\n    {\"mark\": %" PRIu64 ", \"ms\": %.3f, \"vcpus\": [",
			m ? "," : "", mark->n,
			report_ms(report, mark->tsc - report->times.start));
		for (unsigned i = 0; i < report->vm->nvcpus; i++) {
			fputs(i ? ", {\"kvm\": " : "{\"kvm\": ", out);
			json_kvm(&mark->core[i], out);
			fputs(", ", out);
			json_lwk(&mark->core[i], out);
			fputc('}', out);
		}
		fputs("]}", out);
	}
	fprintf(out, "],\n  \"marks_lost\": %u\n", account->lost);
}

void report_print_json(const struct report *report, FILE *out)
{
	const struct janitor *j = report->janitor;

	fprintf(out, "{\n  \"guest\": \"%s\", \"kvm\": \"%s\", \"tsc_khz\": %" PRIu64 ",\n",
		report->vm->plan->name, report->vm->software ? "software" : "hardware",
		report->vm->tsc_khz);
	json_memory(report, out);
	json_times(report, out);
	fputs("  \"vcpus\": [\n", out);
	for (unsigned i = 0; i < report->vm->nvcpus; i++) {
		json_vcpu(report, i, out);
		fputs(i + 1 < report->vm->nvcpus ? ",\n" : "],\n", out);
	}
	json_calls(report, out);
	fprintf(out,
		"  \"recycled\": {\"bytes\": %" PRIu64 ", \"runs\": %" PRIu64
		", \"nudges\": %" PRIu64 ", \"rejected\": %" PRIu64 "},\n",
		j->bytes, j->blocks, j->nudges, j->rejected);
	fprintf(out,
		"  \"window\": {\"size\": %" PRIu64 ", \"requests\": %" PRIu64
		", \"refused\": %" PRIu64 ", \"peak\": %" PRIu64 ", \"mapped\": %" PRIu64
		", \"files\": %" PRIu64 ", \"bus\": %" PRIu64 "},\n",
		report->vm->window.size, report->window.requests, report->window.refused,
		report->window.peak_pages * ABI_PAGE, report->window.pages * ABI_PAGE,
		report->window.objects, report->bus);
	json_marks(report, out);
	fputs("}\n", out);
}
