/* SPDX-License-Identifier: MIT */
#include "vmm/report.h"

#include <inttypes.h>

#include "vmm/kvm.h"

void report_close(struct report *report)
{
	report->have_nested = account_nested_pages(report->vm, report->nested);
	if (report->vm->window.size)
		report->window = window_use(&report->vm->window);
	for (unsigned i = 0; i < report->vm->nvcpus; i++) {
		account_read(report->vm, i, &report->core[i]);
		report->bus += report->vm->vcpu[i].bus.count;
	}
}

double report_ms(const struct report *report, uint64_t ticks)
{
	return report->vm->tsc_khz ? (double)ticks / (double)report->vm->tsc_khz : 0;
}

struct abi_call_stat report_call(const struct abi_share *share, unsigned nr)
{
	struct abi_call_stat sum = {0};

	for (unsigned core = 0; core < share->ncores && core < ABI_MAX_CORES; core++) {
		const struct abi_call_stat *one = &share->call[core][nr];

		sum.count += one->count;
		sum.errors += one->errors;
		sum.total_tsc += one->total_tsc;
		if (one->max_tsc > sum.max_tsc)
			sum.max_tsc = one->max_tsc;
	}
	return sum;
}

static void print_got(FILE *out, const char *page, uint64_t bytes)
{
	if (bytes)
		fprintf(out, " %" PRIu64 " MiB in %s pages", bytes >> 20, page);
}

static void print_memory(const struct report *report, FILE *out)
{
	const struct memory *memory = report->vm->memory;

	for (unsigned i = 0; i < memory->nextents; i++) {
		const struct memory_extent *e = &memory->extent[i];

		fprintf(out, "  memory at gpa %#" PRIx64 ", node %u:", e->plan.gpa,
			e->plan.host_node);
		print_got(out, "1 GiB", e->got_1g);
		print_got(out, "2 MiB", e->got_2m);
		print_got(out, "4 KiB", e->got_4k);
		fputc('\n', out);
	}
	if (report->have_nested)
		fprintf(out,
			"  nested pages: %" PRIu64 " x 1G, %" PRIu64 " x 2M, %" PRIu64
			" x 4K\n",
			report->nested[ACCOUNT_1G], report->nested[ACCOUNT_2M],
			report->nested[ACCOUNT_4K]);
}

static void print_times(const struct report *report, FILE *out)
{
	const struct report_times *t = &report->times;
	uint64_t boot = report->vm->share->tsc_boot;

	fprintf(out,
		"  since the start: memory ready %.1f ms, VM loaded %.1f ms, running %.1f ms",
		report_ms(report, t->memory - t->start), report_ms(report, t->vm - t->start),
		report_ms(report, t->run - t->start));
	if (boot > t->start)
		fprintf(out, ", kernel booted %.1f ms", report_ms(report, boot - t->start));
	fprintf(out, ", ended %.1f ms\n", report_ms(report, t->end - t->start));
}

static void print_exits(const struct vcpu *vcpu, FILE *out)
{
	fprintf(out, "    exits to the VMM:");
	for (unsigned reason = 0; reason < EXIT_REASONS; reason++)
		if (vcpu->exits[reason])
			fprintf(out, " %s %" PRIu64, kvm_exit_name(reason),
				vcpu->exits[reason]);
	fprintf(out, "\n    hypercalls:");
	for (unsigned nr = 0; nr < ABI_HC_MAX; nr++)
		if (vcpu->hypercalls[nr])
			fprintf(out, " %s %" PRIu64, report_hypercall_name(nr),
				vcpu->hypercalls[nr]);
	fputc('\n', out);
}

static void print_kvm(const struct account_core *core, FILE *out)
{
	if (!core->have_kvm) {
		fprintf(out, "    KVM's own counters: this KVM has none\n");
		return;
	}
	fprintf(out,
		"    exits by KVM's count: %" PRIu64 " of the guest, %" PRIu64
		" forced by the host's interrupts\n    KVM's counters:",
		account_guest_exits(core), core->kvm[STAT_IRQ_EXITS]);
	for (unsigned s = 0; s < STAT_N; s++)
		if (core->kvm[s])
			fprintf(out, " %s %" PRIu64, account_stat_name(s), core->kvm[s]);
	fputc('\n', out);
}

