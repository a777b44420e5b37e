/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/crew.h"

#include <errno.h>
#include <unistd.h>

#include "vmm/base/affinity.h"
#include "vmm/proxy/copy.h"
#include "vmm/proxy/futex.h"
#include "vmm/proxy/maplog.h"
#include "vmm/proxy/thread.h"

/* Off the guest's cores; a thread's children inherit it. The leader alone tells of a failure.
 */
static int place(const struct crew *crew, struct problem *problem)
{
	int err = crew->ncores ? affinity_set(crew->cores, crew->ncores, problem) : 0;

	return err == -EIO ? 0
			   : err; /* a job's cpuset left some of them out: the rest will do */
}

static void *service_main(void *arg)
{
	service_run(arg);
}

static bool wanted_take(struct crew *crew, uint32_t *slot)
{
	for (unsigned w = 0; w < ABI_SLOT_WORDS; w++) {
		uint64_t bits = __atomic_load_n(&crew->wanted[w], __ATOMIC_SEQ_CST);

		if (!bits)
			continue;
		*slot = w * 64 + (unsigned)__builtin_ctzll(bits);
		__atomic_fetch_and(&crew->wanted[w], ~(bits & -bits), __ATOMIC_SEQ_CST);
		return true;
	}
	return false;
}

static bool leaving(const struct crew *crew)
{
	return __atomic_load_n(&crew->leaving, __ATOMIC_SEQ_CST) == 2;
}

/* True if there was something to do. */
static bool spawner_work(struct crew *crew, bool *placed)
{
	struct outcome outcome = {0};
	uint32_t slot;

	if (leaving(crew))
		outcome_leave(&crew->outcome);
	if (!wanted_take(crew, &slot))
		return false;
	if (!*placed)
		place(crew, &(struct problem){0});
	*placed = true;
	if (thread_start(service_main, &crew->service[slot], &outcome.problem))
		outcome_leave(&outcome);
	return true;
}

static void *spawner_main(void *arg)
{
	struct crew *crew = arg;
	bool placed = false;

	for (;;) {
		if (spawner_work(crew, &placed))
			continue;
		futex_doze(&crew->asleep);
		if (!spawner_work(crew, &placed))
			futex_wait(&crew->asleep, 1);
	}
	return NULL;
}

int crew_start(struct crew *crew, struct problem *problem)
{
	return thread_start(spawner_main, crew, problem);
}

void crew_lead(struct crew *crew)
{
	struct problem problem = {0};
	uint32_t slot;

	while (!(slot = __atomic_load_n(&crew->leader_slot, __ATOMIC_ACQUIRE)))
		futex_wait(&crew->leader_slot, 0);
	if (place(crew, &problem))
		note_print("%s", problem.text);
	service_run(&crew->service[slot - 1]);
}

static void service_make(struct crew *crew, struct service *service)
{
	service->made = true;
	/* The main thread's id is the process's; its first call is the only one to find no
	 * leader chosen. */
	if (service->mbox->tid == (uint32_t)getpid() &&
		!__atomic_load_n(&crew->leader_slot, __ATOMIC_RELAXED)) {
		__atomic_store_n(&crew->leader_slot, service->slot + 1, __ATOMIC_RELEASE);
		futex_wake(&crew->leader_slot, 1);
		return;
	}
	__atomic_fetch_or(&crew->wanted[service->slot / 64], 1ULL << (service->slot % 64),
		__ATOMIC_SEQ_CST);
	futex_rouse(&crew->asleep);
}

void crew_request(struct crew *crew, uint32_t slot)
{
	struct service *service = &crew->service[slot];
	struct problem problem = {0};

	if (!service->made) {
		service->common = &crew->common;
		service->mbox = &crew->common.share->mbox[slot];
		service->slot = slot;
	}
	if (!service_wanted(service))
		return; /* it polled, and is at it already */
	/* The helper is awake anyway, and may map: this saves the service a way to the porter.
	 */
	if (maplog_apply(crew->common.log, service->mbox->log_pos, &problem))
		crew_leave_problem(crew, &problem);
	if (service->made)
		service_wake(service);
	else
		service_make(crew, service);
}

bool crew_cancel(struct crew *crew, uint32_t slot)
{
	struct service *service = &crew->service[slot];

	/* Without a service nothing has begun: its service will see the mark. */
	return !service->made || interrupt_send(&service->interrupt, service->mbox);
}

void crew_leave(struct crew *crew, const struct outcome *outcome)
{
	uint32_t nobody = 0;

	if (crew->news)
		copy_lost(crew->news);
	if (__atomic_compare_exchange_n(
		    &crew->leaving, &nobody, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		crew->outcome = *outcome;
		__atomic_store_n(&crew->leaving, 2, __ATOMIC_SEQ_CST);
		futex_rouse(&crew->asleep);
	}
	for (;;)
		pause();
}

void crew_leave_problem(struct crew *crew, const struct problem *problem)
{
	struct outcome outcome = {.problem = *problem};

	crew_leave(crew, &outcome);
}
