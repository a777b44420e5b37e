/* SPDX-License-Identifier: MIT */
/* The account of a guest, at its end: what it got, what it did, what it cost. Text and JSON. */
#ifndef VMM_REPORT_H
#define VMM_REPORT_H

#include <stdint.h>
#include <stdio.h>

#include "vmm/account.h"
#include "vmm/janitor.h"
#include "vmm/vm.h"

/* Moments by the TSC, which guest and host share. */
struct report_times {
	uint64_t start;  /* of lwvmm */
	uint64_t memory; /* all of it populated and verified */
	uint64_t vm;     /* created and loaded */
	uint64_t run;    /* vCPUs started */
	uint64_t end;    /* vCPUs stopped */
};

struct report {
	struct vm *vm;
	const struct janitor *janitor;
	struct report_times times;
	struct account_core core[PLAN_MAX_VCPUS]; /* at the end */
	bool have_nested;
	struct window_use window;
	uint64_t bus;                   /* accesses to pages without memory */
	uint64_t nested[ACCOUNT_PAGES]; /* leaves at the end, by size */
};

/* Takes the last counters; the vCPUs have stopped. */
void report_close(struct report *report);

void report_print(const struct report *report, FILE *out);
void report_print_json(const struct report *report, FILE *out);

/* Forwarded calls of all cores together. */
struct abi_call_stat report_call(const struct abi_share *share, unsigned nr);

/* "read", or NULL for a number that the LWK does not know. */
const char *report_call_name(unsigned nr);
const char *report_hypercall_name(unsigned nr);

double report_ms(const struct report *report, uint64_t ticks);

#endif
