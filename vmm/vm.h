/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine: everything of one guest, created in the order of the story (design.md
 * section 3) and undone in reverse. Owned by the VMM process's main thread; vCPU threads use
 * their own vcpu only.
 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest-lwk/abi/share.h"
#include "numa/plan.h"
#include "vmm/base/problem.h"
#include "vmm/gpa.h"
#include "vmm/memory.h"
#include "vmm/window.h"

struct account;
struct kvm_cpuid_table;
struct kvm_run;
struct kvm_xsave;
struct vm;

#define EXIT_REASONS 64

/* Why a vCPU stopped for good. The main thread reads it after it has joined the vCPU's thread.
 */
enum vcpu_failure {
	VCPU_FINE,
	VCPU_PANIC, /* the LWK gave up: share->panic[] of the vCPU tells why */
	VCPU_EXIT,  /* an exit that nobody serves: run->exit_reason and vcpu->why */
	VCPU_RUN,   /* KVM_RUN itself failed: vcpu->error */
	VCPU_PIN,   /* the thread could not get its core */
};

struct vcpu {
	struct vm *vm;
	unsigned index;
	int fd;
	int stats_fd; /* KVM's own counters; -1: this KVM has none */
	int irq_fd;   /* eventfd: ABI_VEC_HOST for this vCPU */
	struct kvm_run *run;
	struct kvm_xsave *xsave; /* 4096 bytes: what XSAVE and XRSTOR go through */
	pthread_t thread;
	bool started;
	uint64_t exits[EXIT_REASONS]; /* by KVM_EXIT_*, to the VMM's thread */
	uint64_t hypercalls[ABI_HC_MAX];
	struct {
		uint64_t regs[18]; /* of the instruction that is searched for */
		uint32_t chunk;    /* the search goes on here */
		uint32_t rounds;
		bool lost;      /* short files have been looked through */
		uint64_t count; /* for the account */
	} bus;                  /* window_bus.c */
	uint64_t involuntary;   /* host involuntary context switches, at the end */
	uint64_t panic_gpa;
	enum vcpu_failure failure;
	int error;
	const char *why;
};

struct vm {
	const struct plan *plan;
	bool software;
	int kvm_fd, vm_fd;
	size_t run_size;             /* of each vCPU's struct kvm_run mapping */
	const struct memory *memory; /* borrowed: made before the VM, undone after it */
	struct gpa_map map;          /* the extents and the share area */
	struct window window;        /* size 0: there is none */
	int share_fd;                /* memfd of the share area */
	struct abi_share *share;
	unsigned nvcpus;
	struct vcpu vcpu[PLAN_MAX_VCPUS];
	int bell_fd[ABI_MAX_PROCS + 1]; /* ioeventfd by bell value; the last is the VMM's own */
	int fail_fd;                    /* eventfd: a vCPU has ended with a failure */
	atomic_bool stopping;
	uint64_t free_start; /* first gpa that the loader left free */
	uint64_t tsc_khz;
	uint64_t xcr0;
	uint32_t xstate_size;
	bool guest_1g; /* the guest's page tables may have 1 GiB pages */
	int verbose;
	struct account *account; /* marks; owned by the main thread, filled by ABI_HC_MARK */
};

/*
 * Creates the VM of the plan with its memory slots, doorbells, interrupts and vCPUs, all at
 * their reset state. The plan and the memory must outlive it.
 */
int vm_create(struct vm *vm, const struct plan *plan, const struct memory *memory,
	struct problem *problem);
void vm_destroy(struct vm *vm);

/* One vCPU: created with its CPUID, XCR0 and TSC; then entered at `entry` (design.md section
 * 4). */
int vcpu_create(struct vcpu *vcpu, struct vm *vm, unsigned index, struct kvm_cpuid_table *cpuid,
	struct problem *problem);
void vcpu_destroy(struct vcpu *vcpu);
int vcpu_set_entry(
	struct vcpu *vcpu, uint64_t entry, gpa_t page_tables, struct problem *problem);

/* Starts all vCPU threads, each pinned to its core; vm_stop ends and joins them (twice is
 * harmless). */
int vm_start(struct vm *vm, struct problem *problem);
void vm_stop(struct vm *vm);

/* Tells the LWK's core 0 that process `proc` has an event (share.h, abi_core). */
void vm_event(struct vm *vm, unsigned proc);
/*
 * A proxy is gone. It may have died between announcing an interrupt (irq_sent, which keeps all
 * others silent) and sending it: every vCPU gets one. One too many does no harm.
 */
void vm_interrupt_all(struct vm *vm);

#endif
