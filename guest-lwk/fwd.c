/* SPDX-License-Identifier: MIT */
#include "guest-lwk/fwd.h"
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/vfork.h"
#include "guest-lwk/syscall.h"

static struct abi_mbox *mbox_of(const struct thread *t)
{
	return &machine.share->mbox[t->slot];
}

static void bits_set(u64 *words, u64 *summary, u32 slot)
{
	__atomic_or_fetch(&words[slot / 64], 1ULL << (slot % 64), __ATOMIC_SEQ_CST);
	__atomic_or_fetch(summary, 1ULL << (slot / 64), __ATOMIC_SEQ_CST);
}

void fwd_cancel(struct thread *t)
{
	struct abi_mbox *mbox = mbox_of(t);
	struct abi_proc *p = t->proc->share;

	/* The thread may be past its call already: then the proxy finds the request answered,
	 * and drops this. */
	WRITE_ONCE(mbox->cancel_seq, READ_ONCE(mbox->seq));
	bits_set(p->cancel, &p->cancel_words, t->slot);
	outl(ABI_PORT_BELL, ABI_BELL_PROC(t->proc->index));
}

static void request(struct thread *t, u32 nr, const u64 arg[6], u64 lo, u64 hi)
{
	struct abi_mbox *mbox = mbox_of(t);
	struct abi_proc *p = t->proc->share;

	mbox->proc = t->proc->index;
	mbox->core = t->core->index;
	mbox->nr = nr;
	mbox->tid = t->tid;
	mbox->signal = 0;
	memcpy(mbox->arg, arg, sizeof(mbox->arg));
	mbox->buf_lo = lo;
	mbox->buf_hi = hi;
	mbox->log_pos = load_acquire(&p->log_head);
	mbox->waits = 0;
	mbox->seq++;
	mbox->tsc_start = rdtsc();
	store_release(&mbox->state, ABI_MBOX_REQUEST);
	bits_set(p->bell, &p->bell_words, t->slot);
	outl(ABI_PORT_BELL, ABI_BELL_PROC(t->proc->index));
}

/*
 * The shortest answers come while we look; the core has nothing else to do. Where the proxy
 * shares it, the answer is often there already when the bell has been rung.
 */
static bool poll_done(const struct core *core, const struct abi_mbox *mbox)
{
	u64 until;

	if (load_acquire(&mbox->state) == ABI_MBOX_DONE)
		return true;
	if (!machine.poll_ns || core->runq.count)
		return false;
	until = rdtsc() + ns_to_tsc(machine.poll_ns);
	do {
		if (load_acquire(&mbox->state) == ABI_MBOX_DONE)
			return true;
		cpu_pause();
	} while (rdtsc() < until);
	return false;
}

s64 fwd_call(u32 nr, const u64 arg[6], u64 lo, u64 hi)
{
	struct thread *t = current_thread();
	struct abi_mbox *mbox = mbox_of(t);

	WRITE_ONCE(t->wait, WAIT_FORWARD);
	request(t, nr, arg, lo, hi);
	/*
	 * A signal sent before wait was set is seen here; one sent later sees wait and cancels.
	 * The bits_set() of request() are full fences between the two. Both at once cancel
	 * twice: harmless.
	 */
	if (t->signals.work && signal_pending_now())
		fwd_cancel(t);
	if (!poll_done(t->core, mbox)) {
		WRITE_ONCE(mbox->waits, 1);
		for (;;) {
			sched_prepare();
			if (load_acquire(&mbox->state) == ABI_MBOX_DONE || t->proc->exiting)
				break;
			schedule();
		}
		sched_cancel();
	}
	t->wait = WAIT_NONE;
	/* A dying process leaves its call to the proxy; the mailbox is made IDLE when that is
	 * gone. */
	if (load_acquire(&mbox->state) != ABI_MBOX_DONE)
		thread_exit(0);
	s64 ret = mbox->ret;

	/* The answer to the child is the word to its parent, which is the same thread. */
	if (unlikely(ret == ABI_VFORK_OVER) && t->vfork) {
		t->vfork->over = true;
		t->signals.work = true;
		ret = -EINTR;
	}
	store_release(&mbox->state, ABI_MBOX_IDLE);
	return ret;
}

/* True: it has been answered; false: the proxy is gone (process_gone() wakes us). */
static bool answered(const struct thread *t, struct abi_mbox *mbox)
{
	bool gone = false;

	WRITE_ONCE(mbox->waits, 1);
	/* It may have answered before it went: state of the process first. */
	for (;;) {
		sched_prepare();
		gone = load_acquire(&t->proc->share->state) == ABI_PROC_GONE;
		if (load_acquire(&mbox->state) == ABI_MBOX_DONE || gone)
			break;
		schedule();
	}
	sched_cancel();
	return load_acquire(&mbox->state) == ABI_MBOX_DONE;
}

s64 fwd_call_whole(struct fwd_whole *call)
{
	struct thread *t = current_thread();
	struct abi_mbox *mbox = mbox_of(t);
	u64 start = rdtsc();
	s64 ret = -EIO;

	WRITE_ONCE(t->wait, WAIT_WHOLE);
	/* On its way to its end a thread may have left a call (fwd_call). */
	if (load_acquire(&mbox->state) != ABI_MBOX_IDLE) {
		fwd_cancel(t);
		if (answered(t, mbox))
			store_release(&mbox->state, ABI_MBOX_IDLE);
	}
	if (load_acquire(&t->proc->share->state) != ABI_PROC_GONE) {
		request(t, call->nr, call->arg, 0, 0);
		if (poll_done(t->core, mbox) || answered(t, mbox)) {
			ret = mbox->ret;
			memcpy(call->arg, mbox->arg, sizeof(call->arg));
			store_release(&mbox->state, ABI_MBOX_IDLE);
		}
	}
	t->wait = WAIT_NONE;
	syscall_account(call->nr, ret, rdtsc() - start);
	return ret;
}

bool fwd_done(struct core *core)
{
	struct abi_core *share = core->share;
	u64 words;

	if (!READ_ONCE(share->done_words))
		return false;
	words = __atomic_exchange_n(&share->done_words, 0, __ATOMIC_SEQ_CST);
	for (; words; words &= words - 1) {
		u32 w = (u32)__builtin_ctzll(words);
		u64 bits = __atomic_exchange_n(&share->done[w], 0, __ATOMIC_SEQ_CST);

		for (; bits; bits &= bits - 1) {
			u32 slot = w * 64 + (u32)__builtin_ctzll(bits);

			/* It may have seen its answer by itself and wait for something else by
			 * now. */
			if (load_acquire(&machine.share->mbox[slot].state) == ABI_MBOX_DONE &&
				(READ_ONCE(threads[slot].wait) == WAIT_FORWARD ||
					READ_ONCE(threads[slot].wait) == WAIT_WHOLE))
				sched_wake(&threads[slot]);
		}
	}
	return true;
}
