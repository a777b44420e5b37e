/* SPDX-License-Identifier: MIT */
/*
 * The gate, a word a service thread:
 *
 *   OUT -> IN        service, before it looks at cancel_seq
 *   IN -> OUT        service, after the call: nobody has sent, and nobody can any more
 *   IN -> SENDING    helper: from here on the service cannot leave the call
 *   SENDING -> IN    helper: the mark was for another call, or the signal could not be sent
 *   SENDING -> SENT  helper: tgkill() has returned, the signal is in the thread's queue
 *   SENT -> OUT      service, once its handler has run (hit): the signal is used up
 *
 * Nothing is lost: the LWK stores cancel_seq before it sets the bit that the helper takes. If
 * the helper finds the gate OUT, its operation on the gate comes before the service's OUT ->
 * IN, so the service, which loads cancel_seq after that (both sequentially consistent), sees
 * the mark. If it finds it IN, it sends; the handler's mark (hit) or its move of the
 * instruction pointer stops the call if it has not begun. Nothing comes late: a call for which
 * the gate has left IN does not end before its signal was delivered.
 */
#include "vmm/proxy/interrupt.h"

#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "vmm/proxy/call.h"

_Static_assert(ABI_NOT_BEGUN == -513, "call.S has the number");

static __thread struct interrupt *current;
static int own_pid;

static void on_interrupt(int signo, siginfo_t *info, void *context)
{
	greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t rip = (uintptr_t)reg[REG_RIP];

	/* Only what interrupt_send() sent: the same signal from elsewhere is nobody's. */
	if (!current || info->si_code != SI_TKILL || info->si_pid != own_pid)
		return;
	__atomic_store_n(&current->hit, 1, __ATOMIC_RELAXED);
	if (rip >= (uintptr_t)call_begin && rip < (uintptr_t)call_end)
		reg[REG_RIP] = (greg_t)(uintptr_t)call_cancelled;
}

void interrupt_install(void)
{
	/* The kernel's own structure: glibc's sigaction() refuses the signals that it reserves.
	 */
	struct {
		void (*handler)(int, siginfo_t *, void *);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} action = {
		.handler = on_interrupt,
		.flags = SA_SIGINFO | 0x04000000 /* SA_RESTORER */,
		.restorer = call_restorer,
		.mask = ~0ULL,
	};

	own_pid = getpid();
	syscall(SYS_rt_sigaction, INTERRUPT_SIGNAL, &action, NULL, sizeof(action.mask));
}

void interrupt_attach(struct interrupt *it)
{
	if (it)
		it->tid = (int32_t)syscall(SYS_gettid);
	current = it;
}

static void leave(struct interrupt *it)
{
	for (;;) {
		uint32_t gate = INTERRUPT_IN;

		if (__atomic_compare_exchange_n(&it->gate, &gate, INTERRUPT_OUT, false,
			    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return;
		if (gate == INTERRUPT_SENT && __atomic_load_n(&it->hit, __ATOMIC_RELAXED))
			break;
		sched_yield();
	}
	it->hit = 0;
	__atomic_store_n(&it->gate, INTERRUPT_OUT, __ATOMIC_SEQ_CST);
}

int64_t interrupt_call(struct interrupt *it, const struct abi_mbox *mbox, const uint64_t arg[6])
{
	int64_t ret;

	__atomic_store_n(&it->gate, INTERRUPT_IN, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&mbox->cancel_seq, __ATOMIC_SEQ_CST) == mbox->seq)
		ret = ABI_NOT_BEGUN;
	else
		ret = call_make(&it->hit, arg, mbox->nr);
	leave(it);
	return ret;
}

bool interrupt_send(struct interrupt *it, const struct abi_mbox *mbox)
{
	uint32_t gate = INTERRUPT_IN;
	bool sent = true;

	if (!__atomic_compare_exchange_n(&it->gate, &gate, INTERRUPT_SENDING, false,
		    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return true;
	/* The request cannot change now: its answer waits for the gate. */
	if (__atomic_load_n(&mbox->cancel_seq, __ATOMIC_ACQUIRE) == mbox->seq) {
		sent = !syscall(SYS_tgkill, own_pid, it->tid, INTERRUPT_SIGNAL);
		gate = sent ? INTERRUPT_SENT : INTERRUPT_IN;
	}
	__atomic_store_n(&it->gate, gate, __ATOMIC_SEQ_CST);
	return sent;
}
