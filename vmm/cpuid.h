/* SPDX-License-Identifier: MIT */
/* What the guest's CPUID says: the host's KVM's answer, with the plan's topology in it. */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include <stdbool.h>
#include <stdint.h>

#include "numa/plan.h"
#include "vmm/kvm.h"

/* The state components that guests get, of those that KVM supports, and their standard XSAVE
 * size. */
uint64_t cpuid_xcr0(const struct kvm_cpuid_table *table, uint32_t *size);

/* Whether KVM offers 1 GiB pages to guests. */
bool cpuid_has_1g(const struct kvm_cpuid_table *table);

/* Threads of a core as APIC ids can tell: 2 if vCPUs 2k and 2k+1 are siblings throughout,
 * else 1. */
unsigned cpuid_threads_per_core(const struct plan *plan);

/*
 * vCPUs of a package as APIC ids can tell: packages of equal size, a power of two, one behind
 * the other; else all are in one.
 */
unsigned cpuid_per_package(const struct plan *plan);

/* Makes the table that of vCPU `index`: ids and topology, the features that KVM reports
 * elsewhere. */
void cpuid_shape(struct kvm_cpuid_table *table, const struct plan *plan, unsigned index,
	bool tsc_deadline, uint64_t xcr0);

#endif
