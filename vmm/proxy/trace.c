/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "numa/plan.h"
#include "vmm/proxy/thread.h"
#include "vmm/trace/trace_text.h"

/* Between two looks at the records: at once again while there are some, then less and less. */
#define LOOK_MIN_US 200
#define LOOK_MAX_US 20000

#define END_S 1 /* for a reader of the last lines */

int trace_open(const char *to, struct problem *problem)
{
	int fd;

	if (!*to)
		fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	else
		fd = open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd >= 0)
		return fd;
	return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
		"--trace: %s cannot be written: %s: name a file with --trace=FILE",
		*to ? to : "standard error", strerror(errno));
}

void trace_init(struct trace *trace, int fd)
{
	trace->fd = fd;
	pthread_mutex_init(&trace->lock, NULL);
	pthread_mutex_init(&trace->captures.lock, NULL);
}

/*
 * How much of it may be written now. Until the end: all. At the end: whole lines that a pipe
 * takes without blocking once it is ready; 0: its reader does not read.
 */
static size_t piece(const struct trace *trace, const char *from, size_t len)
{
	struct pollfd to = {.fd = trace->fd, .events = POLLOUT};
	const char *end;

	if (!trace->ending)
		return len;
	if (trace->deaf || poll(&to, 1, END_S * 1000) <= 0)
		return 0;
	if (len <= PIPE_BUF)
		return len;
	end = memrchr(from, '\n', PIPE_BUF);
	return end ? (size_t)(end + 1 - from) : PIPE_BUF;
}

/* A writer that does not take it all is tried again; one that is gone, or full, is not. */
static void flush(struct trace *trace)
{
	for (size_t done = 0; done < trace->used;) {
		const char *from = trace->buffer + done;
		size_t len = piece(trace, from, trace->used - done);
		ssize_t n;

		trace->deaf |= !len;
		if (!len)
			break;
		n = write(trace->fd, from, len);
		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	trace->used = 0;
}

static void line_add(struct trace *trace, const char *line, size_t len)
{
	if (trace->used + len > sizeof(trace->buffer))
		flush(trace);
	memcpy(trace->buffer + trace->used, line, len);
	trace->used += len;
}

static void line_print(struct trace *trace, const struct trace_call *call)
{
	char line[TRACE_LINE_MAX];
	size_t len = trace_line(call, line);

	line_add(trace, line, len);
}

static void lost_print(struct trace *trace, uint32_t lost)
{
	char line[128];
	int len;

	if (lost == trace->lost)
		return;
	len = snprintf(line, sizeof(line),
		"--- %u calls are missing here: they came faster than this file takes them "
		"---\n",
		lost - trace->lost);
	line_add(trace, line, (size_t)len);
	trace->lost = lost;
}

/* TSC ticks, by the slope that the host keeps for the guest's clocks. */
static uint64_t ticks_ns(const struct trace *trace, uint64_t ticks)
{
	uint64_t mult = __atomic_load_n(&trace->share->time.mult, __ATOMIC_RELAXED);

	return (uint64_t)((unsigned __int128)ticks * mult >> 32);
}

/* A forwarded call that the LWK made of its own, to serve the one that comes next. */
static void own_print(struct trace *trace, struct capture *c)
{
	struct trace_call call = {
		.nr = c->nr,
		.tid = c->tid,
		.text = c->text,
		.ret = c->ret,
		.ns = c->end_ns - c->start_ns,
		.own = true,
	};

	memcpy(call.arg, c->arg, sizeof(call.arg));
	if (c->done)
		line_print(trace, &call);
}

static void rec_print(struct trace *trace, const struct abi_trace_rec *rec, uint64_t end)
{
	struct trace_call call = {
		.nr = rec->nr,
		.tid = rec->tid,
		.ret = rec->ret,
		.ns = ticks_ns(trace, end - rec->start),
		.left = rec->state != ABI_TRACE_DONE,
	};
	uint32_t slot = rec->slot % ABI_MAX_THREADS;
	struct capture *c, *mine = NULL;

	while (!mine && (c = captures_take(&trace->captures, slot, rec->seq))) {
		if (c->nr == rec->nr && c->seq == rec->seq) {
			mine = c;
			call.text = c->text;
			call.forwarded = true;
		} else {
			own_print(trace, c);
			capture_free(c);
		}
	}
	memcpy(call.arg, rec->arg, sizeof(call.arg));
	line_print(trace, &call);
	capture_free(mine);
}

/* True if there was something. trace->lock is held. */
static bool drain(struct trace *trace)
{
	struct abi_trace *area = trace->area;
	/* Acquire: the records were written before. */
	uint64_t head = __atomic_load_n(&area->head, __ATOMIC_ACQUIRE), tail = area->tail;

	if (head == tail)
		return false;
	for (; tail != head; tail++) {
		/* Copied before it is looked at: the guest can write to it at any time. */
		struct abi_trace_rec rec = area->rec[tail % ABI_TRACE_RECORDS];

		lost_print(trace, rec.lost);
		rec_print(trace, &rec, rec.end);
		/* Release: the record is free when we are done with it. */
		__atomic_store_n(&area->tail, tail + 1, __ATOMIC_RELEASE);
	}
	flush(trace);
	return true;
}

static void *tracer_main(void *arg)
{
	struct trace *trace = arg;
	useconds_t pause_us = LOOK_MIN_US;
	bool closed;

	do {
		bool some = false;

		pthread_mutex_lock(&trace->lock);
		closed = trace->closed;
		if (!closed)
			some = drain(trace);
		pthread_mutex_unlock(&trace->lock);
		pause_us = some ? LOOK_MIN_US : pause_us * 2;
		if (pause_us > LOOK_MAX_US)
			pause_us = LOOK_MAX_US;
		usleep(pause_us);
	} while (!closed);
	return NULL;
}

static bool page_map(
	struct trace *trace, const struct maplog_extent *e, uint64_t gpa, size_t size)
{
	uint64_t offset = (gpa - e->gpa) & ~(size - 1);
	char *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, e->fd, (off_t)offset);

	if (page == MAP_FAILED)
		return false;
	trace->page = page;
	trace->page_size = size;
	trace->area = (struct abi_trace *)(page + (gpa - e->gpa - offset));
	return true;
}

