/* SPDX-License-Identifier: MIT */
#include "vmm/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vmm/base/affinity.h"
#include "vmm/clock.h"
#include "vmm/control.h"
#include "vmm/give.h"
#include "vmm/lease.h"
#include "vmm/monitor_apart.h"
#include "vmm/pool.h"
#include "vmm/postmortem.h"
#include "vmm/report.h"
#include "vmm/seal.h"
#include "vmm/server.h"

#define TICK_NS (100 * 1000 * 1000)
#define POLL_NS 20000 /* how long an idle guest core looks for work before it halts */

/* From SOURCE_SERVER on they are the server's. */
enum source { SOURCE_TICK, SOURCE_FAIL, SOURCE_SIGNAL, SOURCE_SERVER };

/* Why the guest is over. */
enum over { OVER_NOT, OVER_ENDED, OVER_LOST, OVER_STOPPED, OVER_FAILED, OVER_SIGNAL };

struct monitor {
	const struct monitor_job *job;
	struct control control;
	struct lease lease;
	struct pool_growth growth;
	struct memory memory;
	struct vm vm;
	struct clock clock;
	struct janitor janitor;
	struct window_serve window;
	struct server server;
	struct report report;
	FILE *json;
	int epoll_fd, tick_fd, signal_fd;
};

/* Large, and one a process. */
static struct monitor monitor;

static int watch(struct monitor *m, int fd, enum source source)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = source};

	return epoll_ctl(m->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int events_create(struct monitor *m, struct problem *problem)
{
	struct itimerspec tick = {{0, TICK_NS}, {0, TICK_NS}};
	int err = 0;

	m->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	m->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (m->epoll_fd < 0 || m->tick_fd < 0 || timerfd_settime(m->tick_fd, 0, &tick, NULL))
		err = -errno;
	if (!err)
		err = watch(m, m->tick_fd, SOURCE_TICK);
	if (!err)
		err = watch(m, m->vm.fail_fd, SOURCE_FAIL);
	if (!err)
		err = watch(m, m->signal_fd, SOURCE_SIGNAL);
	if (!err)
		err = server_init(&m->server, &m->vm, &m->janitor, m->job->opt, m->epoll_fd,
			SOURCE_SERVER, m->job->sock, m->control.sock);
	m->server.window = m->vm.window.size ? &m->window : NULL;
	if (err)
		return problem_set(problem, err, EXIT_LWVMM_FAILED,
			"event loop: the kernel refused it (%s): raise `ulimit -n`",
			strerror(-err));
	return 0;
}

/* Its name may be relative: this is the last use of the caller's working directory. */
static int json_open(struct monitor *m, struct problem *problem)
{
	if (!m->job->opt->json)
		return 0;
	m->json = fopen(m->job->opt->json, "we");
	if (!m->json)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"%s: the account cannot be written there (%s): give --json another "
			"file",
			m->job->opt->json, strerror(errno));
	return 0;
}

/*
 * A name that nobody chose may be in the way of what another user's killed guest has left: then
 * this guest has no control socket.
 */
static int name_take(struct monitor *m, struct problem *problem)
{
	struct problem unheard = {0};
	bool chosen = m->job->opt->name[0];
	int err = control_open(m->job->plan->name, &m->control, chosen ? problem : &unheard);

	return chosen ? err : 0;
}

/* Name and lease before the memory: what is taken should be said first. */
static int take_resources(struct monitor *m, struct problem *problem)
{
	const struct plan *plan = m->job->plan;
	int err;

	err = affinity_set(plan->helper, plan->nhelpers, problem);
	if (err)
		return err;
	err = json_open(m, problem);
	if (err)
		return err;
	if (chdir("/"))
		note_print("/: cannot be entered (%s): the working directory stays in use",
			strerror(errno));
	err = name_take(m, problem);
	if (err)
		goto fail_json;
	err = lease_take(plan, &m->lease, problem);
	if (err)
		goto fail_name;
	err = pool_grow(&m->growth, plan, problem);
	if (err)
		goto fail_lease;
	err = memory_reserve(plan, &m->memory, problem);
	pool_settled(&m->growth);
	if (!err)
		err = memory_fill(plan, &m->memory, problem);
	if (err)
		goto fail_pool;
	m->report.times.memory = __rdtsc();
	return 0;
fail_pool:
	pool_shrink(&m->growth);
fail_lease:
	lease_drop(&m->lease);
fail_name:
	control_close(&m->control);
fail_json:
	if (m->json)
		fclose(m->json);
	return err;
}

