/* SPDX-License-Identifier: MIT */
/*
 * The proxy: the host process that stands in for one LWK process (design.md section 4, 'VMM and
 * proxy'). It has the user's credentials, working directory, descriptors and limits, maps the
 * program's memory at the program's addresses, and makes the system calls that the LWK
 * forwards.
 *
 * Threads, and whose descriptor table they use:
 *   leader     program's  serves the program's main thread, so that what a kernel ties to the
 * thread group's leader holds (crew.h) services   program's  one for each other program thread
 * that has forwarded something (service.h) spawner    program's  makes services, and is the one
 * who leaves (crew.h) helper     own        bell, socket, signals, timeout (helper.c) porter
 * own        interrupts and mappings for services, which own no descriptors (porter.h)
 */
#ifndef VMM_PROXY_PROXY_H
#define VMM_PROXY_PROXY_H

#include "numa/options.h"
#include "vmm/base/problem.h"
#include "vmm/program.h"
#include "vmm/proxy/rank.h"

/*
 * First thing in main: everything of this process's own has to lie above ABI_USER_END. Where
 * the kernel put some of it lower (`ulimit -s unlimited` does) the process executes itself
 * again with a bounded stack limit; the second time it gives the user's own limit back, for the
 * program. Returns 0, or -errno with the problem: a limited address space (`ulimit -v`), or a
 * layout that cannot be mended.
 */
int proxy_settle(char *const *argv, struct problem *problem);

struct proxy_job {
	const struct options *opt; /* guest (argv), env, timeout_s, name */
	const struct program *program;
	int sock;          /* to the VMM (vmm/proto.h) */
	int trace_fd;      /* for --trace (trace.h); -1: none */
	uint64_t affinity; /* guest CPUs that it may use, a bit each; 0: all */
	struct rank rank;  /* of those it takes its part */
};

/*
 * Becomes the proxy; call it while the process has one thread. Takes the socket, the
 * program's and the trace's descriptor over: they are closed before the program starts. Returns
 * only if it fails before it has other threads (with the exit status and the problem filled);
 * else the process ends by itself, as the program did.
 */
int proxy_main(const struct proxy_job *job, struct problem *problem);

#endif
