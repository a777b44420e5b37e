/* SPDX-License-Identifier: MIT */
/* What the LWK wants when it rings: calls, interruptions, acknowledgements, a stop, a step of
 * life. */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/proxy/state.h"

/*
 * Takes all bits of a two-level set. The LWK sets the slot's bit, then the word's: taking in
 * the other order leaves nothing behind, at worst a word's bit without a slot's.
 */
static void bits_each(uint64_t *words, uint64_t *set, struct proxy *p,
	void (*each)(struct proxy *p, uint32_t slot))
{
	uint64_t left;

	if (!__atomic_load_n(words, __ATOMIC_RELAXED))
		return;
	for (left = __atomic_exchange_n(words, 0, __ATOMIC_SEQ_CST); left; left &= left - 1) {
		unsigned w = (unsigned)__builtin_ctzll(left) % ABI_SLOT_WORDS;
		uint64_t bits = __atomic_exchange_n(&set[w], 0, __ATOMIC_SEQ_CST);

		for (; bits; bits &= bits - 1)
			each(p, w * 64 + (unsigned)__builtin_ctzll(bits));
	}
}

static void call_each(struct proxy *p, uint32_t slot)
{
	crew_request(&p->crew, slot);
}

static void cancel_each(struct proxy *p, uint32_t slot)
{
	if (crew_cancel(&p->crew, slot))
		return;
	__atomic_fetch_or(&p->proc->cancel[slot / 64], 1ULL << (slot % 64), __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&p->proc->cancel_words, 1ULL << (slot / 64), __ATOMIC_SEQ_CST);
	p->cancel_again = true;
}

/*
 * The program has stopped itself: so do we, for the shell to see. Goes on after SIGCONT. By the
 * signal itself and its default action: SIGTSTP and the like do nothing in an orphaned process
 * group, where nobody could continue us.
 */
static void stop(struct proxy *p)
{
	int signo = (int)__atomic_load_n(&p->proc->stop_signal, __ATOMIC_ACQUIRE);
	sigset_t set;

	if (!signo)
		return;
	sigemptyset(&set);
	sigaddset(&set, signo);
	/* To this very thread, so that it does not go on before the stop. */
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signo);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	__atomic_store_n(&p->proc->stop_signal, 0, __ATOMIC_RELEASE);
	porter_event(&p->porter);
}

static void state_set(struct proxy *p, uint32_t state)
{
	/* Release: what belongs to the state was written before. */
	__atomic_store_n(&p->proc->state, state, __ATOMIC_RELEASE);
	porter_event(&p->porter);
}

/* The program's memory is there: fill it and let it go. */
static void start(struct proxy *p)
{
	struct problem problem = {0};
	uint64_t head = __atomic_load_n(&p->proc->log_head, __ATOMIC_ACQUIRE);

	if (maplog_apply(&p->log, head, &problem) ||
		trace_start(&p->trace, p->share, p->proc->trace_gpa, &p->log, &problem) ||
		load_fill(&p->load, &p->proc->exec, &problem))
		crew_leave_problem(&p->crew, &problem);
	close(p->job->program->fd);
	/* Until here a signal ended the proxy, as it would end a program that has not begun. */
	if (relay_open(&p->relay) < 0) {
		problem_set(&problem, -EMFILE, EXIT_LWVMM_FAILED,
			"proxy: no descriptor for signals: raise ulimit -n");
		crew_leave_problem(&p->crew, &problem);
	}
	p->phase = PHASE_RUN;
	state_set(p, ABI_PROC_GO);
}

static void life(struct proxy *p)
{
	uint32_t state = __atomic_load_n(&p->proc->state, __ATOMIC_ACQUIRE);
	struct problem problem = {0};

	if (state == ABI_PROC_MAPPED && p->phase == PHASE_EXEC) {
		start(p);
	} else if (state == ABI_PROC_REFUSED) {
		load_refused(&p->load, p->proc->refused, &problem);
		crew_leave_problem(&p->crew, &problem);
	} else if (state == ABI_PROC_EXITED && p->phase != PHASE_PART) {
		p->outcome.wait_status = p->proc->exit_wait;
		trace_end(&p->trace, &p->outcome.wait_status);
		helper_part(p);
		/* Should the VMM be gone already, the end of file tells. */
		mail_end(p->job->sock, p->outcome.wait_status);
	}
}

void bell_answer(struct proxy *p)
{
	struct problem problem = {0};

	bits_each(&p->proc->bell_words, p->proc->bell, p, call_each);
	p->cancel_again = false;
	bits_each(&p->proc->cancel_words, p->proc->cancel, p, cancel_each);
	if (maplog_ack(&p->log, &problem))
		crew_leave_problem(&p->crew, &problem);
	stop(p);
	life(p);
}
