/* SPDX-License-Identifier: MIT */
/*
 * Forwarded calls that name a file: those whose path leads to a view are made with the path of
 * the view, all others as they are.
 */
#ifndef VMM_PROXY_VIEWCALL_H
#define VMM_PROXY_VIEWCALL_H

#include "vmm/proxy/interrupt.h"

struct viewer;

/* As interrupt_call(). */
int64_t viewcall(struct viewer *v, struct interrupt *it, const struct abi_mbox *mbox);

#endif
