/* SPDX-License-Identifier: MIT */
#include "vmm/exits.h"

#include <string.h>

#include "vmm/vm.h"

typedef enum exit_verdict exit_fn(struct vcpu *vcpu, struct kvm_run *run);

static enum exit_verdict fail(struct vcpu *vcpu, const char *why)
{
	vcpu->failure = VCPU_EXIT;
	vcpu->why = why;
	return EXIT_FAIL;
}

/* Interrupt windows, signals and the like: news for KVM or for `stopping`, nothing to serve. */
static enum exit_verdict on_nothing(struct vcpu *vcpu, struct kvm_run *run)
{
	return EXIT_CONTINUE;
}

static enum exit_verdict on_io(struct vcpu *vcpu, struct kvm_run *run)
{
	uint32_t nr;

	if (run->io.port != ABI_PORT_HC)
		return fail(vcpu, "access to an I/O port that nothing is behind");
	if (run->io.direction != KVM_EXIT_IO_OUT || run->io.size != sizeof(nr) ||
		run->io.count != 1)
		return fail(vcpu, "hypercall that is not one 4-byte write");
	memcpy(&nr, (const uint8_t *)run + run->io.data_offset, sizeof(nr));
	return hypercall(vcpu, nr);
}

static enum exit_verdict on_mmio(struct vcpu *vcpu, struct kvm_run *run)
{
	if (window_has(&vcpu->vm->window, run->mmio.phys_addr & ~(uint64_t)(ABI_PAGE - 1),
		    ABI_PAGE))
		return window_bus_access(vcpu, run->mmio.phys_addr);
	return fail(vcpu, "access to a guest-physical address that nothing is behind");
}

static enum exit_verdict on_shutdown(struct vcpu *vcpu, struct kvm_run *run)
{
	return fail(
		vcpu, "triple fault: an exception while the guest kernel handled exceptions");
}

static enum exit_verdict on_internal(struct vcpu *vcpu, struct kvm_run *run)
{
	if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
		return fail(vcpu, "KVM could not emulate the guest kernel's instruction");
	return fail(vcpu, "KVM gave up with an internal error");
}

static enum exit_verdict on_fail_entry(struct vcpu *vcpu, struct kvm_run *run)
{
	return fail(vcpu, "the processor refused to enter the guest's state");
}

static enum exit_verdict on_system_event(struct vcpu *vcpu, struct kvm_run *run)
{
	return fail(vcpu, "the guest asked for a reset or shutdown that it does not have");
}

static enum exit_verdict on_unknown(struct vcpu *vcpu, struct kvm_run *run)
{
	return fail(vcpu, "exit that lwvmm does not know");
}

static exit_fn *const exit_table[EXIT_REASONS] = {
	[KVM_EXIT_IO] = on_io,
	[KVM_EXIT_MMIO] = on_mmio,
	[KVM_EXIT_HLT] = on_nothing,
	[KVM_EXIT_INTR] = on_nothing,
	[KVM_EXIT_IRQ_WINDOW_OPEN] = on_nothing,
	[KVM_EXIT_IOAPIC_EOI] = on_nothing,
	[KVM_EXIT_X86_BUS_LOCK] = on_nothing,
	[KVM_EXIT_SHUTDOWN] = on_shutdown,
	[KVM_EXIT_INTERNAL_ERROR] = on_internal,
	[KVM_EXIT_FAIL_ENTRY] = on_fail_entry,
	[KVM_EXIT_SYSTEM_EVENT] = on_system_event,
};

enum exit_verdict exit_handle(struct vcpu *vcpu, struct kvm_run *run)
{
	uint32_t reason = run->exit_reason;
	exit_fn *serve = on_unknown;

	if (reason < EXIT_REASONS) {
		vcpu->exits[reason]++;
		if (exit_table[reason])
			serve = exit_table[reason];
	}
	return serve(vcpu, run);
}
