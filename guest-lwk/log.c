/* SPDX-License-Identifier: MIT */
/*
 * The mapping log (abi/share.h). It is appended to under mm.lock, where nobody may sleep: so a
 * thread whose log is filling up is held on its way back to the program, without a lock and
 * asleep, until its proxy has caught up. A proxy that is stopped can hold its own process in
 * this way, but no core.
 */
#include "guest-lwk/clock.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sys.h"

/*
 * From the first on the proxy is asked to apply, from the second on threads wait. What is left
 * above it is for the operations that are under way: one on each core, of a record or two each
 * as a rule.
 */
#define LOG_ASK  (ABI_LOG_RECORDS / 2)
#define LOG_HOLD (ABI_LOG_RECORDS * 3 / 4)
#define LOOK_NS  1000000

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
 * Only one operation of very many records, which memory in pieces makes of hundreds of MiB, can
 * come here, and only wait long if its proxy is stopped just then.
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
