/* SPDX-License-Identifier: MIT */
/* The life of a process, as abi/share.h tells it; everything the host asks for is done by core
 * 0. */
#include "guest-lwk/process.h"
#include "guest-lwk/fork.h"
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/children.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/itimer.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/process_exec.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/trace.h"

struct process processes[ABI_MAX_PROCS];
struct thread threads[ABI_MAX_THREADS];

#define SIGKILL 9

void process_bell(const struct process *proc)
{
	outl(ABI_PORT_BELL, ABI_BELL_PROC(proc->index));
}

/*
 * Moves the process on. False: its proxy has died meanwhile (GONE, which must not be lost); the
 * VMM has sent that event after it stored the state, and it is still to come.
 */
static bool state_move(struct process *proc, u32 from, u32 to)
{
	return __atomic_compare_exchange_n(
		&proc->share->state, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void times_begin(struct process *proc)
{
	struct cpu_times before = {0};

	if (!proc->share->fork_proc)
		children_exec(proc->pid, &before);
	proc->dead_cpu_tsc = before.own;
	proc->children_tsc = before.children;
}

/* EXEC: an address space for the program that the proxy describes. */
static void process_map(struct process *proc)
{
	struct abi_proc *p = proc->share;

	proc->pid = p->pid;
	proc->exiting = proc->stopped = false;
	proc->threads = NULL;
	proc->nthreads = 0;
	proc->slot_first = ABI_MAX_THREADS;
	proc->slot_end = 0;
	times_begin(proc);
	proc->persona = 0;
	proc->undumpable = proc->thp_disabled = false;
	/* What the host said of who had this place before. */
	__atomic_add_fetch(&machine.share->ids_changes, 1, __ATOMIC_ACQ_REL);
	proc->affinity = ncores == 64 ? ~0ULL : (1ULL << ncores) - 1;
	if (p->affinity & proc->affinity)
		proc->affinity &= p->affinity;
	signal_init(proc, p->sig_ignored);
	/* Release: see peer_copy.c. */
	store_release(&proc->live, true);
	p->refused = (s32)mm_create(proc);
	if (!p->refused)
		p->refused = (s32)(p->fork_proc ? fork_map(proc) : exec_map(proc, &p->exec));
	if (!p->refused)
		p->refused = (s32)trace_open(proc);
	if (state_move(proc, ABI_PROC_EXEC, p->refused ? ABI_PROC_REFUSED : ABI_PROC_MAPPED))
		process_bell(proc);
}

static void process_running(struct process *proc)
{
	/* Also while the proxy is about to stop because the program said so (signal.c). */
	bool stop = READ_ONCE(proc->share->stopped) || load_acquire(&proc->share->stop_signal);

	signal_from_host(proc);
	if (stop != proc->stopped) {
		spin_lock(&proc->lock);
		proc->stopped = stop;
		process_kick(proc);
		spin_unlock(&proc->lock);
	}
}

/* GO: the proxy has filled program and stack. */
static void process_go(struct process *proc)
{
	struct abi_proc *p = proc->share;
	struct thread *t = thread_create(proc);

	if (!t) {
		p->refused = -EAGAIN;
		if (state_move(proc, ABI_PROC_GO, ABI_PROC_REFUSED))
			process_bell(proc);
		return;
	}
	t->tid = proc->pid;
	if (proc->forked) {
		fork_go(proc, t);
	} else {
		t->signals.blocked = p->sig_blocked;
		exec_regs(thread_regs(t), &p->exec);
		spin_lock(&proc->lock);
		itimer_inherit(proc, &p->alarm);
		spin_unlock(&proc->lock);
	}
	proc->user_start_tsc = rdtsc();
	/* GONE already: process_gone() ends the thread as any other. */
	bool runs = state_move(proc, ABI_PROC_GO, ABI_PROC_RUNNING);

	sched_start(t);
	/* A signal or a stop that came right behind GO had the same event. */
	if (runs)
		process_running(proc);
}

/* No thread is left that could load these tables again. */
static void mm_unload(struct mm *mm)
{
	WRITE_ONCE(mm->dying, true);
	for (u32 i = 0; i < ncores; i++) {
		/* Ourselves: in the idle loop, or on the way out to another process's program.
		 */
		if (&cores[i] == this_core() && cores[i].mm == mm)
			mm_load(NULL);
		/* A core that idles on these tables leaves them when it is kicked (host_poll).
		 */
		while (READ_ONCE(cores[i].mm) == mm) {
			core_kick(&cores[i]);
			cpu_pause();
		}
	}
}

/* An answer that came and that nobody has read may have given references to the window. */
static void mbox_clear(const struct process *proc, struct abi_mbox *mbox)
{
	const struct abi_window_answer *a = (const void *)mbox->arg;

	if (load_acquire(&mbox->state) == ABI_MBOX_DONE && !mbox->ret &&
		(mbox->nr == ABI_CALL_MAP_FILE || mbox->nr == ABI_CALL_WINDOW_GROW ||
			mbox->nr == ABI_CALL_SHMAT))
		pmem_free_window(a->gpa, a->len, 0, proc->index, proc->share->log_head);
	/* A copy that it died in holds nobody's memory any more. */
	machine.share->peer[mbox - machine.share->mbox] = 0;
	store_release(&mbox->state, ABI_MBOX_IDLE);
}

/* GONE, and no thread left: everything goes back, the index is free. */
static void process_reap(struct process *proc)
{
	struct abi_share *share = machine.share;

	proc->live = false;
	if (proc->mm)
		mm_unload(proc->mm);
	mm_destroy(proc);
	trace_close(proc);
	fork_drop(proc);
	itimers_end(proc);
	for (u32 i = proc->slot_first; i < proc->slot_end; i++)
		if (share->mbox[i].proc == proc->index && share->mbox[i].state != ABI_MBOX_IDLE)
			mbox_clear(proc, &share->mbox[i]);
	/* Nobody is left to apply it: the next process begins with an empty log. */
	store_release(&proc->share->log_applied, proc->share->log_head);
	store_release(&proc->share->state, ABI_PROC_FREE);
}

static void process_gone(struct process *proc)
{
	if (!proc->live) {
		store_release(&proc->share->state, ABI_PROC_FREE);
		return;
	}
	process_exit(proc, SIGKILL);
	spin_lock(&proc->lock);
	bool empty = !proc->nthreads;

	/* Also those who waited for the proxy's answer whatever happened. */
	process_kick(proc);
	spin_unlock(&proc->lock);
	if (empty)
		process_reap(proc);
}

void process_event(u32 index)
{
	struct process *proc = &processes[index];

	proc->index = index;
	proc->share = &machine.share->proc[index];
	switch (load_acquire(&proc->share->state)) {
	case ABI_PROC_EXEC:
		process_map(proc);
		break;
	case ABI_PROC_GO:
		process_go(proc);
		break;
	case ABI_PROC_RUNNING:
		process_running(proc);
		break;
	case ABI_PROC_GONE:
		process_gone(proc);
		break;
	default:
		break;
	}
}

void process_kick(struct process *proc)
{
	for (struct thread *t = proc->threads; t; t = t->next) {
		sched_wake(t);
		core_kick(t->core);
	}
}

void process_exit(struct process *proc, u32 wait_status)
{
	spin_lock(&proc->lock);
	if (!proc->exiting) {
		proc->exit_wait = wait_status;
		WRITE_ONCE(proc->exiting, true);
		process_kick(proc);
	}
	spin_unlock(&proc->lock);
}

void process_finished(struct process *proc)
{
	children_ended(proc);
	proc->share->exit_wait = proc->exit_wait;
	if (state_move(proc, ABI_PROC_RUNNING, ABI_PROC_EXITED)) {
		process_bell(proc);
		return;
	}
	/* GONE: its proxy died first. Core 0 reaps when this thread has left its stack. */
	__atomic_or_fetch(
		&machine.share->core[0].events, 1ULL << proc->index, __ATOMIC_SEQ_CST);
	core_kick(&cores[0]);
}
