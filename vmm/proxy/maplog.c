/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/maplog.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guest-lwk/abi/layout.h"
#include "vmm/proxy/futex.h"

#define COPY_UNIT (2ULL << 20)

void maplog_init(struct maplog *log)
{
	pthread_mutex_init(&log->lock, NULL);
	log->lo = ABI_USER_END;
	log->hi = 0;
}

static const struct maplog_extent *extent_find(const struct maplog *log, uint64_t gpa)
{
	for (unsigned i = 0; i < log->nextents; i++) {
		const struct maplog_extent *e = &log->extent[i];

		if (gpa >= e->gpa && gpa - e->gpa < e->size)
			return e;
	}
	return NULL;
}

/*
 * The block at `to` gets what the granules at va have. By the kernel, granule by granule: one
 * that another thread of the maker has had made since is not here, and is zero in the copy.
 */
static void granules_copy(char *to, uint64_t va, uint64_t len)
{
	for (uint64_t at = 0; at < len; at += COPY_UNIT) {
		struct iovec local = {to + at, COPY_UNIT},
			     remote = {(void *)(va + at), COPY_UNIT};

		(void)!process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	}
}

static int piece_fill(const struct maplog_extent *e, uint64_t va, uint64_t gpa, uint64_t len)
{
	void *to = mmap(
		NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, e->fd, (off_t)(gpa - e->gpa));

	if (to == MAP_FAILED)
		return -errno;
	granules_copy(to, va, len);
	munmap(to, len);
	return 0;
}

static void hull_widen(struct maplog *log, uint64_t va, uint64_t len)
{
	if (va < log->lo)
		log->lo = va;
	if (va + len > log->hi)
		log->hi = va + len;
}

void maplog_widen(struct maplog *log, uint64_t va, uint64_t len)
{
	pthread_mutex_lock(&log->lock);
	hull_widen(log, va, len);
	pthread_mutex_unlock(&log->lock);
}

/* A copy: what it has inherited before va is not its program's, or has been dealt with. */
static int inherited_drop(struct maplog *log, uint64_t va, uint64_t end)
{
	if (!log->copies)
		return 0;
	if (va > log->copied && munmap((void *)log->copied, va - log->copied))
		return -errno;
	if (end > log->copied)
		log->copied = end;
	return 0;
}

int maplog_copied(struct maplog *log, struct problem *problem)
{
	int err;

	pthread_mutex_lock(&log->lock);
	err = inherited_drop(log, log->hi, log->hi);
	log->copies = false;
	pthread_mutex_unlock(&log->lock);
	return err ? problem_set(problem, err, EXIT_LWVMM_FAILED,
			     "proxy: cannot unmap what a child has not: %s", strerror(-err))
		   : 0;
}

static int record_map(struct maplog *log, struct abi_log_rec rec)
{
	int err = inherited_drop(log, rec.va, rec.va + rec.len);

	if (err)
		return err;
	hull_widen(log, rec.va, rec.len);
	/* A run may go on from one extent to the next. */
	while (rec.len) {
		const struct maplog_extent *e = extent_find(log, rec.gpa);
		uint64_t len;

		if (!e)
			return -EFAULT;
		len = e->gpa + e->size - rec.gpa;
		if (len > rec.len)
			len = rec.len;
		if (log->copies && (err = piece_fill(e, rec.va, rec.gpa, len)))
			return err;
		if (mmap((void *)rec.va, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			    e->fd, (off_t)(rec.gpa - e->gpa)) == MAP_FAILED)
			return -errno;
		rec.va += len;
		rec.gpa += len;
		rec.len -= len;
	}
	return 0;
}

static int record_apply(struct maplog *log, const struct abi_log_rec *rec)
{
	/* Whatever the guest says, only the program's half of the address space is its to
	 * change. */
	if (rec->va < ABI_USER_START || rec->va > ABI_USER_END ||
		rec->len > ABI_USER_END - rec->va)
		return -ERANGE;
	if (rec->op == ABI_LOG_MAP)
		return record_map(log, *rec);
	if (rec->op == ABI_LOG_KEEP_WINDOW) {
		hull_widen(log, rec->va, rec->len);
		return inherited_drop(log, rec->va, rec->va + rec->len);
	}
	if (rec->op != ABI_LOG_UNMAP && rec->op != ABI_LOG_UNMAP_WINDOW)
		return -EINVAL;
	return munmap((void *)rec->va, rec->len) ? -errno : 0;
}

static int record_problem(const struct abi_log_rec *rec, int err, struct problem *problem)
{
	return problem_set(problem, err, EXIT_LWVMM_FAILED,
		"proxy: cannot %s the program's memory at %#lx, %lu bytes: %s%s",
		rec->op == ABI_LOG_MAP ? "map" : "unmap", (unsigned long)rec->va,
		(unsigned long)rec->len, strerror(-err),
		err == -ENOMEM ? ": raise vm.max_map_count (sysctl)" : "");
}

