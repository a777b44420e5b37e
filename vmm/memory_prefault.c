/* SPDX-License-Identifier: MIT */
/*
 * Touching all of the guest's memory before it runs, in parallel: each node's extents are cut
 * into chunks, and workers pinned on that node's cores (the guest's, which are idle yet, and
 * the helpers') take chunk after chunk. Errors come back as errors: populating never raises
 * SIGBUS.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/base/affinity.h"
#include "vmm/memory.h"

#define CHUNK          MIB(32)
#define WORKERS_MAX    64
#define STACK_BYTES    KIB(256)
#define COLLAPSE_TRIES 3

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

struct prefault {
	struct memory *memory;
	pthread_mutex_t lock;                    /* of the extents' tallies */
	_Atomic uint64_t next[PLAN_MAX_EXTENTS]; /* offset of the next chunk of each extent */
	atomic_int failed;                       /* the first -errno; its setter owns problem */
	struct problem *problem;
};

struct worker {
	pthread_t thread;
	struct prefault *shared;
	uint16_t core;
	uint8_t node;
};

/*
 * Shared memory gives no huge pages by itself (shmem_enabled is "never" by default), but
 * collapsing does. One small page in each 2 MiB is enough to collapse into: the kernel zeroes
 * the rest of the huge page, which costs a fifth of touching all 512 small ones first.
 */
static bool collapse(char *start, uint64_t len)
{
	for (uint64_t at = 0; at + MIB(2) <= len; at += MIB(2))
		if (madvise(start + at, KIB(4), MADV_POPULATE_WRITE) < 0)
			return false; /* the caller populates again and gets the error */
	for (int try = 0; try < COLLAPSE_TRIES; try++)
		if (madvise(start, len, MADV_COLLAPSE) == 0)
			return true;
	return false;
}

static int populate_failed(const struct plan_extent *x, int err, struct problem *problem)
{
	if (err == -EHWPOISON)
		return problem_set(problem, err, EXIT_LWVMM_FAILED,
			"node %u: a memory page has a hardware error: see the kernel log, and "
			"have the "
			"memory replaced",
			x->host_node);
	if (x->page_size > KIB(4) && !x->thp)
		return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
			"node %u: the kernel did not give all of %lu huge pages of %lu KiB: "
			"the pool of "
			"that node is too small or a cgroup limits it: see `lwvmm check`",
			x->host_node, x->size / x->page_size, x->page_size >> 10);
	return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
		"node %u: the kernel did not give all of %lu MiB: %s: use a smaller --mem or "
		"another node",
		x->host_node, x->size >> 20, strerror(-err));
}

/* Every page that was touched is looked at, by who touched it. */
static int chunk_count(struct prefault *p, struct memory_extent *e, const char *start,
	uint64_t len, uint64_t step, struct problem *problem)
{
	struct affinity_tally tally = {0};
	int rc = affinity_count(start, len, step, e->plan.host_node, &tally, problem);

	pthread_mutex_lock(&p->lock);
	e->placed.pages += tally.pages;
	e->placed.absent += tally.absent;
	e->placed.elsewhere += tally.elsewhere;
	if (tally.elsewhere)
		e->placed.stray = tally.stray;
	pthread_mutex_unlock(&p->lock);
	return rc;
}

static int chunk_populate(struct prefault *p, struct memory_extent *e, uint64_t offset,
	uint64_t len, struct problem *problem)
{
	const struct plan_extent *x = &e->plan;
	char *start = (char *)e->hva + offset;
	uint64_t step = x->page_size;
	int rc;

	if (x->thp && collapse(start, len))
		step = MIB(2);
	do
		rc = madvise(start, len, MADV_POPULATE_WRITE) ? -errno : 0;
	while (rc == -EINTR || rc == -EAGAIN);
	if (rc)
		return populate_failed(x, rc, problem);
	return p->memory->bound ? chunk_count(p, e, start, len, step, problem) : 0;
}

static int extent_populate(struct prefault *p, unsigned i, struct problem *problem)
{
	struct memory_extent *e = &p->memory->extent[i];
	uint64_t chunk = e->plan.page_size > CHUNK ? e->plan.page_size : CHUNK;

	while (!atomic_load_explicit(&p->failed, memory_order_relaxed)) {
		uint64_t at = atomic_fetch_add(&p->next[i], chunk);
		uint64_t left = e->plan.size - at;

		if (at >= e->plan.size)
			break;
		int rc = chunk_populate(p, e, at, left < chunk ? left : chunk, problem);

		if (rc)
			return rc;
	}
	return 0;
}

