/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/viewer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/lease.h"
#include "vmm/proto.h"
#include "vmm/proxy/futex.h"
#include "vmm/proxy/maplog.h"
#include "vmm/proxy/thread.h"

enum { TURN_NOTHING, TURN_ASKED, TURN_ANSWERED };

static void state_set(struct viewer *v, uint32_t state)
{
	__atomic_store_n(&v->state, state, __ATOMIC_RELEASE);
}

void viewer_init(struct viewer *v, const struct proto_welcome *welcome,
	const struct abi_share *share, const struct proxy_job *job,
	const struct maplog_extent *extent)
{
	struct stat st;

	pthread_mutex_init(&v->lock, NULL);
	v->welcome = welcome;
	v->share = share;
	v->job = job;
	v->pid = (uint32_t)getpid();
	v->store.fd = -1;
	if (!welcome->plan.nvcpus)
		state_set(v, VIEWER_OFF);
	for (unsigned i = 0; i < welcome->nextents; i++)
		if (!fstat(extent[i].fd, &st))
			v->inodes.extent[i] = st.st_ino;
}

/* ---- what the files are made of ---- */

static struct view_memory memory_now(const struct viewer *v)
{
	struct view_memory memory;

	for (unsigned i = 0; i < PLAN_MAX_NODES; i++) {
		memory.total[i] = __atomic_load_n(&v->share->mem_total[i], __ATOMIC_RELAXED);
		memory.free[i] = __atomic_load_n(&v->share->mem_free[i], __ATOMIC_RELAXED);
	}
	return memory;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Another open may be about to change them: read until nobody did. */
static void policies_read(const struct abi_proc *proc, struct view_self *self)
{
	uint32_t turn;

	do {
		turn = __atomic_load_n(&proc->policy_turn, __ATOMIC_ACQUIRE);
		self->npolicies =
			proc->npolicies < ABI_POLICIES ? proc->npolicies : ABI_POLICIES;
		self->policy_all = proc->policy_all;
		memcpy(self->policy, proc->policy, sizeof(self->policy));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (turn & 1 || turn != __atomic_load_n(&proc->policy_turn, __ATOMIC_RELAXED));
}

static struct view_self self_now(const struct viewer *v)
{
	const struct abi_proc *proc = &v->share->proc[v->welcome->proc];
	unsigned n = v->welcome->plan.nvcpus;
	uint64_t all = n < 64 ? (1ULL << n) - 1 : ~0ULL;

	struct view_self self = {
		.name = base_name(v->job->program->path),
		.threads = __atomic_load_n(&proc->nthreads, __ATOMIC_RELAXED),
		.affinity = proc->affinity ? proc->affinity & all : all,
		.cpu = v->cpu,
		.brk = proc->exec.brk,
		.stack = proc->exec.stack_top - 1,
	};

	policies_read(proc, &self);
	return self;
}

/* The host's file as a string; "" if it cannot be read. free() it; NULL: no memory. */
static char *host_text(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 16384, len = 0;
	char *text = malloc(size);
	ssize_t n = 0;

	while (text && fd >= 0 && (n = read(fd, text + len, size - len - 1)) > 0) {
		char *more;

		len += (size_t)n;
		if (size - len > 4096)
			continue;
		size *= 2;
		more = realloc(text, size);
		if (!more)
			free(text);
		text = more;
	}
	if (text)
		text[len] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static const char *host_file(enum view_target target)
{
	switch (target) {
	case VIEW_CPUINFO:
		return "/proc/cpuinfo";
	case VIEW_STAT:
		return "/proc/stat";
	case VIEW_SELF_STATUS:
		return "/proc/self/status";
	case VIEW_SELF_STAT:
		return "/proc/self/stat";
	case VIEW_SELF_MAPS:
	case VIEW_SELF_NUMA_MAPS:
		return "/proc/self/maps";
	default:
		return "/dev/null";
	}
}

static void text_print(const struct viewer *v, const char *host, FILE *out)
{
	const struct plan *plan = &v->welcome->plan;
	struct view_memory memory = memory_now(v);
	struct view_self self = self_now(v);

	switch (v->hit->target) {
	case VIEW_CPUINFO:
		view_cpuinfo(plan, host, out);
		break;
	case VIEW_STAT:
		view_stat(plan, host, out);
		break;
	case VIEW_MEMINFO:
		view_meminfo(plan, &memory, out);
		break;
	case VIEW_NODE_MEMINFO:
		view_node_meminfo(&memory, v->hit->node, out);
		break;
	case VIEW_SELF_STATUS:
		view_status(plan, &self, host, out);
		break;
	case VIEW_SELF_STAT:
		view_self_stat(&self, host, out);
		break;
	case VIEW_SELF_MAPS:
		view_maps(plan, &v->inodes, &self, host, out);
		break;
	case VIEW_SELF_NUMA_MAPS:
		view_numa_maps(plan, &v->inodes, &self, host, out);
		break;
	case VIEW_NOT:
	case VIEW_TREE:
		break;
	}
}

/* Writes the file anew. A node that is not there stays so. */
static int file_refresh(struct viewer *v)
{
	char *host, *text = NULL;
	size_t len = 0;
	FILE *out;
	int err = -ENOMEM;

	if (v->hit->target == VIEW_NODE_MEMINFO && v->hit->node >= v->welcome->plan.nnodes)
		return 0;
	host = host_text(host_file(v->hit->target));
	out = host ? open_memstream(&text, &len) : NULL;
	if (out) {
		text_print(v, host, out);
		if (!fclose(out))
			err = view_store_replace(&v->store, v->hit->path + 1, text, len);
	}
	free(text);
	free(host);
	return err;
}

/* ---- the thread ---- */

static int tree_fill(void *arg, struct view_sink *sink)
{
	static struct view_facts facts; /* large, and this thread's alone */
	const struct viewer *v = arg;
	struct view_memory memory = memory_now(v);

	view_facts_read("", &v->welcome->plan, &facts);
	return view_tree(&v->welcome->plan, &facts, &memory, sink);
}

/* What of /proc/PID does not change: who we seem to be. */
static int self_fill(struct viewer *v)
{
	char path[64], *words = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&words, &len);
	int err;

	if (!out)
		return -ENOMEM;
	for (char *const *word = v->job->program->argv; *word; word++)
		fwrite(*word, 1, strlen(*word) + 1, out);
	fclose(out);
	snprintf(path, sizeof(path), "proc/%u", v->pid);
	err = view_store_add(&v->store, VIEW_DIR, path, NULL);
	snprintf(path, sizeof(path), "proc/%u/cmdline", v->pid);
	if (!err)
		err = view_store_replace(&v->store, path, words, len);
	free(words);
	snprintf(path, sizeof(path), "proc/%u/exe", v->pid);
	if (!err)
		err = view_store_add(&v->store, VIEW_LINK, path, v->job->program->file);
	return err;
}

static void view_open(struct viewer *v)
{
	int err = view_store_open(
		&v->store, LEASE_DIR, v->welcome->view, tree_fill, v, &v->problem);

	if (!err && (err = self_fill(v))) {
		view_store_close(&v->store);
		problem_set(&v->problem, err, EXIT_LWVMM_FAILED,
			"%s: the program's view of the machine cannot be made there (%s), it "
			"sees the host's: make room",
			LEASE_DIR, strerror(-err));
	}
	state_set(v, err ? VIEWER_OFF : VIEWER_READY);
}

static void answer(struct viewer *v)
{
	if (!v->hit) {
		view_store_close(&v->store);
		state_set(v, VIEWER_OFF);
		return;
	}
	v->answer = 0;
	if (viewer_state(v) == VIEWER_NEW)
		view_open(v);
	if (viewer_state(v) == VIEWER_READY && v->hit->target != VIEW_TREE)
		v->answer = file_refresh(v);
}

/* Our descriptors are not the program's, nor its ours; the same for the umask. */
static bool stand_apart(void)
{
	if (unshare(CLONE_FILES | CLONE_FS) || close_range(0, UINT_MAX, 0))
		return false;
	umask(0);
	return true;
}

static void *viewer_main(void *arg)
{
	struct viewer *v = arg;

	if (!stand_apart())
		state_set(v, VIEWER_OFF);
	for (;;) {
		uint32_t turn;

		while ((turn = __atomic_load_n(&v->turn, __ATOMIC_ACQUIRE)) != TURN_ASKED)
			futex_wait(&v->turn, turn);
		answer(v);
		__atomic_store_n(&v->turn, TURN_ANSWERED, __ATOMIC_RELEASE);
		futex_wake(&v->turn, 1);
	}
	return NULL;
}

/* ---- those who ask ---- */

/* Caller holds the lock. Asker and thread wait on one word, but never at the same time. */
static void request(struct viewer *v, const struct view_hit *hit, unsigned cpu)
{
	uint32_t turn;

	v->hit = hit;
	v->cpu = cpu;
	__atomic_store_n(&v->turn, TURN_ASKED, __ATOMIC_RELEASE);
	futex_wake(&v->turn, 1);
	while ((turn = __atomic_load_n(&v->turn, __ATOMIC_ACQUIRE)) != TURN_ANSWERED)
		futex_wait(&v->turn, turn);
}

/* Caller holds the lock. */
static void born(struct viewer *v)
{
	if (v->born)
		return;
	v->born = true;
	if (thread_start(viewer_main, v, &v->problem))
		state_set(v, VIEWER_OFF);
}

/* Caller holds the lock. */
static void complain(struct viewer *v)
{
	if (v->problem.status)
		note_print("%s", v->problem.text);
	v->problem.status = 0;
}

bool viewer_ask(struct viewer *v, const struct view_hit *hit, unsigned cpu, char path[PATH_MAX])
{
	uint32_t state = viewer_state(v);
	bool good = state == VIEWER_READY;

	if (state == VIEWER_OFF)
		return false;
	if (state == VIEWER_NEW || hit->target != VIEW_TREE) {
		pthread_mutex_lock(&v->lock);
		born(v);
		if (viewer_state(v) != VIEWER_OFF)
			request(v, hit, cpu);
		complain(v);
		good = viewer_state(v) == VIEWER_READY && !v->answer;
		pthread_mutex_unlock(&v->lock);
	}
	return good && snprintf(path, PATH_MAX, "%s%s", v->store.root, hit->path) < PATH_MAX;
}

void viewer_close(struct viewer *v)
{
	/* Without a welcome nothing was ever made. */
	if (!v->welcome)
		return;
	pthread_mutex_lock(&v->lock);
	if (v->born && viewer_state(v) == VIEWER_READY)
		request(v, NULL, 0);
	state_set(v, VIEWER_OFF);
	pthread_mutex_unlock(&v->lock);
}
