/* SPDX-License-Identifier: MIT */
/*
 * The counters behind the report: KVM's own (its statistics descriptors) and the LWK's (share
 * area), taken at marks. Everything is a value of this moment; differences are the report's.
 */
#ifndef VMM_ACCOUNT_H
#define VMM_ACCOUNT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "numa/plan.h"

struct vm;

/* KVM's per-vCPU statistics that we know by name. */
enum account_stat {
	STAT_EXITS,
	STAT_IRQ_EXITS,
	STAT_SIGNAL_EXITS,
	STAT_HALT_EXITS,
	STAT_IO_EXITS,
	STAT_MMIO_EXITS,
	STAT_IRQ_WINDOW_EXITS,
	STAT_REQUEST_IRQ_EXITS,
	STAT_IRQ_INJECTIONS,
	STAT_PF_TAKEN,
	STAT_PF_FIXED,
	STAT_PF_GUEST,
	STAT_INSN_EMULATION,
	STAT_TLB_FLUSH,
	STAT_PREEMPTION,
	STAT_N
};

/* Leaves of the nested page table, by size. */
enum account_page { ACCOUNT_1G, ACCOUNT_2M, ACCOUNT_4K, ACCOUNT_PAGES };

struct account_core {
	bool have_kvm; /* kvm[] is filled: this KVM has statistics */
	uint64_t kvm[STAT_N];
	uint64_t syscalls_local, faults, exceptions;
	uint64_t irq_timer, irq_kick, irq_host;
	uint64_t switches, halts, lock_waits;
};

struct account_mark {
	uint64_t n; /* the guest's name for it */
	uint64_t tsc;
	struct account_core core[PLAN_MAX_VCPUS];
};

#define ACCOUNT_MAX_MARKS 32

struct account_layout {
	uint32_t data_at;        /* of the values in a statistics descriptor */
	uint32_t offset[STAT_N]; /* of each among them; UINT32_MAX: this KVM does not have it */
};

struct account {
	pthread_mutex_t lock; /* marks may come from any vCPU */
	int vm_fd; /* statistics of the VM; keeps it alive, so closed before the VM's own; -1:
		      none */
	bool have_kvm, have_pages; /* the layouts below are known */
	struct account_layout vcpu, vm;
	unsigned nmarks;
	unsigned lost; /* marks beyond ACCOUNT_MAX_MARKS */
	struct account_mark mark[ACCOUNT_MAX_MARKS];
};

/* Gives the VM, whose vCPUs are there, its account. -ENOMEM. */
int account_create(struct vm *vm);
void account_destroy(struct vm *vm);

/* The counters of vCPU `index` now. Any thread. */
void account_read(const struct vm *vm, unsigned index, struct account_core *core);

/* Notes the counters of all vCPUs as mark `n`. Any thread. */
void account_mark(struct vm *vm, uint64_t n);

/*
 * How many leaves of each size map the guest's memory now: one for each page that it has
 * touched. False on a software KVM, where they would be shadow pages, and where KVM does not
 * count them.
 */
bool account_nested_pages(const struct vm *vm, uint64_t pages[ACCOUNT_PAGES]);

/* Exits that the guest itself caused: all but those that the host's interrupts forced. */
uint64_t account_guest_exits(const struct account_core *core);

/* KVM's name of a statistic. */
const char *account_stat_name(enum account_stat stat);

#endif
