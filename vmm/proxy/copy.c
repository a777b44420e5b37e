/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/copy.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmm/control.h"
#include "vmm/proxy/futex.h"
#include "vmm/proxy/heap.h"
#include "vmm/proxy/state.h"

#define LOOK_NS 20000000 /* how often the maker looks whether the copy still lives */

/* ---- the copy ---- */

/* Says how it went to the maker, who waits for that word. */
static void news_tell(struct copy_news *news, uint32_t state)
{
	__atomic_store_n(&news->state, state, __ATOMIC_RELEASE);
	futex_wake(&news->state, 1);
}

void copy_lost(struct copy_news *news)
{
	news_tell(news, COPY_LOST);
	_exit(0);
}

void copy_describe(struct proxy *p)
{
	const struct service *of = p->job->copy_of;

	p->proc->fork_proc = of->common->proc + 1;
	p->proc->fork_slot = of->slot;
	p->log.copies = true;
	p->log.lo = p->log.copied = of->common->log->lo;
	p->log.hi = of->common->log->hi;
}

void copy_born(struct proxy *p)
{
	const struct service *of = p->job->copy_of;
	uint64_t at = of->mbox->arg[1];
	uint32_t pid = p->pid;
	struct problem problem = {0};
	struct iovec local = {&pid, sizeof(pid)}, remote = {(void *)at, sizeof(pid)};

	if (maplog_copied(&p->log, &problem))
		crew_leave_problem(&p->crew, &problem);
	/* If the maker has died, its memory may have been another's while we copied it. */
	if (getppid() != (pid_t)of->common->proxy->pid)
		kill(getpid(), SIGKILL);
	if (at)
		process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	news_tell(p->crew.news, COPY_LIVES);
	p->crew.news = NULL;
}

/*
 * The one thread of a new process, on a copy of the service's stack. Nothing of the maker's
 * proxy is used any more but what it has read, and the words of the service in memory that both
 * share.
 */
static void copy_main(struct service *service) __attribute__((noreturn));

static void copy_main(struct service *service)
{
	static struct options options;
	static struct program program;
	static struct proxy_job job;
	const struct proxy *from = service->common->proxy;
	struct problem problem = {0};

	heap_alone();
	options = *from->job->opt;
	memcpy(options.name, from->name, sizeof(options.name));
	options.timeout_s = 0;
	program = *from->job->program;
	program.fd = -1;
	job = *from->job;
	job.opt = &options;
	job.program = &program;
	job.child = true;
	job.trace_fd = -1;
	job.copy_of = service;
	job.sock = control_connect(options.name, true, &problem);
	if (job.sock >= 0)
		proxy_main(&job, &problem);
	copy_lost(&service->news);
}

/* ---- the maker ---- */

static bool has_died(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid;
}

static uint32_t news_wait(struct copy_news *news, pid_t pid)
{
	const struct timespec soon = {.tv_nsec = LOOK_NS};
	uint32_t state;

	while ((state = __atomic_load_n(&news->state, __ATOMIC_ACQUIRE)) == COPY_UNKNOWN) {
		syscall(SYS_futex, &news->state, FUTEX_WAIT, COPY_UNKNOWN, &soon, NULL, 0);
		if (has_died(pid) &&
			__atomic_load_n(&news->state, __ATOMIC_ACQUIRE) == COPY_UNKNOWN)
			return COPY_LOST;
	}
	return state;
}

int64_t copy_make(struct service *service)
{
	struct copy_news *news = &service->news;
	pid_t pid;

	*news = (struct copy_news){.state = COPY_UNKNOWN, .err = -EAGAIN};
	pid = fork();
	if (!pid)
		copy_main(service);
	if (pid < 0)
		return -errno;
	if (news_wait(news, pid) == COPY_LIVES)
		return pid;
	waitpid(pid, NULL, 0);
	return news->err;
}