static void *worker_run(void *arg)
{
	const struct worker *w = arg;
	struct prefault *p = w->shared;
	struct problem problem = {0};
	int rc = affinity_pin(w->core, &problem), none = 0;

	for (unsigned i = 0; i < p->memory->nextents && !rc; i++)
		if (p->memory->extent[i].plan.host_node == w->node)
			rc = extent_populate(p, i, &problem);
	if (rc && atomic_compare_exchange_strong(&p->failed, &none, rc))
		*p->problem = problem;
	return NULL;
}

/* Are there more chunks on the node than workers so far? */
static bool worker_useful(const struct plan *plan, unsigned node, unsigned have)
{
	uint64_t chunks = 0;

	for (unsigned i = 0; i < plan->nextents; i++)
		if (plan->extent[i].host_node == node)
			chunks += (plan->extent[i].size + CHUNK - 1) / CHUNK;
	return have < chunks;
}

/* The workers under choice: `n` so far, of them those from `first` on for one node. */
struct workers {
	struct worker worker[WORKERS_MAX];
	unsigned n, first;
	unsigned most; /* for one node */
};

/* Adds a worker on `core` for `node`, unless the core has one already or nothing is left to do.
 */
static void worker_add(struct workers *w, uint16_t core, uint8_t node, const struct plan *plan)
{
	unsigned have = w->n - w->first;

	if (have == w->most || !worker_useful(plan, node, have))
		return;
	for (unsigned i = w->first; i < w->n; i++)
		if (w->worker[i].core == core)
			return;
	w->worker[w->n++] = (struct worker){.core = core, .node = node};
}

/* The node's cores first; a node without any (memory only) is served by the guest's. */
static void workers_choose(const struct plan *plan, uint8_t node, struct workers *w)
{
	w->first = w->n;
	for (unsigned i = 0; i < plan->nvcpus; i++)
		if (plan->vcpu[i].host_node == node)
			worker_add(w, plan->vcpu[i].core, node, plan);
	for (unsigned i = 0; i < plan->nhelpers; i++)
		if (affinity_core_on_node(plan->helper[i], node))
			worker_add(w, plan->helper[i], node, plan);
	if (w->n > w->first)
		return;
	for (unsigned i = 0; i < plan->nvcpus; i++)
		worker_add(w, plan->vcpu[i].core, node, plan);
}

/* An equal part of all that may be; or what the environment says, for benchmarks. */
static unsigned workers_most(unsigned nodes)
{
	const char *text = getenv("LWVMM_PREFAULT_WORKERS");
	unsigned most = nodes ? WORKERS_MAX / nodes : 0;
	long n = text ? strtol(text, NULL, 10) : 0;

	return n > 0 && n < (long)most ? (unsigned)n : most;
}

static void workers_list(const struct plan *plan, struct workers *w)
{
	uint8_t node[PLAN_MAX_EXTENTS];
	unsigned n = 0;

	for (unsigned i = 0; i < plan->nextents; i++) {
		bool seen = false;

		for (unsigned k = 0; k < n && !seen; k++)
			seen = node[k] == plan->extent[i].host_node;
		if (!seen)
			node[n++] = plan->extent[i].host_node;
	}
	w->most = workers_most(n);
	for (unsigned i = 0; i < n; i++)
		workers_choose(plan, node[i], w);
}

int memory_prefault(struct memory *memory, const struct plan *plan, struct problem *problem)
{
	struct prefault shared = {
		.memory = memory, .lock = PTHREAD_MUTEX_INITIALIZER, .problem = problem};
	struct workers w = {.n = 0};
	unsigned started = 0;
	pthread_attr_t attr;
	int rc = 0;

	workers_list(plan, &w);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (; started < w.n && !rc; started += !rc) {
		w.worker[started].shared = &shared;
		rc = pthread_create(
			&w.worker[started].thread, &attr, worker_run, &w.worker[started]);
	}
	if (rc)
		atomic_store(&shared.failed, -rc);
	for (unsigned i = 0; i < started; i++)
		pthread_join(w.worker[i].thread, NULL);
	pthread_attr_destroy(&attr);
	if (rc)
		return problem_set(problem, -rc, EXIT_LWVMM_FAILED,
			"memory: cannot start a thread to populate it: %s: raise `ulimit -u`",
			strerror(rc));
	return atomic_load(&shared.failed);
}
