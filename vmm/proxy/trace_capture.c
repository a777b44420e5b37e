/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/trace_capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "guest-lwk/abi/syscalls.h"
#include "vmm/trace/trace_text.h"

#define BYTES_MAX 32 /* shown of a buffer */
#define PATH_SHOW 256
#define IOV_SHOW  4
#define PAGE      4096

static const struct abi_call calls[ABI_MAX_CALLS] = {ABI_SYSCALLS(ABI_CALL_ROW)};

/* The program's memory, which it may take away at any time: so never by a pointer. */
static size_t program_read(void *to, uint64_t from, size_t len)
{
	struct iovec here = {to, len}, there = {(void *)from, len};
	ssize_t n = process_vm_readv(getpid(), &here, 1, &there, 1, 0);

	return n > 0 ? (size_t)n : 0;
}

static void put_bytes(struct trace_out *out, uint64_t from, uint64_t len)
{
	char bytes[BYTES_MAX];
	size_t n = program_read(bytes, from, len < BYTES_MAX ? len : BYTES_MAX);

	if (n || !len)
		trace_put_bytes(out, bytes, n, len > n);
}

/* To the end of its page first: what follows may not be there. */
static void put_path(struct trace_out *out, uint64_t from)
{
	char path[PATH_SHOW + 1];
	size_t part = PAGE - from % PAGE, n;

	if (part > PATH_SHOW)
		part = PATH_SHOW;
	n = program_read(path, from, part);
	if (n == part && !memchr(path, '\0', n))
		n += program_read(path + n, from + n, PATH_SHOW - n);
	path[n] = '\0';
	if (n)
		trace_put_bytes(out, path, strlen(path), strlen(path) == PATH_SHOW);
}

/* [{iov_base="...", iov_len=3}, ...]: of `len` bytes, which were read or are to be written. */
static void put_iov(struct trace_out *out, uint64_t from, uint64_t count, uint64_t len)
{
	struct iovec iov[IOV_SHOW];
	uint64_t shown = count < IOV_SHOW ? count : IOV_SHOW;

	if (program_read(iov, from, shown * sizeof(*iov)) != shown * sizeof(*iov))
		return;
	trace_put(out, "[");
	for (uint64_t i = 0; i < shown; i++) {
		uint64_t n = iov[i].iov_len < len ? iov[i].iov_len : len;

		trace_put(out, i ? ", {iov_base=" : "{iov_base=");
		put_bytes(out, (uint64_t)iov[i].iov_base, n);
		trace_put(out, ", iov_len=%zu}", iov[i].iov_len);
		len -= n;
	}
	trace_put(out, count > shown ? ", ...]" : "]");
}

static void put_pair(struct trace_out *out, uint64_t from)
{
	int fd[2];

	if (program_read(fd, from, sizeof(fd)) == sizeof(fd))
		trace_put(out, "[%d, %d]", fd[0], fd[1]);
}

static bool gives_pair(uint32_t nr)
{
	return nr == ABI_NR_pipe || nr == ABI_NR_pipe2 || nr == ABI_NR_socketpair;
}

/* Their bytes are structures. */
static bool gives_entries(uint32_t nr)
{
	return nr == ABI_NR_getdents || nr == ABI_NR_getdents64;
}

/* What goes in is there before the call, what comes out after it. */
static void put_in(struct trace_out *out, const struct capture *c, unsigned i)
{
	unsigned word = calls[c->nr].arg[i], n = ABI_ARG_N(word);

	switch (ABI_ARG_KIND(word)) {
	case ABI_PATH:
		put_path(out, c->arg[i]);
		break;
	case ABI_WRITE_LEN:
		put_bytes(out, c->arg[i], c->arg[n - 1]);
		break;
	case ABI_IN_LEN:
		if (c->nr == ABI_NR_sendto && i == 1)
			put_bytes(out, c->arg[i], c->arg[n - 1]);
		break;
	case ABI_IOV_IN:
		put_iov(out, c->arg[i], c->arg[n - 1], UINT64_MAX);
		break;
	default:
		break;
	}
}

static void put_out(struct trace_out *out, const struct capture *c, unsigned i, uint64_t len)
{
	unsigned word = calls[c->nr].arg[i];

	switch (ABI_ARG_KIND(word)) {
	case ABI_OUT:
		if (gives_pair(c->nr))
			put_pair(out, c->arg[i]);
		break;
	case ABI_OUT_LEN:
		if (!gives_entries(c->nr))
			put_bytes(out, c->arg[i], len);
		break;
	case ABI_IOV_OUT:
		put_iov(out, c->arg[i], c->arg[ABI_ARG_N(word) - 1], len);
		break;
	default:
		break;
	}
}

/* Into text[], what is not there yet. `len`: bytes that came out; NULL: nothing has yet. */
static void texts_fill(const struct capture *c, char *text[6], const uint64_t *len)
{
	char buffer[1024];

	for (unsigned i = 0; i < 6 && c->nr < ABI_MAX_CALLS; i++) {
		struct trace_out out = {buffer, buffer + sizeof(buffer)};

		if (!c->arg[i])
			continue;
		if (len)
			put_out(&out, c, i, *len);
		else
			put_in(&out, c, i);
		if (out.at != buffer)
			text[i] = strdup(buffer);
	}
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

struct capture *captures_begin(
	struct captures *captures, uint32_t slot, const struct abi_mbox *mbox)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->seq = mbox->seq;
	c->nr = mbox->nr;
	c->tid = mbox->tid;
	memcpy(c->arg, mbox->arg, sizeof(c->arg));
	texts_fill(c, c->text, NULL);
	pthread_mutex_lock(&captures->lock);
	if (captures->last[slot])
		captures->last[slot]->next = c;
	else
		captures->first[slot] = c;
	captures->last[slot] = c;
	pthread_mutex_unlock(&captures->lock);
	c->start_ns = now_ns();
	return c;
}

void captures_end(struct captures *captures, struct capture *c, int64_t ret)
{
	uint64_t end_ns = now_ns(), len = ret > 0 ? (uint64_t)ret : 0;
	char *text[6] = {0};

	if (!c)
		return;
	if (ret >= 0)
		texts_fill(c, text, &len);
	pthread_mutex_lock(&captures->lock);
	for (unsigned i = 0; i < 6; i++)
		if (text[i])
			c->text[i] = text[i];
	c->ret = ret;
	c->end_ns = end_ns;
	c->done = true;
	pthread_mutex_unlock(&captures->lock);
}

struct capture *captures_take(struct captures *captures, uint32_t slot, uint32_t seq)
{
	struct capture *c;

	pthread_mutex_lock(&captures->lock);
	c = captures->first[slot];
	if (c && (int32_t)(c->seq - seq) > 0)
		c = NULL;
	if (c) {
		captures->first[slot] = c->next;
		if (!c->next)
			captures->last[slot] = NULL;
	}
	pthread_mutex_unlock(&captures->lock);
	return c;
}

void capture_free(struct capture *c)
{
	/* Not done: its service may still come back to it. The process is ending then. */
	if (!c || !c->done)
		return;
	for (unsigned i = 0; i < 6; i++)
		free(c->text[i]);
	free(c);
}
