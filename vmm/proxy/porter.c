/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/porter.h"

#include <errno.h>
#include <unistd.h>

#include "vmm/proxy/futex.h"
#include "vmm/proxy/state.h"
#include "vmm/proxy/thread.h"

static void irq_write(const struct porter *porter, unsigned core)
{
	uint64_t one = 1;

	/* Cannot fail but by our own bug, nor block: KVM takes the count at once. */
	if (write(porter->irq_fd[core], &one, sizeof(one)) != sizeof(one))
		__builtin_trap();
}

/*
 * Has the core to be interrupted for bits that the caller has just set? We: bits, fence,
 * need_irq. The LWK: need_irq, fence, bits. One of the two sees the other's store. irq_sent:
 * whoever turns it from 0 to 1 sends; the LWK clears it (with a fence) before it takes bits, so
 * bits set by one who found it 1 are seen by the handler that is still to come.
 */
static bool irq_wanted(struct abi_core *core)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&core->need_irq, __ATOMIC_RELAXED) &&
	       !__atomic_exchange_n(&core->irq_sent, 1, __ATOMIC_SEQ_CST);
}

void porter_done(struct porter *porter, uint32_t core, uint32_t slot)
{
	struct abi_core *c = &porter->share->core[core % ABI_MAX_CORES];

	/* Release, in this order: who takes a word's bit finds the slot's, who takes that finds
	 * the answer. */
	__atomic_fetch_or(&c->done[slot / 64], 1ULL << (slot % 64), __ATOMIC_RELEASE);
	__atomic_fetch_or(&c->done_words, 1ULL << (slot / 64), __ATOMIC_RELEASE);
	if (!irq_wanted(c))
		return;
	__atomic_fetch_or(&porter->irq, 1ULL << (core % ABI_MAX_CORES), __ATOMIC_SEQ_CST);
	futex_rouse(&porter->asleep);
}

void porter_event(struct porter *porter)
{
	struct abi_core *c = &porter->share->core[0];

	__atomic_fetch_or(&c->events, 1ULL << porter->index, __ATOMIC_RELEASE);
	if (irq_wanted(c))
		irq_write(porter, 0);
}

void porter_log(struct porter *porter, uint64_t pos)
{
	uint64_t want = __atomic_load_n(&porter->log_pos, __ATOMIC_RELAXED);

	while (want < pos && !__atomic_compare_exchange_n(&porter->log_pos, &want, pos, true,
				     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	futex_rouse(&porter->asleep);
	maplog_wait(porter->log, pos);
}

void porter_leave(struct porter *porter, bool leaves)
{
	uint32_t left;

	__atomic_store_n(
		&porter->leave, leaves ? PORTER_LEAVES : PORTER_STAYS, __ATOMIC_SEQ_CST);
	futex_rouse(&porter->asleep);
	while ((left = __atomic_load_n(&porter->leave, __ATOMIC_ACQUIRE)) != PORTER_TOLD)
		futex_wait(&porter->leave, left);
}

static bool leave_tell(struct porter *porter)
{
	uint32_t leave = __atomic_load_n(&porter->leave, __ATOMIC_SEQ_CST);

	if (leave == PORTER_TOLD)
		return false;
	/* Should the VMM be gone, the helper sees that. */
	mail_leave(porter->sock, leave == PORTER_LEAVES);
	__atomic_store_n(&porter->leave, PORTER_TOLD, __ATOMIC_RELEASE);
	futex_wake(&porter->leave, 1);
	return true;
}

/* True if there was something to do. */
static bool porter_work(struct porter *porter)
{
	uint64_t pos = __atomic_load_n(&porter->log_pos, __ATOMIC_SEQ_CST);
	uint64_t cores = 0;
	struct problem problem = {0};
	int err;

	if (__atomic_load_n(&porter->irq, __ATOMIC_SEQ_CST))
		cores = __atomic_exchange_n(&porter->irq, 0, __ATOMIC_SEQ_CST);
	for (uint64_t left = cores; left; left &= left - 1)
		irq_write(porter, (unsigned)__builtin_ctzll(left));

	if (leave_tell(porter))
		return true;
	if (maplog_reached(porter->log, pos))
		return cores != 0;
	err = maplog_apply(porter->log, pos, &problem);
	/* -ESHUTDOWN: the program has ended, nobody needs the porter any more. */
	if (err == -ESHUTDOWN)
		for (;;)
			pause();
	if (err)
		crew_leave_problem(porter->crew, &problem);
	return true;
}

static void *porter_main(void *arg)
{
	struct porter *porter = arg;

	for (;;) {
		if (porter_work(porter))
			continue;
		futex_doze(&porter->asleep);
		if (!porter_work(porter))
			futex_wait(&porter->asleep, 1);
	}
	return NULL;
}

int porter_start(struct porter *porter, struct problem *problem)
{
	return thread_start(porter_main, porter, problem);
}
