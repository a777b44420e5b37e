/* SPDX-License-Identifier: MIT */
#include "guest-lwk/trace.h"
#include "guest-lwk/abi/trace.h"
#include "guest-lwk/clock.h"
#include "guest-lwk/mempolicy.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sys.h"
#include "guest-lwk/syscall.h"

#define ROOM_NS 1000000 /* between two looks for room */

static u32 ntraced; /* processes; core 0 */

s64 trace_open(struct process *proc)
{
	struct placement place;
	u64 gpa, got;

	if (!proc->share->trace)
		return 0;
	mempolicy_place_near(proc, &place);
	gpa = pmem_alloc_run(&place, 1, &got);
	if (!gpa)
		return -ENOMEM;
	proc->trace = gpa_to_ptr(gpa);
	proc->share->trace_gpa = gpa;
	if (!ntraced++)
		syscall_trace(true);
	return 0;
}

void trace_close(struct process *proc)
{
	if (!proc->trace)
		return;
	/* No call of the program's could reach it, and nobody is left who maps it. */
	pmem_free(ptr_to_gpa(proc->trace), BLOCK_SIZE, 0, proc->index, 0);
	proc->trace = NULL;
	if (!--ntraced)
		syscall_trace(false);
}

void trace_enter(u32 nr, const u64 arg[6])
{
	struct thread *t = current_thread();
	struct abi_trace_rec *now = &t->proc->trace->now[t->slot];

	now->nr = nr;
	now->tid = t->tid;
	now->slot = t->slot;
	memcpy(now->arg, arg, sizeof(now->arg));
	now->start = rdtsc();
	store_release(&now->state, ABI_TRACE_RUNS);
}

static bool is_full(const struct abi_trace *trace)
{
	return READ_ONCE(trace->head) - load_acquire(&trace->tail) >= ABI_TRACE_RECORDS;
}

/*
 * Asleep, so that the core is others' meanwhile: the proxy may be stopped. A signal or the
 * process's end cuts it short.
 */
static void wait_for_room(const struct abi_trace *trace)
{
	while (is_full(trace) && !sleep_for(ABI_CLOCK_MONOTONIC, ROOM_NS, 0))
		;
}

static void record(struct process *proc, const struct abi_trace_rec *rec)
{
	struct abi_trace *trace = proc->trace;

	spin_lock(&proc->trace_lock);
	if (is_full(trace)) {
		WRITE_ONCE(trace->lost, trace->lost + 1);
	} else {
		struct abi_trace_rec *to = &trace->rec[trace->head % ABI_TRACE_RECORDS];

		*to = *rec;
		to->lost = trace->lost;
		store_release(&trace->head, trace->head + 1);
	}
	spin_unlock(&proc->trace_lock);
}

static void end(struct thread *t, u32 state, s64 ret)
{
	struct abi_trace_rec *now = &t->proc->trace->now[t->slot];
	struct abi_trace_rec rec;

	now->end = rdtsc();
	now->ret = ret;
	now->seq = machine.share->mbox[t->slot].seq;
	rec = *now;
	rec.state = state;
	record(t->proc, &rec);
	store_release(&now->state, ABI_TRACE_NONE);
}

void trace_leave(s64 ret)
{
	struct thread *t = current_thread();

	wait_for_room(t->proc->trace);
	/* Interrupted for good: trace_exit() is next. */
	if (!READ_ONCE(t->proc->exiting) || ret < -ERESTARTNOHAND || ret > -ERESTART)
		end(t, ABI_TRACE_DONE, ret);
}

void trace_exit(void)
{
	struct thread *t = current_thread();

	if (t->proc->trace && t->proc->trace->now[t->slot].state == ABI_TRACE_RUNS)
		end(t, ABI_TRACE_LEFT, 0);
}
