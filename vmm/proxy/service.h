/* SPDX-License-Identifier: MIT */
/*
 * A service: the host thread that makes the calls of one mailbox (one program thread). It uses
 * the program's descriptor table and owns nothing but its stack.
 */
#ifndef VMM_PROXY_SERVICE_H
#define VMM_PROXY_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-lwk/abi/share.h"
#include "vmm/proxy/interrupt.h"

struct porter;
struct maplog;
struct trace;
struct viewer;
struct window_port;
struct watch;

/* What all services of a proxy have in common. */
struct service_common {
	struct abi_share *share;
	uint32_t proc;    /* index: a slot's later owner may be another process */
	uint32_t poll_us; /* how long to spin for the next request */
	struct maplog *log;
	struct porter *porter;
	const char *exe; /* what /proc/self/exe is to the program */
	struct viewer *viewer;
	struct window_port *window;
	struct watch *watch;
	struct trace *trace;
};

struct service {
	const struct service_common *common;
	struct abi_mbox *mbox;
	uint32_t slot;
	bool made;       /* helper only: it has, or will soon have, its thread */
	uint32_t asleep; /* futex.h */
	struct interrupt interrupt;
} __attribute__((aligned(64)));

/* The thread: serves for ever. */
void service_run(struct service *service) __attribute__((noreturn));

/* Has the mailbox a request of this process that nobody has begun? */
bool service_wanted(const struct service *service);

/* Helper: there is a request. */
void service_wake(struct service *service);

#endif
