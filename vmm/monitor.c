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
#include "vmm/lease.h"
#include "vmm/pool.h"
#include "vmm/postmortem.h"
#include "vmm/report.h"
#include "vmm/seal.h"
#include "vmm/server.h"

#define TICK_NS (100 * 1000 * 1000)
#define POLL_NS 20000 /* how long an idle guest core looks for work before it halts */

enum source { SOURCE_SOCK, SOURCE_TICK, SOURCE_FAIL, SOURCE_SIGNAL };

/* Why the guest is over. */
enum over { OVER_NOT, OVER_ENDED, OVER_LOST, OVER_FAILED, OVER_SIGNAL };

struct monitor {
	const struct monitor_job *job;
	struct lease lease;
	struct pool_growth growth;
	struct memory memory;
	struct vm vm;
	struct clock clock;
	struct janitor janitor;
	struct server server;
	struct report report;
	FILE *json;
	int epoll_fd, tick_fd, signal_fd;
};

/* Large, and one a process. */
static struct monitor monitor;

/*
 * Descriptors 0 and 1 and all that were inherited are the program's: holding them here would
 * keep its pipes open after its end. Standard error stays, for what there is to say.
 */
static int leave_caller(struct monitor *m, int *sock)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -errno;
	if (fcntl(STDERR_FILENO, F_GETFD) < 0 && dup2(null, STDERR_FILENO) < 0)
		return -errno;
	if (*sock != 3 && dup3(*sock, 3, O_CLOEXEC) < 0)
		return -errno;
	*sock = 3;
	if (close_range(4, ~0u, 0))
		return -errno;
	setsid();
	prctl(PR_SET_NAME, "lwvmm-vmm");
	return 0;
}

/* Signals: an orderly end for those that ask for one; all are blocked, the threads inherit
 * that. */
static int signals_take(struct monitor *m)
{
	sigset_t all, end;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	sigaddset(&end, SIGHUP);
	m->signal_fd = signalfd(-1, &end, SFD_CLOEXEC | SFD_NONBLOCK);
	return m->signal_fd < 0 ? -errno : 0;
}

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
		err = watch(m, m->job->sock, SOURCE_SOCK);
	if (!err)
		err = watch(m, m->tick_fd, SOURCE_TICK);
	if (!err)
		err = watch(m, m->vm.fail_fd, SOURCE_FAIL);
	if (!err)
		err = watch(m, m->signal_fd, SOURCE_SIGNAL);
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

/* The lease before the memory: a core that is taken should be said first. */
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
	err = lease_take(plan, &m->lease, problem);
	if (err)
		goto fail_json;
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
	janitor_init(&m->janitor, vm->share, &vm->map, vm->bell_fd);
	server_init(&m->server, vm, &m->janitor, m->job->opt, m->job->sock);
	err = events_create(m, problem);
	if (err)
		goto fail_account;
	return 0;
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
	server_close(&m->server);
	account_destroy(&m->vm);
	vm_destroy(&m->vm);
}

/* From the seal on nothing can be opened any more. */
static int guest_start(struct monitor *m, struct problem *problem)
{
	int err = seal(problem);

	if (!err)
		err = janitor_start(&m->janitor, problem);
	if (!err)
		err = vm_start(&m->vm, problem);
	m->report.times.run = __rdtsc();
	return err;
}

static enum over on_sock(struct monitor *m)
{
	switch (server_read(&m->server)) {
	case SERVER_ENDED:
		return OVER_ENDED;
	case SERVER_LOST:
		return OVER_LOST;
	default:
		return OVER_NOT;
	}
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

static enum over guest_run(struct monitor *m)
{
	enum over over = OVER_NOT;

	while (over == OVER_NOT) {
		struct epoll_event event;

		if (epoll_wait(m->epoll_fd, &event, 1, -1) != 1)
			continue;
		switch ((enum source)event.data.u32) {
		case SOURCE_SOCK:
			over = on_sock(m);
			break;
		case SOURCE_TICK:
			over = on_tick(m);
			break;
		case SOURCE_FAIL:
			over = OVER_FAILED;
			break;
		case SOURCE_SIGNAL:
			over = OVER_SIGNAL;
			break;
		}
	}
	return over;
}

static void guest_stop(struct monitor *m)
{
	vm_stop(&m->vm);
	janitor_stop(&m->janitor);
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
	if (over != OVER_NOT)
		guest_account(m, over, problem);
	/* A proxy that has not unmapped the memory by itself must be gone before the pools
	 * shrink. */
	if (over != OVER_NOT && problem->status)
		server_send_problem(m->job->sock, problem);
	if (over != OVER_ENDED)
		server_wait_gone(&m->server);
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
	err = leave_caller(m, &mine.sock);
	if (!err)
		err = signals_take(m);
	if (err)
		problem_set(&problem, err, EXIT_LWVMM_FAILED,
			"VMM: could not set itself up (%s): see `ulimit -a`", strerror(-err));
	else
		over = guest_live(m, &problem);
	if (over == OVER_NOT)
		server_send_problem(mine.sock, &problem);
	else if (over == OVER_ENDED)
		server_send_bye(mine.sock);
	server_linger(mine.sock);
	return problem.status;
}