/* The block is on a page of the host that may be larger: then that is mapped as a whole. */
static bool area_map(struct trace *trace, const struct maplog *log, uint64_t gpa)
{
	errno = EFAULT;
	for (unsigned i = 0; i < log->nextents; i++) {
		const struct maplog_extent *e = &log->extent[i];

		if (gpa >= e->gpa && gpa - e->gpa <= e->size - ABI_BLOCK_SIZE)
			return page_map(trace, e, gpa, ABI_BLOCK_SIZE) ||
			       page_map(trace, e, gpa, GIB(1));
	}
	return false;
}

int trace_start(struct trace *trace, const struct abi_share *share, uint64_t gpa,
	const struct maplog *log, struct problem *problem)
{
	if (trace->fd < 0)
		return 0;
	trace->share = share;
	if (!area_map(trace, log, gpa))
		return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
			"--trace: the guest's records cannot be mapped: %s: run without it",
			strerror(errno));
	return thread_start(tracer_main, trace, problem);
}

/* Calls that have no record, because their threads still are in them. */
static void unfinished_print(struct trace *trace)
{
	uint64_t now = __builtin_ia32_rdtsc();

	for (unsigned slot = 0; slot < ABI_MAX_THREADS; slot++) {
		const struct abi_trace_rec *at = &trace->area->now[slot];
		struct abi_trace_rec rec;

		if (__atomic_load_n(&at->state, __ATOMIC_ACQUIRE) != ABI_TRACE_RUNS)
			continue;
		rec = *at;
		rec.seq = trace->share->mbox[slot].seq;
		rec_print(trace, &rec, now);
	}
}

static void status_print(struct trace *trace, uint32_t status)
{
	const char *name = sigabbrev_np(WTERMSIG((int)status));
	char line[64];
	int n;

	if (!WIFSIGNALED((int)status))
		n = snprintf(line, sizeof(line), "+++ exited with %d +++\n",
			WEXITSTATUS((int)status));
	else
		n = snprintf(
			line, sizeof(line), "+++ killed by SIG%s +++\n", name ? name : "RT");
	line_add(trace, line, (size_t)n);
}

void trace_end(struct trace *trace, const uint32_t *wait_status)
{
	struct timespec end;

	if (trace->fd < 0)
		return;
	/* The tracer holds it while it writes, to somebody who may not read. */
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += END_S;
	if (pthread_mutex_clocklock(&trace->lock, CLOCK_MONOTONIC, &end))
		return;
	trace->ending = true;
	if (!trace->closed && trace->area) {
		drain(trace);
		unfinished_print(trace);
		lost_print(trace, __atomic_load_n(&trace->area->lost, __ATOMIC_RELAXED));
		if (wait_status)
			status_print(trace, *wait_status);
		flush(trace);
		/* The host's page can be given back only when nobody maps it. */
		munmap(trace->page, trace->page_size);
	}
	trace->closed = true;
	pthread_mutex_unlock(&trace->lock);
}