static void waiters_wake(struct maplog *log)
{
	/* Pairs with maplog_wait(): log_applied stored, then waiters loaded; there the other
	 * way round. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&log->waiters, __ATOMIC_RELAXED))
		return;
	__atomic_add_fetch(&log->turn, 1, __ATOMIC_SEQ_CST);
	futex_wake(&log->turn, INT_MAX);
}

int maplog_apply(struct maplog *log, uint64_t pos, struct problem *problem)
{
	struct abi_proc *proc = log->proc;
	int ret = 0;

	if (maplog_reached(log, pos))
		return 0;
	pthread_mutex_lock(&log->lock);
	if (pos > __atomic_load_n(&proc->log_head, __ATOMIC_ACQUIRE))
		ret = problem_set(problem, -EPROTO, EXIT_LWVMM_FAILED,
			"proxy: a call wants position %lu of the mapping log, which ends "
			"before it: "
			"this is a bug in lwvmm",
			(unsigned long)pos);
	if (log->closed)
		ret = -ESHUTDOWN;
	while (!ret && proc->log_applied < pos) {
		const struct abi_log_rec *rec = &log->rec[proc->log_applied % ABI_LOG_RECORDS];

		ret = record_apply(log, rec);
		if (ret)
			record_problem(rec, ret, problem);
		else
			/* Release: the LWK reuses the record, the janitor the memory, after
			 * this. */
			__atomic_store_n(
				&proc->log_applied, proc->log_applied + 1, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&log->lock);
	waiters_wake(log);
	return ret;
}

/* By way of /proc: the child has none of its parent's own descriptors. */
static int extents_open(struct maplog *log, uint32_t pid, int32_t tid)
{
	int err = 0;

	for (unsigned i = 0; i < log->nextents; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%u/task/%d/fd/%d", pid, tid,
			log->extent[i].fd);
		log->extent[i].fd = open(path, O_RDWR | O_CLOEXEC);
		if (log->extent[i].fd < 0)
			err = -errno;
	}
	return err;
}

/*
 * False: it may have been overwritten, also while it was read. The LWK writes a record's place
 * and counts it then; so as long as fewer than all places have been counted from this record on
 * when it has been read, nobody has begun to write there.
 */
static bool record_read(const struct maplog *log, uint64_t i, struct abi_log_rec *rec)
{
	*rec = log->rec[i % ABI_LOG_RECORDS];
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&log->proc->log_head, __ATOMIC_ACQUIRE) - i < ABI_LOG_RECORDS;
}

int maplog_follow(
	const struct maplog *of, uint32_t pid, int32_t tid, uint64_t *applied, uint64_t pos)
{
	struct maplog log = *of;
	int err = extents_open(&log, pid, tid);

	while (!err && *applied < pos) {
		struct abi_log_rec rec;

		/* Else it cannot know any more what has become of the memory. */
		err = record_read(&log, *applied, &rec) ? record_apply(&log, &rec) : -EFAULT;
		*applied += !err;
	}
	for (unsigned i = 0; i < log.nextents; i++)
		if (log.extent[i].fd >= 0)
			close(log.extent[i].fd);
	return err;
}

int maplog_ack(struct maplog *log, struct problem *problem)
{
	/* Cleared before the head is read: a wish for later records sets it again. */
	if (!__atomic_load_n(&log->proc->want_ack, __ATOMIC_RELAXED) ||
		!__atomic_exchange_n(&log->proc->want_ack, 0, __ATOMIC_SEQ_CST))
		return 0;
	return maplog_apply(
		log, __atomic_load_n(&log->proc->log_head, __ATOMIC_ACQUIRE), problem);
}

void maplog_wait(struct maplog *log, uint64_t pos)
{
	__atomic_add_fetch(&log->waiters, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		uint32_t turn = __atomic_load_n(&log->turn, __ATOMIC_SEQ_CST);

		if (maplog_reached(log, pos))
			break;
		futex_wait(&log->turn, turn);
	}
	__atomic_sub_fetch(&log->waiters, 1, __ATOMIC_SEQ_CST);
}

void maplog_close(struct maplog *log)
{
	pthread_mutex_lock(&log->lock);
	if (!log->closed) {
		log->closed = true;
		if (log->lo < log->hi)
			munmap((void *)log->lo, log->hi - log->lo);
		for (unsigned i = 0; i < log->nextents; i++)
			close(log->extent[i].fd);
	}
	pthread_mutex_unlock(&log->lock);
}
