/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/child.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-lwk/abi/syscalls.h"
#include "vmm/proxy/call.h"
#include "vmm/proxy/copy.h"
#include "vmm/proxy/exe.h"
#include "vmm/proxy/execute.h"
#include "vmm/proxy/heap.h"
#include "vmm/proxy/maplog.h"
#include "vmm/proxy/outcome.h"
#include "vmm/proxy/state.h"

/* The child's own, in its own copy of the memory. */
struct child {
	struct service *service;
	uint64_t applied; /* of the mapping log, in this process */
	bool dies_with;   /* the parent-death signal is still ours */
};

static bool is_pdeathsig(const struct abi_mbox *mbox)
{
	return mbox->nr == SYS_prctl && mbox->arg[0] == PR_SET_PDEATHSIG;
}

/* The program says how it ends: so does this process. */
static void leave(const struct abi_mbox *mbox) __attribute__((noreturn));

static void leave(const struct abi_mbox *mbox)
{
	const struct outcome outcome = {.wait_status = (uint32_t)mbox->arg[0]};

	outcome_leave(&outcome);
}

static int64_t execute_alone(struct child *child)
{
	int64_t ret;

	/* The program that comes shall live longer than its parent. */
	if (child->dies_with)
		prctl(PR_SET_PDEATHSIG, 0);
	ret = execute(child->service, true);
	if (child->dies_with)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return ret;
}

/* No view of the machine here, and nothing that needs the proxy's own descriptors. */
static int64_t make(struct child *child)
{
	struct service *service = child->service;
	struct abi_mbox *mbox = service->mbox;
	const uint32_t never = 0;

	switch (mbox->nr) {
	case ABI_CALL_EXEC:
		return execute_alone(child);
	case ABI_CALL_LEAVE:
		leave(mbox);
	default:
		break;
	}
	if (mbox->nr >= ABI_CALL_FIRST)
		return -EAGAIN;
	if (exe_answer(service->common->exe, mbox))
		return mbox->ret;
	if (is_pdeathsig(mbox))
		child->dies_with = false;
	return call_make(&never, mbox->arg, mbox->nr);
}

static void serve(struct child *child)
{
	struct service *service = child->service;
	struct abi_mbox *mbox = service->mbox;
	const struct proxy *p = service->common->proxy;

	service_wait(service);
	__atomic_store_n(&mbox->state, ABI_MBOX_RUNNING, __ATOMIC_RELAXED);
	if (child->applied < mbox->log_pos &&
		maplog_follow(&p->log, p->pid, p->helper_tid, &child->applied, mbox->log_pos))
		service_answer(service, -EFAULT);
	else
		service_answer(service, make(child));
}

static void child_main(struct service *service, uint64_t applied) __attribute__((noreturn));

static void child_main(struct service *service, uint64_t applied)
{
	const struct proxy *p = service->common->proxy;
	struct child child = {.service = service, .applied = applied, .dies_with = true};

	service->born = 1;
	heap_part();
	interrupt_attach(NULL);
	/* Without its parent there is nobody who could go on. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != (pid_t)p->pid)
		_exit(0);
	service->mbox->arg[0] = (uint64_t)getpid();
	service_answer(service, 0);
	for (;;)
		serve(&child);
}

/* The child is gone from here: the thread that played it is the parent's again. */
static void vfork_over(struct service *service, long pid)
{
	struct abi_mbox *mbox = service->mbox;
	uint32_t state = __atomic_load_n(&mbox->state, __ATOMIC_ACQUIRE);

	if (state == ABI_MBOX_REQUEST || state == ABI_MBOX_RUNNING) {
		mbox->arg[0] = (uint64_t)pid;
		service_answer(service, ABI_VFORK_OVER);
	} else {
		/* Killed between two requests: the next one learns of it. */
		service->over = true;
	}
}

static void vfork_make(struct service *service)
{
	struct maplog *log = service->common->log;
	int signo = (int)service->mbox->arg[0] & 0xff;
	uint64_t applied;
	long pid;

	heap_lock();
	service->born = 0;
	/* Read before the fork: what is applied meanwhile is applied once more, in order. */
	applied = __atomic_load_n(&log->proc->log_applied, __ATOMIC_ACQUIRE);
	pid = syscall(SYS_clone, CLONE_VFORK | signo, NULL, NULL, NULL, NULL);
	if (!pid)
		child_main(service, applied);
	if (pid < 0 || !service->born)
		heap_unlock();
	if (pid < 0)
		service_answer(service, -errno);
	else
		vfork_over(service, pid);
}

/* What the host does about ends of children, as the program's action for SIGCHLD says. */
static int64_t children(const struct abi_mbox *mbox)
{
	struct sigaction action = {
		.sa_handler = mbox->arg[1] ? SIG_IGN : SIG_DFL,
		.sa_flags = (int)mbox->arg[0] & (SA_NOCLDSTOP | SA_NOCLDWAIT),
	};

	return sigaction(SIGCHLD, &action, NULL) ? -errno : 0;
}

bool child_call(struct service *service)
{
	struct abi_mbox *mbox = service->mbox;

	if (service->over) {
		service->over = false;
		service_answer(service, ABI_VFORK_OVER);
		return true;
	}
	switch (mbox->nr) {
	case ABI_CALL_FORK:
		service_answer(service, copy_make(service));
		return true;
	case ABI_CALL_VFORK:
		vfork_make(service);
		return true;
	case ABI_CALL_EXEC:
		service_answer(service, execute(service, false));
		return true;
	case ABI_CALL_CHILDREN:
		service_answer(service, children(mbox));
		return true;
	default:
		return false;
	}
}
