/* SPDX-License-Identifier: MIT */
/*
 * What a proxy and the VMM say to each other, over one connected SOCK_SEQPACKET socket (a
 * socketpair for `run`, the guest's control socket for `exec`). One struct per packet. End of
 * file is news too: the other side is gone, whatever the reason, and whoever is left cleans up.
 *
 *   proxy                          VMM
 *   HELLO                     ->
 *                             <-   WELCOME (with descriptors) or PROBLEM
 *   ... the process lives in the share area (abi/share.h) ...
 *   LEAVE                     ->        it executes another program: the end of file that
 * follows is not the process's end. In the guest that is a new connection with a HELLO of the
 * same pid STAY                      ->        it did not come to that END ->        after
 * EXITED, with the program's memory unmapped
 *                             <-   BYE  for `run`: guest gone, pools given back, report printed
 *
 *   starter of a detached guest    VMM
 *                             <-   READY (or PROBLEM): the guest serves
 *
 *   proxy's window thread          VMM's window thread (over a socket of their own)
 *   WINDOW (with a descriptor)->
 *                             <-   a proto_window_answer (GROW: with a descriptor)
 *
 *   ps, stat, stop                 VMM
 *   QUERY                     ->
 *                             <-   GUEST
 *   STAT                      ->
 *                             <-   ACCOUNT
 *   ENDED                     ->
 *                             <-   TALLY, when the program has ended and is reaped
 *   STOP                      ->
 *                             <-   BYE  guest gone, pools given back
 */
#ifndef VMM_PROTO_H
#define VMM_PROTO_H

#include <stdint.h>

#include "guest-lwk/abi/share.h"
#include "numa/plan.h"

#define PROTO_VERSION 7
enum proto_type {
	PROTO_HELLO = 1,
	PROTO_WELCOME,
	PROTO_PROBLEM,
	PROTO_END,
	PROTO_BYE,
	PROTO_READY,
	PROTO_QUERY,
	PROTO_GUEST,
	PROTO_STOP,
	PROTO_LEAVE,
	PROTO_STAY,
	PROTO_WINDOW,
	PROTO_STAT,
	PROTO_ACCOUNT,
	PROTO_ENDED,
	PROTO_TALLY
};

#define PROTO_COMMAND_SIZE 96
#define PROTO_LABEL_SIZE   48

/* Type and version come first in all that is said first, in every version. */
struct proto_hello {
	uint32_t type, version;
	int32_t pid, ppid;
	uint32_t uid, gid;
	char command[PROTO_COMMAND_SIZE]; /* the program's words, for ps; cut off */
	/*
	 * Under which name what it uses is summed up, "": none. Children and programs after an
	 * execve() name the tally of whom they come from instead, as its WELCOME did; 0: none.
	 */
	char label[PROTO_LABEL_SIZE];
	uint32_t tally;
};

/* QUERY, STAT and STOP. */
struct proto_ask {
	uint32_t type, version;
	uint32_t timeout_ms; /* STOP: from SIGTERM to SIGKILL */
	uint32_t pad;
};

/* GUEST. Times are in milliseconds. */
struct proto_process {
	int32_t pid;
	uint32_t state; /* ABI_PROC_* */
	uint32_t nthreads;
	uint32_t pad;
	uint64_t up_ms;
	char command[PROTO_COMMAND_SIZE];
};

enum proto_guest_state { PROTO_STARTING, PROTO_RUNNING, PROTO_ENDING };

struct proto_guest {
	uint32_t type, version;
	int32_t pid; /* of the VMM */
	uint32_t uid;
	uint32_t state; /* enum proto_guest_state */
	uint32_t ncores, nprocs;
	uint32_t detached;
	uint64_t mem; /* bytes */
	uint64_t window_mapped,
		window_files; /* in the window now: bytes, and of how many files */
	uint64_t up_ms;
	uint16_t core[PLAN_MAX_VCPUS]; /* host CPUs, in the order of the guest's */
	struct proto_process process[ABI_MAX_PROCS];
};

