/* SPDX-License-Identifier: MIT */
/*
 * --trace: prints the program's system calls (docs/howto-trace.md). The LWK's records tell of
 * every call (guest-lwk/abi/trace.h), the services' captures what its arguments pointed to; a
 * thread of the proxy's own brings them together and writes whole lines.
 */
#ifndef VMM_PROXY_TRACE_H
#define VMM_PROXY_TRACE_H

#include <pthread.h>
#include <stdbool.h>

#include "guest-lwk/abi/trace.h"
#include "vmm/base/problem.h"
#include "vmm/proxy/maplog.h"
#include "vmm/proxy/trace_capture.h"

struct trace {
	int fd; /* where the lines go; -1: nobody traces */
	const struct abi_share *share;
	pthread_mutex_t lock; /* who prints; all below */
	bool closed;
	bool ending; /* nobody is waited for who does not read, */
	bool deaf;   /* as was found */
	struct abi_trace *area;
	void *page; /* that it is on */
	size_t page_size;
	uint32_t lost; /* of area->lost, those that have been told of */
	struct captures captures;
	size_t used;
	char buffer[65536]; /* whole lines, still to be written */
};

/*
 * Before there is a guest. `to`: a file that is appended to, "" for standard error. The
 * descriptor, or -errno with the problem.
 */
int trace_open(const char *to, struct problem *problem);

/* Takes the descriptor over; -1: no trace. */
void trace_init(struct trace *trace, int fd);

/* Helper: the LWK has its part at `gpa`; from now on lines are printed. -errno with the
 * problem. */
int trace_start(struct trace *trace, const struct abi_share *share, uint64_t gpa,
	const struct maplog *log, struct problem *problem);

/*
 * Helper: prints what is left, calls that have not ended among it, and, if there is one, how
 * the program ended. Nothing is printed after it. Twice is harmless. Who does not read is
 * waited for a second, and then does without the end.
 */
void trace_end(struct trace *trace, const uint32_t *wait_status);

/* Services: around each call. */
static inline struct capture *trace_call_begin(
	struct trace *trace, uint32_t slot, const struct abi_mbox *mbox)
{
	return trace->fd < 0 ? NULL : captures_begin(&trace->captures, slot, mbox);
}

static inline void trace_call_end(struct trace *trace, struct capture *capture, int64_t ret)
{
	if (capture)
		captures_end(&trace->captures, capture, ret);
}

#endif
