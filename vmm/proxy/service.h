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

struct creds;
struct porter;
struct maplog;
struct trace;
struct proxy;
struct viewer;
struct window_port;
struct watch;

/* What all services of a proxy have in common. */
struct service_common {
	struct proxy *proxy;
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
	struct creds *creds;
};

/* What the copy of a process says to its maker (copy.h). */
enum { COPY_UNKNOWN, COPY_LIVES, COPY_LOST };
struct copy_news {
	uint32_t state; /* futex: COPY_* */
	int32_t err;
};

struct service {
	const struct service_common *common;
	struct abi_mbox *mbox;
	uint32_t slot;
	uint32_t tid;    /* whose calls it makes; 0: none yet */
	bool made;       /* helper only: it has, or will soon have, its thread */
	uint32_t asleep; /* futex.h */
	struct interrupt interrupt;
	uint32_t born;         /* child.c: the child of a vfork() has begun */
	bool over;             /* and it has ended, which its program does not know yet */
	struct copy_news news; /* copy.c */
} __attribute__((aligned(64)));

/* The thread: serves for ever. */
void service_run(struct service *service) __attribute__((noreturn));

/* Has the mailbox a request of this process that nobody has begun? */
bool service_wanted(const struct service *service);

/* Its thread: sleeps until there is a request; answers it. */
void service_wait(struct service *service);
void service_answer(struct service *service, int64_t ret);

/* Helper: there is a request. */
void service_wake(struct service *service);

#endif