static void print_vcpu(const struct report *report, unsigned i, FILE *out)
{
	const struct vcpu *vcpu = &report->vm->vcpu[i];
	const struct account_core *core = &report->core[i];

	fprintf(out, "  vCPU %u on core %u, node %u\n", i, report->vm->plan->vcpu[i].core,
		report->vm->plan->vcpu[i].guest_node);
	print_exits(vcpu, out);
	print_kvm(core, out);
	fprintf(out, "    interrupts: timer %" PRIu64 " kick %" PRIu64 " host %" PRIu64 "\n",
		core->irq_timer, core->irq_kick, core->irq_host);
	fprintf(out,
		"    page faults %" PRIu64 ", other exceptions %" PRIu64
		", local calls %" PRIu64 ", thread switches %" PRIu64 ", halts %" PRIu64
		", locks found taken %" PRIu64 "\n",
		core->faults, core->exceptions, core->syscalls_local, core->switches,
		core->halts, core->lock_waits);
	fprintf(out, "    host involuntary context switches %" PRIu64 "\n", vcpu->involuntary);
}

static void print_calls(const struct report *report, FILE *out)
{
	bool any = false;

	for (unsigned nr = 0; nr < ABI_MAX_CALLS; nr++) {
		struct abi_call_stat stat = report_call(report->vm->share, nr);
		const char *name = report_call_name(nr);
		char number[16];

		if (!stat.count)
			continue;
		if (!any)
			fprintf(out, "  %-20s %10s %8s %12s %12s\n", "forwarded call", "count",
				"errors", "total ms", "max us");
		any = true;
		snprintf(number, sizeof(number), "call %u", nr);
		fprintf(out, "  %-20s %10u %8u %12.3f %12.1f\n", name ? name : number,
			stat.count, stat.errors, report_ms(report, stat.total_tsc),
			report_ms(report, stat.max_tsc) * 1e3);
	}
}

/* Between two marks: the second mark is itself one exit of its vCPU, and is named, not hidden.
 */
static void print_span(const struct report *report, const struct account_mark *a,
	const struct account_mark *b, FILE *out)
{
	fprintf(out, "  mark %" PRIu64 " to mark %" PRIu64 ", %.3f ms\n", a->n, b->n,
		report_ms(report, b->tsc - a->tsc));
	for (unsigned i = 0; i < report->vm->nvcpus; i++) {
		const struct account_core *from = &a->core[i], *to = &b->core[i];

		fprintf(out,
			"    vCPU %u: exits of the guest %" PRIu64
			", forced by host interrupts %" PRIu64 ", page faults %" PRIu64
			", timer %" PRIu64 ", kick %" PRIu64 ", host %" PRIu64
			", halts %" PRIu64 ", locks found taken %" PRIu64,
			i, account_guest_exits(to) - account_guest_exits(from),
			to->kvm[STAT_IRQ_EXITS] - from->kvm[STAT_IRQ_EXITS],
			to->faults - from->faults, to->irq_timer - from->irq_timer,
			to->irq_kick - from->irq_kick, to->irq_host - from->irq_host,
			to->halts - from->halts, to->lock_waits - from->lock_waits);
		/* A software KVM's are faults of its shadow pages. */
		if (report->have_nested)
			fprintf(out, ", nested faults %" PRIu64,
				to->kvm[STAT_PF_TAKEN] - from->kvm[STAT_PF_TAKEN]);
		fputc('\n', out);
	}
}

static void print_window(const struct report *report, FILE *out)
{
	const struct window_use *use = &report->window;

	if (use->requests)
		fprintf(out,
			"  window: %" PRIu64 " requests, %" PRIu64 " refused, at most %" PRIu64
			" KiB of %" PRIu64 " MiB mapped at a time; at the end %" PRIu64
			" KiB of %" PRIu64 " files; accesses without memory %" PRIu64 "\n",
			use->requests, use->refused, use->peak_pages * ABI_PAGE >> 10,
			report->vm->window.size >> 20, use->pages * ABI_PAGE >> 10,
			use->objects, report->bus);
}

void report_print(const struct report *report, FILE *out)
{
	const struct account *account = report->vm->account;
	const struct janitor *j = report->janitor;

	fprintf(out, "lwvmm: account of guest %s (%s KVM)\n", report->vm->plan->name,
		report->vm->software ? "software" : "hardware");
	print_memory(report, out);
	print_times(report, out);
	for (unsigned i = 0; i < report->vm->nvcpus; i++)
		print_vcpu(report, i, out);
	print_calls(report, out);
	fprintf(out,
		"  memory recycled: %" PRIu64 " MiB in %" PRIu64 " runs, %" PRIu64
		" acknowledgements asked for\n",
		j->bytes >> 20, j->blocks, j->nudges);
	print_window(report, out);
	for (unsigned i = 1; i < account->nmarks; i++)
		print_span(report, &account->mark[i - 1], &account->mark[i], out);
	if (account->lost)
		fprintf(out, "  %u more marks were not noted\n", account->lost);
}
