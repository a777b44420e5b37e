/* SPDX-License-Identifier: MIT */
#include "vmm/janitor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define RETRY_MIN_MS 1
#define RETRY_MAX_MS 16
#define STACK_SIZE   (128u << 10)

void janitor_init(struct janitor *j, struct abi_share *share, const struct gpa_map *map,
	struct window *window, const int *bell_fd)
{
	j->share = share;
	j->map = map;
	j->window = window;
	j->bell_fd = bell_fd;
}

static void ring(int fd)
{
	uint64_t one = 1;

	/* EAGAIN: the counter is full, so the bell has long been rung. */
	if (write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		note_print("janitor: eventfd says %s", strerror(errno));
}

static bool in_window(const struct janitor *j, const struct abi_reclaim_rec *rec)
{
	return j->window && window_has(j->window, rec->gpa, rec->len);
}

/* References that are added count at once: see abi/share.h, the window. */
static bool hold(struct janitor *j, const struct abi_reclaim_rec *rec)
{
	return j->window && !window_dup(j->window, rec->gpa, rec->len);
}

/* Copies new records from the ring. The copy is checked, the ring is not looked at again. */
static void take(struct janitor *j)
{
	struct abi_ring *reclaim = &j->share->reclaim;
	uint64_t head = __atomic_load_n(&reclaim->head, __ATOMIC_ACQUIRE);

	if (j->corrupt)
		return;
	if (head - j->taken > ABI_RECLAIM_RECORDS) {
		j->corrupt = true;
		note_print("janitor: the guest kernel's reclaim ring makes no sense: no more "
			   "memory is "
			   "recycled");
		return;
	}
	while (j->taken != head && j->npending < JANITOR_PENDING) {
		struct abi_reclaim_rec rec = reclaim->rec[j->taken % ABI_RECLAIM_RECORDS];

		j->taken++;
		if (rec.op == ABI_RECLAIM_HOLD) {
			j->rejected += !hold(j, &rec);
			continue;
		}
		if (rec.op != ABI_RECLAIM_FREE || rec.proc >= ABI_MAX_PROCS ||
			!(in_window(j, &rec) || gpa_is_memory(j->map, gpa(rec.gpa), rec.len))) {
			j->rejected++;
			continue;
		}
		atomic_fetch_add(&j->owed[rec.proc], 1);
		if (in_window(j, &rec))
			atomic_fetch_add(&j->window->owed, 1);
		j->pending[j->npending++] = rec;
	}
	__atomic_store_n(&reclaim->tail, j->taken, __ATOMIC_RELEASE);
}

/* A dead process's proxy is gone with its mappings and calls (server.c sets GONE only then). */
static bool proxy_gone(const struct abi_proc *proc)
{
	uint32_t state = __atomic_load_n(&proc->state, __ATOMIC_ACQUIRE);

	return state == ABI_PROC_GONE || state == ABI_PROC_FREE;
}

/*
 * A call that began before the block was unmapped may still touch it. A mailbox that changes
 * while we look belongs to a later request, which finds the block unmapped.
 */
static bool call_in_flight(const struct janitor *j, const struct abi_reclaim_rec *rec)
{
	for (unsigned i = 0; i < ABI_MAX_THREADS; i++) {
		const struct abi_mbox *mbox = &j->share->mbox[i];
		uint32_t state = __atomic_load_n(&mbox->state, __ATOMIC_ACQUIRE);

		if (state != ABI_MBOX_REQUEST && state != ABI_MBOX_RUNNING)
			continue;
		if (mbox->proc == rec->proc && mbox->log_pos < rec->pos &&
			mbox->buf_lo < rec->va + rec->len && rec->va < mbox->buf_hi)
			return true;
	}
	return false;
}

/*
 * The same for a call of another process that copies from or to this one's memory. A request
 * made later finds the block unmapped here as well; one that is only being prepared may itself
 * wait for the memory.
 */
static bool peer_in_flight(const struct janitor *j, const struct abi_reclaim_rec *rec)
{
	for (unsigned i = 0; i < ABI_MAX_THREADS; i++) {
		uint32_t state = __atomic_load_n(&j->share->mbox[i].state, __ATOMIC_ACQUIRE);
		uint64_t peer = __atomic_load_n(&j->share->peer[i], __ATOMIC_RELAXED);

		if (state != ABI_MBOX_REQUEST && state != ABI_MBOX_RUNNING)
			continue;
		if (peer && ABI_PEER_PROC(peer) == rec->proc && ABI_PEER_POS(peer) < rec->pos)
			return true;
	}
	return false;
}

static void nudge(struct janitor *j, unsigned proc)
{
	__atomic_store_n(&j->share->proc[proc].want_ack, 1, __ATOMIC_RELEASE);
	ring(j->bell_fd[ABI_BELL_PROC(proc)]);
	j->nudges++;
}

/* Whether the record may be given back. Applied first, then the calls: see call_in_flight. */
static bool is_free(struct janitor *j, const struct abi_reclaim_rec *rec, uint64_t *nudged)
{
	struct abi_proc *proc = &j->share->proc[rec->proc];

	if (proxy_gone(proc))
		return !peer_in_flight(j, rec);
	if (__atomic_load_n(&proc->log_applied, __ATOMIC_ACQUIRE) < rec->pos) {
		if (!(*nudged >> rec->proc & 1))
			nudge(j, rec->proc);
		*nudged |= 1ULL << rec->proc;
		return false;
	}
	return !call_in_flight(j, rec) && !peer_in_flight(j, rec);
}

/*
 * In pieces: who waits for memory has the first while the rest is zeroed, and an end of the
 * janitor does not wait for tens of GiB. True when all of it is given, else the record is what
 * is left.
 */
static bool give_ram(struct janitor *j, struct abi_reclaim_rec *rec)
{
	struct abi_ring *clean = &j->share->clean;

	while (rec->len) {
		uint64_t tail = __atomic_load_n(&clean->tail, __ATOMIC_ACQUIRE);
		struct abi_reclaim_rec *to = &clean->rec[j->given % ABI_RECLAIM_RECORDS];
		uint64_t len = rec->len < JANITOR_PIECE ? rec->len : JANITOR_PIECE;

		if (j->given - tail >= ABI_RECLAIM_RECORDS || atomic_load(&j->stop) ||
			gpa_zero(j->map, gpa(rec->gpa), len))
			return false;
		*to = *rec;
		to->len = len;
		__atomic_store_n(&clean->head, ++j->given, __ATOMIC_RELEASE);
		rec->gpa += len;
		rec->va += len;
		rec->len -= len;
		j->bytes += len;
	}
	j->blocks++;
	return true;
}

static bool give(struct janitor *j, struct abi_reclaim_rec *rec)
{
	if (in_window(j, rec)) {
		window_put(j->window, rec->gpa, rec->len);
		/* After that: the window's thread sees one of the two. */
		atomic_fetch_sub(&j->window->owed, 1);
		return true;
	}
	return give_ram(j, rec);
}

unsigned janitor_step(struct janitor *j)
{
	uint64_t nudged = 0;
	unsigned kept = 0;

	take(j);
	for (unsigned i = 0; i < j->npending; i++) {
		struct abi_reclaim_rec *rec = &j->pending[i];

		if (!atomic_load(&j->stop) && is_free(j, rec, &nudged) && give(j, rec))
			atomic_fetch_sub(&j->owed[rec->proc], 1);
		else
			j->pending[kept++] = *rec;
	}
	j->npending = kept;
	j->waits += kept != 0;
	return kept;
}

bool janitor_owes(struct janitor *j, unsigned proc)
{
	const struct abi_ring *reclaim = &j->share->reclaim;

	return __atomic_load_n(&reclaim->head, __ATOMIC_ACQUIRE) !=
		       __atomic_load_n(&reclaim->tail, __ATOMIC_ACQUIRE) ||
	       atomic_load(&j->owed[proc]);
}

/* Says that the bell is wanted; true if something came in meanwhile. */
static bool idle_announce(struct janitor *j)
{
	__atomic_store_n(&j->share->janitor_idle, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !j->corrupt &&
	       __atomic_load_n(&j->share->reclaim.head, __ATOMIC_ACQUIRE) != j->taken;
}

static void *janitor_main(void *arg)
{
	struct janitor *j = arg;
	struct pollfd bell = {.fd = j->bell_fd[ABI_BELL_VMM], .events = POLLIN};
	int wait_ms = RETRY_MIN_MS;
	uint64_t count;

	while (!atomic_load(&j->stop)) {
		uint64_t before = j->taken;
		unsigned pending = janitor_step(j);

		/* With the pending list full, what is left in the ring waits for the timer too.
		 */
		if (idle_announce(j) && j->npending < JANITOR_PENDING)
			continue;
		if (pending && j->taken == before)
			wait_ms = wait_ms < RETRY_MAX_MS ? wait_ms * 2 : RETRY_MAX_MS;
		else
			wait_ms = RETRY_MIN_MS;
		if (poll(&bell, 1, pending ? wait_ms : -1) > 0 &&
			read(bell.fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
			break;
	}
	return NULL;
}

int janitor_start(struct janitor *j, struct problem *problem)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	/* The creating thread runs on the helper cores by now; its threads inherit them. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	err = -pthread_create(&j->thread, &attr, janitor_main, j);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	j->started = !err;
	if (err)
		return problem_set(problem, err, EXIT_LWVMM_FAILED,
			"janitor: no thread could be made (%s): raise `ulimit -u`",
			strerror(-err));
	return 0;
}

void janitor_stop(struct janitor *j)
{
	if (!j->started)
		return;
	atomic_store(&j->stop, true);
	ring(j->bell_fd[ABI_BELL_VMM]);
	pthread_join(j->thread, NULL);
	j->started = false;
}
