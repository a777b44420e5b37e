/* SPDX-License-Identifier: MIT */
/*
 * A file in the window was cut short, or its pages cannot be had, and the guest touches one:
 * KVM_RUN fails with EFAULT and does not say where. So we look: first for files that have
 * become shorter than what is held of them, then for pages that cannot be had (window_look.c).
 * One finding at a time goes to the LWK with ABI_VEC_BAD. If it was not the one, or the file is
 * whole again by now, the instruction fails once more with the same registers, and the search
 * goes on behind the last finding. When nothing is found for long, the guest is told just that:
 * it ends the program, or its kernel's copy from or to it. But if the guest's kernel then still
 * is at the same instruction, that was no such copy, and memory of its own is bad: the guest
 * fails.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#include "vmm/exits.h"
#include "vmm/kvm.h"
#include "vmm/vm.h"
#include "vmm/window_parts.h"

#define ROUNDS_MAX  16 /* searches without an end, for one instruction */
#define KERNEL_HALF (1ULL << 63)

_Static_assert(sizeof(struct kvm_regs) == sizeof(((struct vcpu *)0)->bus.regs), "kvm_regs");

/* False: a round is over, and nothing (more) was found. */
static bool search(struct vcpu *vcpu, uint64_t *gpa, uint64_t *len)
{
	struct window *w = &vcpu->vm->window;
	bool found;

	found = !vcpu->bus.lost && window_find_short(w, &vcpu->bus.chunk, gpa, len);
	if (!found) {
		if (!vcpu->bus.lost)
			vcpu->bus.chunk = 0;
		vcpu->bus.lost = true;
		found = window_find_lost(w, &vcpu->bus.chunk, gpa, len);
	}
	if (!found) {
		vcpu->bus.chunk = 0;
		vcpu->bus.lost = false;
		vcpu->bus.rounds++;
	}
	return found;
}

static enum exit_verdict fail(struct vcpu *vcpu, int err)
{
	vcpu->failure = VCPU_RUN;
	vcpu->error = err;
	return EXIT_FAIL;
}

static enum exit_verdict inject(struct vcpu *vcpu, uint64_t gpa, uint64_t len)
{
	struct abi_core *core = &vcpu->vm->share->core[vcpu->index];
	struct kvm_vcpu_events events;
	int err = kvm_events_get(vcpu->fd, &events);

	/* An exception that is just being delivered goes first; then we are here again. */
	if (!err && !events.exception.injected) {
		core->bad_gpa = gpa;
		core->bad_len = len;
		events.exception.injected = 1;
		events.exception.nr = ABI_VEC_BAD;
		events.exception.has_error_code = 0;
		events.exception.error_code = 0;
		err = kvm_events_set(vcpu->fd, &events);
	}
	return err ? fail(vcpu, err) : EXIT_CONTINUE;
}

enum exit_verdict window_bus(struct vcpu *vcpu)
{
	uint64_t gpa = 0, len = 0;
	struct kvm_regs regs;
	int err = kvm_regs_get(vcpu->fd, &regs);

	if (err)
		return fail(vcpu, err);
	vcpu->bus.count++;
	if (memcmp(&regs, vcpu->bus.regs, sizeof(regs)) != 0) {
		memcpy(vcpu->bus.regs, &regs, sizeof(regs));
		vcpu->bus.chunk = vcpu->bus.rounds = 0;
		vcpu->bus.lost = false;
	}
	if (!search(vcpu, &gpa, &len)) {
		if (vcpu->bus.rounds < ROUNDS_MAX)
			return EXIT_CONTINUE;
		if (regs.rip < KERNEL_HALF)
			vcpu->bus.rounds = 0;
		else if (vcpu->bus.rounds >= 2 * ROUNDS_MAX)
			return fail(vcpu, -EFAULT);
	}
	return inject(vcpu, gpa, len);
}

/*
 * Software KVM emulates the guest kernel's own accesses, and takes those without memory for a
 * device's. The instruction ends first, having read zeros; then the exception comes.
 */
enum exit_verdict window_bus_access(struct vcpu *vcpu, uint64_t gpa)
{
	memset(vcpu->run->mmio.data, 0, sizeof(vcpu->run->mmio.data));
	vcpu->bus.count++;
	return inject(vcpu, gpa & ~(uint64_t)(ABI_PAGE - 1), ABI_PAGE);
}
