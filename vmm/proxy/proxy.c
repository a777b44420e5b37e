/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/proxy/futex.h"
#include "vmm/proxy/state.h"
#include "vmm/proxy/thread.h"

static struct proxy *proxy_create(const struct proxy_job *job)
{
	struct proxy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->job = job;
	p->bell = p->timer = p->relay.fd = -1;
	trace_init(&p->trace, job->trace_fd);
	if (job->opt->name[0])
		memcpy(p->name, job->opt->name, sizeof(p->name));
	else
		snprintf(p->name, sizeof(p->name), "lwvmm-%d", getpid());
	return p;
}

/* What the program inherits; from here on every thread is born with all signals blocked. */
static void signals_take(struct proxy *p)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &p->inherited);
	p->sig_blocked = relay_mask(&p->inherited);
	p->sig_ignored = relay_ignored();
	interrupt_install();
}

int proxy_main(const struct proxy_job *job, struct problem *problem)
{
	struct proxy *p = proxy_create(job);

	if (!p) {
		problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
			"proxy: no memory: free some on the host");
		return problem->status;
	}
	signals_take(p);
	if (crew_start(&p->crew, problem) || thread_start(helper_main, p, problem)) {
		pthread_sigmask(SIG_SETMASK, &p->inherited, NULL);
		return problem->status;
	}
	/* Only when the helper has copies of its own may ours go: then the program's first open
	 * gives 3. */
	while (!__atomic_load_n(&p->apart, __ATOMIC_ACQUIRE))
		futex_wait(&p->apart, 0);
	close(job->sock);
	close(job->program->fd);
	if (p->trace.fd >= 0)
		close(p->trace.fd);
	crew_lead(&p->crew);
}
