/* SPDX-License-Identifier: MIT */
/*
 * What the arguments of forwarded calls point to, kept as text from the moment of the call: by
 * the service before and after it makes the call, until the tracer has the LWK's record of it.
 * One list a mailbox, in the order of its requests.
 */
#ifndef VMM_PROXY_TRACE_CAPTURE_H
#define VMM_PROXY_TRACE_CAPTURE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest-lwk/abi/share.h"

struct capture {
	struct capture *next;
	uint32_t seq, nr, tid;
	bool done; /* the service is done with it, and ret and end_ns are good */
	uint64_t arg[6];
	char *text[6];
	int64_t ret;
	uint64_t start_ns, end_ns;
};

struct captures {
	pthread_mutex_t lock; /* the lists, and of each capture what captures_end() changes */
	struct capture *first[ABI_MAX_THREADS], *last[ABI_MAX_THREADS];
};

/* Service: the call of this mailbox begins, has its result. NULL: no memory; that is good for
 * captures_end(). */
struct capture *captures_begin(
	struct captures *captures, uint32_t slot, const struct abi_mbox *mbox);
void captures_end(struct captures *captures, struct capture *capture, int64_t ret);

/*
 * Tracer: the slot's oldest capture up to request `seq`, out of its list; NULL: none. One that
 * is not done stays its service's for ever: it may be read, its result means nothing.
 */
struct capture *captures_take(struct captures *captures, uint32_t slot, uint32_t seq);
void capture_free(struct capture *capture);

#endif
