/* SPDX-License-Identifier: MIT */
/*
 * The LWK's calls that make processes (abi/syscalls.h, ABI_CALL_FORK and on), made by a service
 * thread (docs/decisions/0007-processes.md).
 *
 * VFORK: the service makes a host process of its own kind and sleeps in the kernel until that
 * executes a program or ends. The child has copies of the program's descriptors, directory and
 * limits, and the program's memory at the same addresses. Its one thread serves the same
 * mailbox meanwhile. What it touches of the proxy is shared memory (struct proxy) and the share
 * area.
 */
#ifndef VMM_PROXY_CHILD_H
#define VMM_PROXY_CHILD_H

#include <stdbool.h>

#include "vmm/proxy/service.h"

/* Is the request one of these? Then it is made, and answered as far as there is an answer. */
bool child_call(struct service *service);

#endif
