/* SPDX-License-Identifier: MIT */
/*
 * The mapping log (abi/share.h). It is appended to under mm.lock, where nobody may sleep: so
 * there is to be room before an operation begins. Who may append many records looks for it
 * (log_room), piece by piece; whoever has appended to a log that is half full is held on the
 * way back to the program (log_catch_up). Both wait asleep and without a lock until the proxy
 * has caught up. A proxy that is stopped can hold its own process in this way, but no core.
 */
#include "guest-lwk/clock.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sys.h"

/*
 * From the first on the proxy is asked to apply, and a piece of LOG_PIECE records begins below
 * it only; from the second on threads wait. What is left above that is for what the others have
 * under way: touches and small mappings, of a record or two each.
 */
#define LOG_ASK  (ABI_LOG_RECORDS / 4)
#define LOG_HOLD (ABI_LOG_RECORDS / 2)
#define LOOK_NS  1000000

_Static_assert(LOG_ASK + LOG_PIECE <= ABI_LOG_RECORDS * 3 / 4, "room for others");

static u64 log_used(const struct abi_proc *p)
{
	return READ_ONCE(p->log_head) - load_acquire(&p->log_applied);
}

static void log_ask(const struct process *proc)
{
	WRITE_ONCE(proc->share->want_ack, 1);
	fence_full();
	process_bell(proc);
}

static bool log_read(const struct abi_proc *p)
{
	return READ_ONCE(p->state) != ABI_PROC_GONE;
}

/*
 * The last resort, on a core that nobody else gets meanwhile: until the proxy has applied a
 * record or is gone (a proxy that is stopped can be killed, or continued). It takes the one
 * operation that cannot be done in parts, mremap() that moves more than a GiB of memory that is
 * scattered in 2 MiB blocks (MM_AT_ONCE), or hundreds of threads that touch their first memory
 * at once; and either while the proxy does nothing.
 */
static void log_make_room(const struct process *proc)
{
	const struct abi_proc *p = proc->share;

	log_ask(proc);
	while (log_used(p) == ABI_LOG_RECORDS && log_read(p))
		cpu_pause();
}

/* Back to the program by way of log_catch_up(): signals.work is what user_return() looks at. */
static void log_hold(const struct process *proc)
{
	struct thread *t = current_thread();

	/* Core 0 also maps and reaps for others. */
	if (t->proc != proc)
		return;
	t->log_behind = true;
	WRITE_ONCE(t->signals.work, true);
}

u64 log_append(struct process *proc, u32 op, u64 va, u64 len, u64 gpa)
{
	struct abi_proc *p = proc->share;
	u64 pos = p->log_head, used = log_used(p);

	/* If the proxy is gone nobody reads the log any more. */
	if (used == ABI_LOG_RECORDS)
		log_make_room(proc);
	machine.share->log[proc->index][pos % ABI_LOG_RECORDS] =
		(struct abi_log_rec){.va = va, .len = len, .gpa = gpa, .op = op};
	store_release(&p->log_head, pos + 1);
	/* It grows by one at a time: it cannot pass this number unseen. */
	if (used == LOG_ASK)
		log_ask(proc);
	if (used >= LOG_HOLD)
		log_hold(proc);
	return pos + 1;
}

void log_catch_up(struct thread *t)
{
	const struct process *proc = t->proc;

	t->log_behind = false;
	log_ask(proc);
	/* A signal ends the wait: what it has the program do is held in its turn. */
	while (log_used(proc->share) >= LOG_ASK && log_read(proc->share) &&
		!sleep_for(ABI_CLOCK_MONOTONIC, LOOK_NS, 0))
		;
}

/* Nobody sees the end of what a thread does whose process is exiting: it does not wait. */
static bool log_short(const struct process *proc)
{
	return log_used(proc->share) >= LOG_ASK && log_read(proc->share) &&
	       !READ_ONCE(proc->exiting);
}

bool log_room(struct process *proc)
{
	if (likely(!log_short(proc)) || current_thread()->proc != proc)
		return false;
	spin_unlock(&proc->mm->lock);
	log_ask(proc);
	/* Signals wait: the operation has begun, and cannot be taken back. */
	do
		sleep_deaf(LOOK_NS);
	while (log_short(proc));
	spin_lock(&proc->mm->lock);
	return true;
}

s64 log_wait_peer(const struct process *peer)
{
	while (log_used(peer->share) >= LOG_HOLD && log_read(peer->share)) {
		log_ask(peer);
		if (sleep_for(ABI_CLOCK_MONOTONIC, LOOK_NS, 0))
			return -ERESTARTNOINTR;
	}
	return 0;
}

bool log_drains(const struct process *proc)
{
	const struct abi_proc *p = proc->share;
	u64 until = rdtsc() + machine.tsc_hz;

	if (likely(log_used(p) < LOG_HOLD))
		return true;
	log_ask(proc);
	while (log_used(p) >= LOG_HOLD && log_read(p) && rdtsc() < until)
		cpu_pause();
	return log_used(p) < LOG_HOLD || !log_read(p);
}
