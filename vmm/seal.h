/* SPDX-License-Identifier: MIT */
/*
 * Gives up, before the first KVM_RUN, whatever the VMM will not need again: capabilities, new
 * privileges, and all system calls but those of running a guest and taking it down.
 */
#ifndef VMM_SEAL_H
#define VMM_SEAL_H

#include "vmm/base/problem.h"

/* For the calling thread and those it will make. There is no way back. */
int seal(struct problem *problem);

#endif