/* ACCOUNT: everything since the start, of processes (those of GUEST) and of the guest. */
struct proto_usage {
	int32_t pid;
	uint32_t nthreads;
	uint64_t cpu_ns;
	uint64_t local, forwarded; /* system calls */
	uint64_t mem, mem_peak;    /* bytes: now, and the most so far */
};

struct proto_core {
	uint32_t core;                         /* of the host */
	uint32_t have_exits;                   /* exits, irq_exits and halt_exits are known */
	uint64_t exits, irq_exits, halt_exits; /* all; those for the host's interrupts; halts */
	uint64_t local, faults, irqs, switches;
};

struct proto_node {
	uint64_t total, free; /* bytes for programs */
};

struct proto_account {
	uint32_t type, version;
	uint32_t ncores, nprocs, nnodes, pad;
	uint64_t up_ms;
	struct proto_core core[PLAN_MAX_VCPUS];
	struct proto_node node[ABI_MAX_NODES];
	struct proto_usage process[ABI_MAX_PROCS];
};

/* What a labelled program and its children have used. Told once: then it is forgotten. */
struct proto_ask_ended {
	uint32_t type, version;
	char label[PROTO_LABEL_SIZE];
};
struct proto_tally {
	uint32_t type, version;
	uint32_t known;          /* 0: nothing ran under this label */
	uint32_t ended;          /* 0: it does not end, this is what it has used so far */
	uint64_t up_ms;          /* from its first word to its end */
	struct proto_usage used; /* mem_peak: of the largest of its processes */
};

struct proto_extent {
	uint64_t gpa, size, page_size;
};

/*
 * Descriptors that travel with WELCOME, in this order: the share area's memfd; the eventfd of
 * this process's bell; one eventfd a core (ABI_VEC_HOST); one memfd an extent; with `window` a
 * connected socket for it.
 */
struct proto_welcome {
	uint32_t type;
	uint32_t proc; /* index in share->proc[] */
	uint32_t ncores, nextents;
	uint32_t poll_us;  /* how long a service thread may spin for its next request; 0 on
			      shared cores */
	uint32_t window;   /* 1: the guest has one */
	uint32_t tally;    /* what it uses is summed up there; 0: nowhere */
	uint32_t nhelpers; /* host CPUs for the proxy's threads (the program's own affinity is
			      the guest's) */
	uint16_t helper[HOST_MAX_CPUS];
	struct proto_extent extent[PLAN_MAX_EXTENTS];
	char view[32];    /* names the guest's view of the machine (vmm/view/view_store.h) */
	struct plan plan; /* for that view */
};
#define PROTO_MAX_FDS (3 + PLAN_MAX_VCPUS + PLAN_MAX_EXTENTS)

/*
 * What a proxy asks of the window for the mailbox `slot`: one request at a time. References
 * that an answer has added are dropped again if it does not reach the LWK, by UNDO or because
 * the proxy dies before the mailbox is DONE.
 */
enum proto_window_op {
	PROTO_WINDOW_MAP,    /* with the file: offset, len, writable */
	PROTO_WINDOW_GROW,   /* gpa, distance, len */
	PROTO_WINDOW_ATTACH, /* shmid, flags */
	PROTO_WINDOW_UNDO    /* the last answer */
};
struct proto_window {
	uint32_t type, op;
	uint32_t slot, seq; /* of the mailbox */
	uint64_t gpa, offset, len;
	int64_t distance;
	int32_t shmid, flags;
	uint32_t writable;
	uint32_t pad;
};
struct proto_window_answer {
	int32_t err;
	uint32_t pad;
	struct abi_window_answer at;
	uint64_t offset; /* GROW: in the file */
};

struct proto_problem {
	uint32_t type;
	int32_t status;
	char text[960];
};

struct proto_end {
	uint32_t type;
	uint32_t wait_status; /* as of wait(2); meaningless with EOF */
};

#endif
