/* SPDX-License-Identifier: MIT */
/*
 * The helper thread: owns every descriptor of lwvmm's own, in a table of its own, and waits for
 * all of them at once: the VMM's socket, the LWK's bell, the user's signals, the timeout.
 */
#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "vmm/proxy/copy.h"
#include "vmm/proxy/futex.h"
#include "vmm/proxy/inherit.h"
#include "vmm/proxy/state.h"

#define RETRY_MS       1  /* signals and cancels that had to wait */
#define PART_TIMEOUT_S 10 /* for the VMM's last word after a timeout */

static void fail(struct proxy *p, const struct problem *problem) __attribute__((noreturn));

static void fail(struct proxy *p, const struct problem *problem)
{
	crew_leave_problem(&p->crew, problem);
}

static int compare_fds(const void *a, const void *b)
{
	const unsigned *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Own table, without the program's descriptors: we must not keep its pipes open. */
static void table_own(struct proxy *p)
{
	struct problem problem = {0};
	/* A copy of a process has no program's file. */
	bool file = p->job->program->fd >= 0;
	unsigned keep[] = {(unsigned)p->job->sock,
		(unsigned)(file ? p->job->program->fd : p->job->sock),
		(unsigned)(p->trace.fd >= 0 ? p->trace.fd : p->job->sock)};
	const unsigned nkeep = sizeof(keep) / sizeof(keep[0]);
	unsigned from = 0;

	if (unshare(CLONE_FILES)) {
		problem_set(&problem, -errno, EXIT_LWVMM_FAILED,
			"proxy: cannot have descriptors of its own: %s: "
			"allow unshare(CLONE_FILES) where lwvmm runs",
			strerror(errno));
		fail(p, &problem);
	}
	qsort(keep, nkeep, sizeof(*keep), compare_fds);
	for (unsigned i = 0; i < nkeep; i++) {
		if (from < keep[i])
			close_range(from, keep[i] - 1, 0);
		from = keep[i] + 1;
	}
	close_range(from, UINT_MAX, 0);
	p->helper_tid = (int32_t)syscall(SYS_gettid);
	__atomic_store_n(&p->apart, 1, __ATOMIC_RELEASE);
	futex_wake(&p->apart, 1);
}

static void watch(struct proxy *p, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	struct problem problem = {0};

	if (!epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &event))
		return;
	problem_set(&problem, -errno, EXIT_LWVMM_FAILED,
		"proxy: cannot wait for descriptors: %s", strerror(errno));
	fail(p, &problem);
}

uint64_t helper_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void timer_set(struct proxy *p, double seconds)
{
	struct itimerspec when = {0};

	when.it_value.tv_sec = (time_t)seconds;
	when.it_value.tv_nsec = (long)((seconds - (double)when.it_value.tv_sec) * 1e9);
	if (p->timer < 0) {
		p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
		watch(p, p->timer, EPOLLIN | EPOLLET);
	}
	timerfd_settime(p->timer, 0, &when, NULL);
}

void helper_part(struct proxy *p)
{
	p->phase = PHASE_PART;
	trace_end(&p->trace, NULL);
	if (p->relay.fd >= 0)
		relay_close(&p->relay);
	viewer_close(&p->viewer);
	/* Pools can be given back only when nobody maps their pages or holds the memfds. */
	if (p->proc)
		maplog_close(&p->log);
}

static void timeout(struct proxy *p)
{
	double seconds = p->job->opt->timeout_s;

	if (p->phase == PHASE_PART) {
		/* The limit was the program's, not the VMM's, which may need a while to clean
		 * up. */
		if (p->outcome.problem.status)
			crew_leave(&p->crew, &p->outcome);
		return;
	}
	problem_set(&p->outcome.problem, -ETIMEDOUT, EXIT_LWVMM_TIMEOUT,
		"%s: still running after %g s: ended (--timeout)", p->job->opt->guest[0],
		seconds);
	helper_part(p);
	/* For the VMM this is the end of the process; it answers by its own end. */
	shutdown(p->job->sock, SHUT_WR);
	timer_set(p, PART_TIMEOUT_S);
}

/* The LWK is told who and what we are; it answers by the bell. */
static void enter(
	struct proxy *p, const struct proto_welcome *welcome, const int *fd, unsigned nfds)
{
	struct problem problem = {0};

