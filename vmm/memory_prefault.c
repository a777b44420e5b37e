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
	bool many_nodes;
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
static void collapse(char *start, uint64_t len)
{
	for (uint64_t at = 0; at + MIB(2) <= len; at += MIB(2))
		if (madvise(start + at, KIB(4), MADV_POPULATE_WRITE) < 0)
			return; /* the caller populates again and gets the error */
	for (int try = 0; try < COLLAPSE_TRIES; try++)
		if (madvise(start, len, MADV_COLLAPSE) == 0)
			return;
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

static int chunk_populate(const struct prefault *p, const struct memory_extent *e,
	uint64_t offset, uint64_t len, struct problem *problem)
{
	const struct plan_extent *x = &e->plan;
	char *start = (char *)e->hva + offset;
	uint64_t step = x->thp ? MIB(2) : x->page_size;
	int rc;

	if (x->thp)
		collapse(start, len);
	do
		rc = madvise(start, len, MADV_POPULATE_WRITE) ? -errno : 0;
	while (rc == -EINTR || rc == -EAGAIN);
	if (rc)
		return populate_failed(x, rc, problem);
	return p->many_nodes ? affinity_check(start, len, step, x->host_node, problem) : 0;
}

static int extent_populate(struct prefault *p, unsigned i, struct problem *problem)
{
	const struct memory_extent *e = &p->memory->extent[i];
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

/* Adds a worker on `core` for `node`, unless the core has one already or nothing is left to do.
 */
static void worker_add(struct worker *worker, unsigned *n, unsigned first, uint16_t core,
	uint8_t node, const struct plan *plan)
{
	if (*n == WORKERS_MAX || !worker_useful(plan, node, *n - first))
		return;
	for (unsigned i = first; i < *n; i++)
		if (worker[i].core == core)
			return;
	worker[(*n)++] = (struct worker){.core = core, .node = node};
}

/* The node's cores first; a node without any (memory only) is served by the guest's. */
static void workers_choose(
	const struct plan *plan, uint8_t node, struct worker *worker, unsigned *n)
{
	unsigned first = *n;

	for (unsigned i = 0; i < plan->nvcpus; i++)
		if (plan->node[plan->vcpu[i].guest_node].host_node == node)
			worker_add(worker, n, first, plan->vcpu[i].core, node, plan);
	for (unsigned i = 0; i < plan->nhelpers; i++)
		if (affinity_core_on_node(plan->helper[i], node))
			worker_add(worker, n, first, plan->helper[i], node, plan);
	if (*n > first)
		return;
	for (unsigned i = 0; i < plan->nvcpus; i++)
		worker_add(worker, n, first, plan->vcpu[i].core, node, plan);
}

static unsigned workers_list(const struct plan *plan, struct worker *worker)
{
	unsigned n = 0;

	for (unsigned i = 0; i < plan->nextents; i++) {
		uint8_t node = plan->extent[i].host_node;
		bool seen = false;

		for (unsigned k = 0; k < i && !seen; k++)
			seen = plan->extent[k].host_node == node;
		if (!seen)
			workers_choose(plan, node, worker, &n);
	}
	return n;
}

int memory_prefault(struct memory *memory, const struct plan *plan, struct problem *problem)
{
	struct prefault shared = {
		.memory = memory, .many_nodes = affinity_many_nodes(), .problem = problem};
	struct worker worker[WORKERS_MAX];
	unsigned n = workers_list(plan, worker), started = 0;
	pthread_attr_t attr;
	int rc = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (; started < n && !rc; started += !rc) {
		worker[started].shared = &shared;
		rc = pthread_create(
			&worker[started].thread, &attr, worker_run, &worker[started]);
	}
	if (rc)
		atomic_store(&shared.failed, -rc);
	for (unsigned i = 0; i < started; i++)
		pthread_join(worker[i].thread, NULL);
	pthread_attr_destroy(&attr);
	if (rc)
		return problem_set(problem, -rc, EXIT_LWVMM_FAILED,
			"memory: cannot start a thread to populate it: %s: raise `ulimit -u`",
			strerror(rc));
	return atomic_load(&shared.failed);
}
