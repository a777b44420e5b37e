/* SPDX-License-Identifier: MIT */
/* Brings the program into the guest: what it needs, then its bytes and its first stack. */
#ifndef VMM_PROXY_LOAD_H
#define VMM_PROXY_LOAD_H

#include "guest-lwk/abi/share.h"
#include "vmm/proxy/proxy.h"
#include "vmm/proxy/stack.h"

struct load {
	const struct proxy_job *job;
	const char **env; /* owned list */
	struct stack_plan stack;
};

/* Fills *exec for the LWK; load->job is set. -errno with the problem. */
int load_describe(struct load *load, struct abi_exec *exec, struct problem *problem);

/*
 * The LWK has made the memory and it is mapped here at the same addresses: reads the file into
 * it, composes the stack, sets exec->rsp. -errno with the problem. Gives back what
 * load_describe() made.
 */
int load_fill(struct load *load, struct abi_exec *exec, struct problem *problem);

/* The LWK has refused with -err: says why. Gives back what load_describe() made. */
int load_refused(struct load *load, int err, struct problem *problem);

#endif
