/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/base/affinity.h"
#include "vmm/proxy/state.h"

static bool welcome_sound(const struct proto_welcome *w, unsigned nfds)
{
	return w->proc < ABI_MAX_PROCS && w->ncores && w->ncores <= ABI_MAX_CORES &&
	       w->nextents && w->nextents <= PLAN_MAX_EXTENTS && w->nhelpers <= HOST_MAX_CPUS &&
	       w->window <= 1 && nfds == 2 + w->ncores + w->nextents + w->window;
}

static int share_map(struct proxy *p, int fd, struct problem *problem)
{
	void *share = mmap(NULL, ABI_SHARE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	if (share == MAP_FAILED)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"guest %s: cannot map the share area: %s", p->name, strerror(errno));
	p->share = share;
	p->proc = &p->share->proc[p->welcome.proc];
	return 0;
}

static void log_wire(struct proxy *p, const int *fd)
{
	p->log.proc = p->proc;
	p->log.rec = p->share->log[p->welcome.proc];
	p->log.nextents = p->welcome.nextents;
	for (unsigned i = 0; i < p->welcome.nextents; i++)
		p->log.extent[i] = (struct maplog_extent){
			.gpa = p->welcome.extent[i].gpa,
			.size = p->welcome.extent[i].size,
			.fd = fd[i],
		};
	maplog_init(&p->log);
}

static void porter_wire(struct proxy *p, const int *fd)
{
	p->porter.share = p->share;
	p->porter.index = p->welcome.proc;
	p->porter.log = &p->log;
	p->porter.crew = &p->crew;
	p->porter.ncores = p->welcome.ncores;
	p->porter.sock = p->job->sock;
	memcpy(p->porter.irq_fd, fd, p->welcome.ncores * sizeof(int));
}

static void crew_wire(struct proxy *p)
{
	p->crew.common = (struct service_common){
		.proxy = p,
		.share = p->share,
		.proc = p->welcome.proc,
		.poll_us = p->welcome.poll_us,
		.log = &p->log,
		.porter = &p->porter,
		.exe = p->job->program->file,
		.viewer = &p->viewer,
		.window = &p->window,
		.watch = &p->watch,
		.trace = &p->trace,
		.creds = &p->creds,
	};
	p->crew.cores = p->welcome.helper;
	p->crew.ncores = p->welcome.nhelpers;
}

int attach(struct proxy *p, const struct proto_welcome *welcome, const int *fd, unsigned nfds,
	struct problem *problem)
{
	struct problem placed = {0};

	if (!welcome_sound(welcome, nfds))
		return problem_set(problem, -EPROTO, EXIT_LWVMM_FAILED,
			"guest %s: its VMM's welcome makes no sense: is it another version of "
			"lwvmm?",
			p->name);
	p->welcome = *welcome;
	if (share_map(p, fd[0], problem))
		return -ENOMEM;
	p->bell = fd[1];
	porter_wire(p, fd + 2);
	log_wire(p, fd + 2 + welcome->ncores);
	crew_wire(p);
	viewer_init(&p->viewer, &p->welcome, p->share, p->job, p->log.extent);
	watch_init(&p->watch, &p->share->watch[p->welcome.proc]);
	p->relay.proc = p->proc;
	p->relay.porter = &p->porter;
	p->relay.watch = &p->watch;
	/* The leader, which has a standard error, tells of a failure. */
	if (welcome->nhelpers)
		affinity_set(p->welcome.helper, p->welcome.nhelpers, &placed);
	if (window_port_open(&p->window, welcome->window ? fd[nfds - 1] : -1, &p->log, problem))
		return -EAGAIN;
	return porter_start(&p->porter, problem);
}
