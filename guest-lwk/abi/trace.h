/* SPDX-License-Identifier: MIT */
/*
 * The trace of a process (--trace): one block of guest memory that the LWK takes when the proxy
 * asks for it (abi_proc.trace) and both sides map. Zero at the start.
 *
 * Records: rec[i % ABI_TRACE_RECORDS], in the order in which calls end. The LWK writes one and
 * publishes head, the proxy prints and publishes tail. A thread that finds the ring full waits
 * for room; where it cannot (its process ends), the call is counted in `lost`.
 */
#ifndef LWK_ABI_TRACE_H
#define LWK_ABI_TRACE_H

#include "guest-lwk/abi/abi.h"
#include "guest-lwk/abi/layout.h"

#define ABI_TRACE_RECORDS 16384

/* What became of a call. */
enum {
	ABI_TRACE_NONE, /* no call */
	ABI_TRACE_RUNS, /* under way */
	ABI_TRACE_DONE, /* ret is its result */
	ABI_TRACE_LEFT, /* its thread ended in it */
};

struct abi_trace_rec {
	uint64_t start, end; /* TSC */
	uint64_t arg[6];     /* as the program gave them */
	int64_t ret;
	uint32_t nr;
	uint32_t tid;
	uint32_t slot;  /* of the thread: its mailbox */
	uint32_t seq;   /* of the mailbox's last request, when the call ended */
	uint32_t state; /* ABI_TRACE_* */
	uint32_t lost;  /* all that were lost before this one, since the process began */
};

struct abi_trace {
	uint64_t head; /* published by LWK */
	uint64_t tail; /* published by proxy */
	uint32_t lost; /* LWK */
	uint32_t pad;
	/* The call that each thread is in: written by its thread, state last. */
	struct abi_trace_rec now[ABI_MAX_THREADS] __attribute__((aligned(64)));
	struct abi_trace_rec rec[ABI_TRACE_RECORDS];
};
_Static_assert(sizeof(struct abi_trace_rec) == 96, "abi");
_Static_assert(sizeof(struct abi_trace) <= ABI_BLOCK_SIZE, "abi");

#endif