static void give_resources(struct monitor *m)
{
	pool_shrink_begin(&m->growth);
	memory_destroy(&m->memory);
	pool_shrink(&m->growth);
	lease_drop(&m->lease);
	control_close(&m->control);
	if (m->json)
		fclose(m->json);
}

static int guest_load(struct monitor *m, struct problem *problem)
{
	struct vm *vm = &m->vm;
	struct fdt_facts facts = {
		.software = vm->software,
		.tsc_khz = vm->tsc_khz,
		.poll_ns = m->job->plan->cores_shared ? 0 : POLL_NS,
		.xcr0 = vm->xcr0,
		.xstate_size = vm->xstate_size,
	};
	struct boot_entry entry;
	int err;

	err = boot_load(
		&m->job->image, m->job->plan, &vm->map, &facts, vm->guest_1g, &entry, problem);
	if (err)
		return err;
	vm->free_start = entry.free_start;
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		err = vcpu_set_entry(&vm->vcpu[i], entry.entry, entry.tables, problem);
		if (err)
			return err;
	}
	clock_init(&m->clock, &vm->share->time, vm->tsc_khz, vm->software);
	m->report.times.vm = __rdtsc();
	return 0;
}

static int window_open(struct monitor *m, struct problem *problem)
{
	return m->vm.window.size
		       ? window_serve_create(&m->window, &m->vm.window, m->vm.share, problem)
		       : 0;
}

static void window_close(struct monitor *m)
{
	if (m->vm.window.size)
		window_serve_destroy(&m->window);
}

static int guest_create(struct monitor *m, struct problem *problem)
{
	struct vm *vm = &m->vm;
	int err;

	vm->verbose = m->job->opt->verbose;
	err = vm_create(vm, m->job->plan, &m->memory, problem);
	if (err)
		return err;
	err = account_create(vm);
	if (err) {
		problem_set(problem, err, EXIT_LWVMM_FAILED, "account: no memory: free some");
		goto fail_vm;
	}
	err = guest_load(m, problem);
	if (err)
		goto fail_account;
	err = window_open(m, problem);
	if (err)
		goto fail_account;
	janitor_init(&m->janitor, vm->share, &vm->map, vm->window.size ? &vm->window : NULL,
		vm->bell_fd);
	err = events_create(m, problem);
	if (err)
		goto fail_window;
	return 0;
fail_window:
	window_close(m);
fail_account:
	account_destroy(vm);
fail_vm:
	vm_destroy(vm);
	return err;
}

static void guest_destroy(struct monitor *m)
{
	close(m->epoll_fd);
	close(m->tick_fd);
	window_close(m);
	account_destroy(&m->vm);
	vm_destroy(&m->vm);
}

/* From the seal on nothing can be opened any more. */
static int guest_start(struct monitor *m, struct problem *problem)
{
	int err = 0;

	/* Not before: what there was to say until now is for the starter's terminal. */
	if (m->job->opt->detach)
		err = control_log(&m->control, problem);
	if (!err && m->job->opt->have_user)
		err = give(&m->control, m->job->opt, problem);
	if (!err)
		err = seal(problem);
	if (!err && m->vm.window.size)
		err = window_serve_start(&m->window, problem);
	if (!err)
		err = janitor_start(&m->janitor, problem);
	if (!err)
		err = vm_start(&m->vm, problem);
	m->report.times.run = __rdtsc();
	return err;
}

static enum over over_of(enum server_news news)
{
	static const enum over over[] = {
		[SERVER_NOTHING] = OVER_NOT,
		[SERVER_ENDED] = OVER_ENDED,
		[SERVER_LOST] = OVER_LOST,
		[SERVER_STOPPED] = OVER_STOPPED,
	};

	return over[news];
}

static enum over on_tick(struct monitor *m)
{
	uint64_t count;

