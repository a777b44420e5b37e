/* SPDX-License-Identifier: MIT */
/*
 * What a vCPU's thread does with each KVM_EXIT_*: one const table, one handler a reason.
 * Handlers take the kvm_run as it is, so that tests feed them made-up exits.
 */
#ifndef VMM_EXITS_H
#define VMM_EXITS_H

#include <linux/kvm.h>
#include <stdint.h>

struct vcpu;

enum exit_verdict {
	EXIT_CONTINUE, /* enter the guest again */
	EXIT_FAIL,     /* this guest is over: vcpu->failure tells why */
};

/* Counts the exit and serves it. */
enum exit_verdict exit_handle(struct vcpu *vcpu, struct kvm_run *run);

/*
 * window_bus.c: KVM_RUN has failed with EFAULT, or the access to `gpa` was taken for a
 * device's: a page of the window has no memory any more. Tells the guest kernel by an
 * exception.
 */
enum exit_verdict window_bus(struct vcpu *vcpu);
enum exit_verdict window_bus_access(struct vcpu *vcpu, uint64_t gpa);

/* Serves hypercall `nr` of abi.h; its arguments and answer are in the share area. */
enum exit_verdict hypercall(struct vcpu *vcpu, uint32_t nr);

#endif
