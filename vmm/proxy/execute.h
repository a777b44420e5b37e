/* SPDX-License-Identifier: MIT */
/*
 * execve() of the program. What the guest can run comes back as a new proxy: this process
 * executes lwvmm again (`lwvmm resume`), so that the kernel does with descriptors, threads,
 * signals and names what it does for any execve(). What only the host can run (32 bits,
 * set-user-ID, foreign interpreters) it executes itself, and the process leaves the guest.
 */
#ifndef VMM_PROXY_EXECUTE_H
#define VMM_PROXY_EXECUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/proxy/service.h"

/* -errno, or it does not return. alone: in the child of a vfork(), which the VMM does not know.
 */
int64_t execute(struct service *service, bool alone);

#endif