	p->load.job = p->job;
	if (attach(p, welcome, fd, nfds, &problem))
		fail(p, &problem);
	if (welcome->ncores < 64 && p->job->affinity >> welcome->ncores) {
		problem_set(&problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--cores: guest %s has the CPUs 0 to %u only: name some of these",
			p->name, welcome->ncores - 1);
		fail(p, &problem);
	}
	if (p->job->copy_of)
		copy_describe(p);
	else if (load_describe(&p->load, &p->proc->exec, &problem))
		fail(p, &problem);
	p->proc->pid = (uint32_t)getpid();
	p->proc->ppid = (uint32_t)getppid();
	p->proc->uid = getuid();
	p->proc->gid = getgid();
	p->proc->sig_blocked = p->sig_blocked;
	p->proc->sig_ignored = p->sig_ignored;
	p->proc->affinity = rank_cpus(p->job->rank, p->job->affinity, welcome->ncores);
	if (p->job->inherit)
		p->proc->alarm = p->job->inherit->alarm;
	p->proc->trace = p->trace.fd >= 0;
	p->phase = PHASE_EXEC;
	/* Edge-triggered, and never read: each ring is an edge, and saves a system call. */
	watch(p, p->bell, EPOLLIN | EPOLLET);
	__atomic_store_n(&p->proc->state, ABI_PROC_EXEC, __ATOMIC_RELEASE);
	porter_event(&p->porter);
}

/* The program may have ended just before, unheard: then what becomes of the guest is nothing to
 * it. */
static bool has_ended(struct proxy *p)
{
	if (p->phase == PHASE_RUN &&
		__atomic_load_n(&p->proc->state, __ATOMIC_ACQUIRE) == ABI_PROC_EXITED) {
		p->outcome.wait_status = p->proc->exit_wait;
		p->phase = PHASE_PART;
	}
	return p->phase == PHASE_PART;
}

/* A process that a program has made ends as one whose machine is gone. */
static bool dies_unheard(struct proxy *p)
{
	if (!p->job->child || p->phase == PHASE_HELLO)
		return false;
	p->outcome.wait_status = SIGKILL;
	return true;
}

static void vmm_gone(struct proxy *p)
{
	if (!has_ended(p) && !dies_unheard(p))
		problem_set(&p->outcome.problem, -EPIPE, EXIT_LWVMM_FAILED,
			"guest %s: the VMM is gone: it was killed or failed before the "
			"program's end",
			p->name);
	trace_end(&p->trace, NULL);
	viewer_close(&p->viewer);
	crew_leave(&p->crew, &p->outcome);
}

static void socket_ready(struct proxy *p)
{
	static union mail mail; /* large, and this thread's alone */
	int fd[PROTO_MAX_FDS];
	unsigned nfds;
	int n = mail_receive(p->job->sock, &mail, fd, &nfds);

	if (n == -EMFILE) {
		problem_set(&p->outcome.problem, n, EXIT_LWVMM_FAILED,
			"guest %s: too few descriptors for its memory: raise ulimit -n",
			p->name);
		crew_leave(&p->crew, &p->outcome);
	}
	if (n <= 0)
		vmm_gone(p);
	if (mail.type == PROTO_BYE)
		crew_leave(&p->crew, &p->outcome);
	if (mail.type == PROTO_PROBLEM) {
		mail.problem.text[sizeof(mail.problem.text) - 1] = '\0';
		if (!has_ended(p) && !dies_unheard(p))
			problem_set(&p->outcome.problem, -EIO,
				mail.problem.status ? mail.problem.status : EXIT_LWVMM_FAILED,
				"%s", mail.problem.text);
		crew_leave(&p->crew, &p->outcome);
	}
	if (mail.type == PROTO_WELCOME && p->phase == PHASE_HELLO)
		enter(p, &mail.welcome, fd, nfds);
}

static void bell_rung(struct proxy *p)
{
	bool before = p->relay.fd >= 0;

	if (p->phase == PHASE_PART)
		return;
	bell_answer(p);
	if (!before && p->relay.fd >= 0)
		watch(p, p->relay.fd, EPOLLIN | EPOLLET);
}

static void dispatch(struct proxy *p, int fd)
{
	if (fd == p->bell)
		bell_rung(p);
	else if (fd == p->job->sock)
		socket_ready(p);
	else if (fd == p->timer)
		timeout(p);
	else if (fd == p->relay.fd)
		relay_run(&p->relay);
}

static void loop(struct proxy *p)
{
	struct epoll_event event[4];

	for (;;) {
		bool wait_short = p->relay.held || p->cancel_again;
		int n = epoll_wait(p->epoll, event, 4, wait_short ? RETRY_MS : -1);

		for (int i = 0; i < n; i++)
			dispatch(p, event[i].data.fd);
		if (p->cancel_again)
			bell_rung(p);
		if (p->relay.held)
			relay_run(&p->relay);
	}
}

void *helper_main(void *proxy)
{
	struct proxy *p = proxy;

	table_own(p);
	/* Until the program runs, signals do to us what they would do to it. */
	pthread_sigmask(SIG_SETMASK, &p->inherited, NULL);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	watch(p, p->job->sock, EPOLLIN);
	if (p->job->opt->timeout_s > 0) {
		p->end_ms = helper_now_ms() + (uint64_t)(p->job->opt->timeout_s * 1e3);
		timer_set(p, p->job->opt->timeout_s);
	}
	/* A VMM that is not there is seen as the end of file. */
	mail_hello(p->job);
	loop(p);
	return NULL;
}