	if (read(m->tick_fd, &count, sizeof(count)) > 0) {
		clock_update(&m->clock);
		server_poll_stop(&m->server);
	}
	return OVER_NOT;
}

static enum over on_event(struct monitor *m, uint32_t source)
{
	switch (source) {
	case SOURCE_TICK:
		return on_tick(m);
	case SOURCE_FAIL:
		return OVER_FAILED;
	case SOURCE_SIGNAL:
		return OVER_SIGNAL;
	default:
		return over_of(server_event(&m->server, source - SOURCE_SERVER));
	}
}

static enum over guest_run(struct monitor *m)
{
	enum over over = OVER_NOT;

	while (over == OVER_NOT) {
		struct epoll_event event;
		int n = epoll_wait(m->epoll_fd, &event, 1, server_wait_ms(&m->server));

		if (n == 1)
			over = on_event(m, event.data.u32);
		if (over == OVER_NOT)
			over = over_of(server_poll(&m->server));
	}
	return over;
}

static void guest_stop(struct monitor *m)
{
	vm_stop(&m->vm);
	janitor_stop(&m->janitor);
	window_serve_stop(&m->window);
	m->report.times.end = __rdtsc();
	report_close(&m->report);
}

/* What there is to say of a guest that is over; the problem is filled if it is not the
 * program's end. */
static void guest_account(struct monitor *m, enum over over, struct problem *problem)
{
	const struct vcpu *failed = postmortem_find(&m->vm);

	if (over == OVER_FAILED && failed)
		postmortem(failed, &m->job->image, problem);
	else if (over == OVER_SIGNAL)
		problem_set(problem, -EINTR, EXIT_LWVMM_FAILED,
			"guest %s: stopped: its VMM was told to end by a signal",
			m->job->plan->name);
	if (m->job->opt->stats)
		report_print(&m->report, stderr);
	if (m->json)
		report_print_json(&m->report, m->json);
}

/*
 * All who are connected hear why. A proxy that has not unmapped the memory by itself must be
 * gone before the pools shrink.
 */
static void guest_part(struct monitor *m, enum over over, const struct problem *problem)
{
	struct problem why = *problem;

	problem_set(&why, -ESHUTDOWN, EXIT_LWVMM_FAILED, "guest %s: has ended: %s",
		m->job->plan->name,
		over == OVER_STOPPED ? "it was stopped (lwvmm stop)"
		: over == OVER_LOST  ? "its lwvmm run was killed"
				     : "its lwvmm run is over");
	server_end(&m->server, &why);
	control_deafen(&m->control);
	server_wait_gone(&m->server);
}

/* One guest, from the first page to the last. Returns how it was over; OVER_NOT: it never
 * began. */
static enum over guest_live(struct monitor *m, struct problem *problem)
{
	enum over over = OVER_NOT;

	if (take_resources(m, problem))
		return OVER_NOT;
	if (guest_create(m, problem))
		goto give;
	if (!guest_start(m, problem))
		over = guest_run(m);
	guest_stop(m);
	if (over != OVER_NOT) {
		guest_account(m, over, problem);
		guest_part(m, over, problem);
	}
	guest_destroy(m);
give:
	give_resources(m);
	return over;
}

int monitor_main(const struct monitor_job *job)
{
	struct monitor_job mine = *job;
	struct monitor *m = &monitor;
	struct problem problem = {0};
	enum over over = OVER_NOT;
	int err;

	m->job = &mine;
	m->report.vm = &m->vm;
	m->report.janitor = &m->janitor;
	m->report.times.start = job->start_tsc;
	apart_limits();
	err = apart_leave(&mine.sock);
	if (!err)
		err = apart_signals(&m->signal_fd);
	if (err)
		problem_set(&problem, err, EXIT_LWVMM_FAILED,
			"VMM: could not set itself up (%s): see `ulimit -a`", strerror(-err));
	else
		over = guest_live(m, &problem);
	if (over == OVER_NOT) {
		server_send_problem(mine.sock, &problem);
		server_linger(mine.sock);
	} else {
		/* Nobody else hears it: to the log. */
		if (mine.opt->detach && problem.status)
			problem_print(&problem);
		server_bye(&m->server);
	}
	return problem.status;
}
