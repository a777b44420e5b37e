/* SPDX-License-Identifier: MIT */
/* When a guest is over because of itself: what happened, where, with which registers. */
#ifndef VMM_POSTMORTEM_H
#define VMM_POSTMORTEM_H

#include "vmm/base/problem.h"
#include "vmm/boot.h"
#include "vmm/vm.h"

/* The first vCPU that failed, or NULL. The vCPUs have stopped. */
const struct vcpu *postmortem_find(const struct vm *vm);

/*
 * Prints the post-mortem of a failed vCPU to stderr and fills the problem (status 125) with its
 * one line. `image` is the kernel that ran, for the names of its functions.
 */
void postmortem(
	const struct vcpu *vcpu, const struct boot_image *image, struct problem *problem);

#endif
