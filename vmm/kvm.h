/* SPDX-License-Identifier: MIT */
/*
 * The one door to KVM's ioctls. Everything returns -errno on failure, a descriptor or a value
 * >= 0 otherwise, and knows nothing of the plan or of the LWK.
 */
#ifndef VMM_KVM_H
#define VMM_KVM_H

#include <linux/kvm.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/problem.h"

#define KVM_CPUID_MAX 256

struct kvm_cpuid_table {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entry[KVM_CPUID_MAX];
};

/* Opens /dev/kvm and checks its version; names what is missing. */
int kvm_open(struct problem *problem);
int kvm_run_size(int kvm_fd);
int kvm_supported_cpuid(int kvm_fd, struct kvm_cpuid_table *table);

int kvm_vm_create(int kvm_fd);
int kvm_extension(int fd, unsigned cap);
int kvm_cap_enable(int vm_fd, unsigned cap, uint64_t arg);
int kvm_tss_set(int vm_fd, uint64_t gpa);
int kvm_slot_add(int vm_fd, unsigned slot, uint64_t gpa, uint64_t size, void *host);
int kvm_doorbell_add(int vm_fd, int event_fd, uint16_t port, uint32_t value);
int kvm_doorbell_remove(int vm_fd, int event_fd, uint16_t port, uint32_t value);
int kvm_msi_routes_set(int vm_fd, unsigned first_gsi, unsigned n, uint8_t vector);
int kvm_irqfd_add(int vm_fd, int event_fd, unsigned gsi);

int kvm_vcpu_create(int vm_fd, unsigned id);
int kvm_cpuid_set(int vcpu_fd, const struct kvm_cpuid_table *table);
int kvm_sregs_get(int vcpu_fd, struct kvm_sregs *sregs);
int kvm_sregs_set(int vcpu_fd, const struct kvm_sregs *sregs);
int kvm_regs_get(int vcpu_fd, struct kvm_regs *regs);
int kvm_regs_set(int vcpu_fd, const struct kvm_regs *regs);
int kvm_events_get(int vcpu_fd, struct kvm_vcpu_events *events);
int kvm_events_set(int vcpu_fd, const struct kvm_vcpu_events *events);
int kvm_xcr0_set(int vcpu_fd, uint64_t xcr0);
int kvm_xsave_get(int vcpu_fd, struct kvm_xsave *xsave);
int kvm_xsave_set(int vcpu_fd, const struct kvm_xsave *xsave);
int kvm_mp_runnable(int vcpu_fd);
int kvm_tsc_khz(int vcpu_fd);
/* Makes the guest's TSC the host's. -ENXIO: this KVM cannot say. */
int kvm_tsc_offset_clear(int vcpu_fd);
int kvm_signal_mask_set(int vcpu_fd, const sigset_t *mask);
/* Of a VM or a vCPU; -ENOTTY: this KVM has none. */
int kvm_stats_open(int fd);
int kvm_run(int vcpu_fd);

/* "KVM_EXIT_IO" without its prefix: "IO". Never NULL. */
const char *kvm_exit_name(unsigned reason);

#endif
