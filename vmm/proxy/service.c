/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/service.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "guest-lwk/abi/syscalls.h"
#include "vmm/proxy/child.h"
#include "vmm/proxy/creds.h"
#include "vmm/proxy/exe.h"
#include "vmm/proxy/futex.h"
#include "vmm/proxy/maplog.h"
#include "vmm/proxy/peer.h"
#include "vmm/proxy/porter.h"
#include "vmm/proxy/state.h"
#include "vmm/proxy/trace.h"
#include "vmm/proxy/viewcall.h"
#include "vmm/proxy/watch.h"
#include "vmm/proxy/window.h"

#define SPIN_ROUND 64 /* looks at the mailbox between two looks at the clock */

bool service_wanted(const struct service *service)
{
	const struct abi_mbox *mbox = service->mbox;

	/* Acquire: proc and the request were written before the state. */
	return __atomic_load_n(&mbox->state, __ATOMIC_ACQUIRE) == ABI_MBOX_REQUEST &&
	       mbox->proc == service->common->proc;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Watches the mailbox for a while; false when time is up. */
static bool service_spin(const struct service *service)
{
	uint64_t end;

	if (!service->common->poll_us)
		return service_wanted(service);
	end = now_us() + service->common->poll_us;
	do {
		for (unsigned i = 0; i < SPIN_ROUND; i++) {
			if (service_wanted(service))
				return true;
			__builtin_ia32_pause();
		}
	} while (now_us() < end);
	return false;
}

void service_wait(struct service *service)
{
	if (service_spin(service))
		return;
	while (!service_wanted(service)) {
		futex_doze(&service->asleep);
		if (!service_wanted(service))
			futex_wait(&service->asleep, 1);
	}
	__atomic_store_n(&service->asleep, 0, __ATOMIC_RELAXED);
}

/* A signal that the call raised for this very thread, 0 if none: all are blocked, so it is in
 * the queue. */
static uint32_t signal_raised(void)
{
	const struct timespec at_once = {0};
	sigset_t set;
	int signo;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGXFSZ);
	signo = sigtimedwait(&set, NULL, &at_once);
	return signo > 0 ? (uint32_t)signo : 0;
}

/* A thread's first call: with the ids that it has inherited. */
static void service_adopt(struct service *service)
{
	struct problem problem;
	int err = creds_take(service->common->creds);

	service->tid = service->mbox->tid;
	if (!err)
		return;
	problem_set(&problem, err, EXIT_LWVMM_FAILED,
		"proxy: a new thread cannot have the program's user, groups and capabilities "
		"(%s): make threads before they are given up",
		strerror(-err));
	crew_leave_problem(&service->common->proxy->crew, &problem);
}

static void service_serve(struct service *service)
{
	const struct service_common *common = service->common;
	struct abi_mbox *mbox = service->mbox;
	struct watch_call call;
	struct capture *capture;

	/* For whoever looks on; to the janitor a REQUEST is in flight just as well. */
	__atomic_store_n(&mbox->state, ABI_MBOX_RUNNING, __ATOMIC_RELAXED);
	if (!maplog_reached(common->log, mbox->log_pos))
		porter_log(common->porter, mbox->log_pos);
	if (!peer_wait(common->share, service->slot)) {
		service_answer(service, ABI_NOT_BEGUN);
		return;
	}
	if (mbox->tid != service->tid)
		service_adopt(service);
	if ((mbox->nr >= ABI_CALL_FORK || service->over) && child_call(service))
		return;

	watch_begin(common->watch, mbox, &call);
	capture = trace_call_begin(common->trace, service->slot, mbox);
	if (window_is_call(mbox->nr))
		mbox->ret = window_call(common->window, mbox, service->slot);
	else if (!exe_answer(common->exe, mbox))
		do
			mbox->ret = viewcall(common->viewer, &service->interrupt, mbox);
		while (watch_missed(common->watch, mbox, &call));
	/* Release: before the program learns that it is so, the LWK forgets what it may. */
	if (creds_note(common->creds, mbox))
		__atomic_fetch_add(&common->share->ids_changes, 1, __ATOMIC_RELEASE);
	watch_end(common->watch, mbox, &call);
	trace_call_end(common->trace, capture, mbox->ret);
	service_answer(service, mbox->ret);
}

void service_answer(struct service *service, int64_t ret)
{
	struct abi_mbox *mbox = service->mbox;
	uint32_t signal = 0;
	uint32_t core;

	mbox->ret = ret;
	if (mbox->ret == -EPIPE || mbox->ret == -EFBIG)
		signal = signal_raised();
	mbox->signal = signal;

	core = mbox->core;
	/*
	 * Release: ret and signal, and what the call wrote to memory. The mailbox is the LWK's
	 * from here on: `waits` may be the next request's already, and then we tell of nothing,
	 * which does no harm.
	 */
	__atomic_store_n(&mbox->state, ABI_MBOX_DONE, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&mbox->waits, __ATOMIC_RELAXED))
		porter_done(service->common->porter, core, service->slot);
}

void service_run(struct service *service)
{
	interrupt_attach(&service->interrupt);
	for (;;) {
		service_wait(service);
		service_serve(service);
	}
}

void service_wake(struct service *service)
{
	futex_rouse(&service->asleep);
}
