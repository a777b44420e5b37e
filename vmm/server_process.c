/* SPDX-License-Identifier: MIT */
/* Processes: from a proxy's HELLO until its whole thread group is gone. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/control.h"
#include "vmm/server_parts.h"

#define POLL_US    50   /* how long a proxy's service thread spins for its next request */
#define PATIENT_MS 2000 /* how long a new process waits for what a dead one had */

/* `window` is the process's end of its socket to the window's thread; -1: none. */
static unsigned welcome_fds(const struct vm *vm, int proc, int window, int fds[PROTO_MAX_FDS])
{
	unsigned n = 0;

	fds[n++] = vm->share_fd;
	fds[n++] = vm->bell_fd[ABI_BELL_PROC(proc)];
	for (unsigned i = 0; i < vm->nvcpus; i++)
		fds[n++] = vm->vcpu[i].irq_fd;
	for (unsigned i = 0; i < vm->plan->nextents; i++)
		fds[n++] = vm->memory->extent[i].memfd;
	if (window >= 0)
		fds[n++] = window;
	return n;
}

/* 0 or -errno: -ETOOMANYREFS when too many descriptors of ours are under way to others. */
static int send_welcome(const struct server *s, const struct client *c, int window)
{
	const struct plan *plan = s->vm->plan;
	struct proto_welcome packet = {
		.type = PROTO_WELCOME,
		.proc = (uint32_t)c->proc,
		.ncores = s->vm->nvcpus,
		.nextents = plan->nextents,
		.window = window >= 0,
		.poll_us = plan->cores_shared ? 0 : POLL_US,
		.nhelpers = plan->nhelpers,
		.tally = c->tally,
	};
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int) * PROTO_MAX_FDS)];
	} control = {0};
	struct iovec iov = {&packet, sizeof(packet)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control};
	int fds[PROTO_MAX_FDS];
	unsigned n = welcome_fds(s->vm, c->proc, window, fds);

	memcpy(packet.helper, plan->helper, sizeof(packet.helper));
	packet.plan = *plan;
	snprintf(packet.view, sizeof(packet.view), "%d-%lx", (int)getpid(), s->born_ns);
	for (unsigned i = 0; i < plan->nextents; i++)
		packet.extent[i] = (struct proto_extent){
			plan->extent[i].gpa, plan->extent[i].size, plan->extent[i].page_size};
	msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
	return sendmsg(c->sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static uint32_t state_of(const struct server *s, unsigned proc)
{
	return __atomic_load_n(&s->vm->share->proc[proc].state, __ATOMIC_ACQUIRE);
}

/* An index whose last owner has left nothing behind; -1: none. */
static int index_find(struct server *s)
{
	for (unsigned i = 0; i < ABI_MAX_PROCS; i++)
		if (state_of(s, i) == ABI_PROC_FREE && !janitor_owes(s->janitor, i) &&
			!(s->window && window_owes(s->window, i)))
			return (int)i;
	return -1;
}

/* A process whose proxy is gone, and whose memory the LWK has still to take back. */
static bool somebody_dying(const struct server *s)
{
	for (unsigned i = 0; i < ABI_MAX_PROCS; i++)
		if (state_of(s, i) == ABI_PROC_GONE)
			return true;
	return false;
}

/* An index that will be had as soon as the janitor is done with its last owner's memory. */
static bool somebody_owed(const struct server *s)
{
	for (unsigned i = 0; i < ABI_MAX_PROCS; i++)
		if (state_of(s, i) == ABI_PROC_FREE)
			return true;
	return false;
}

/* What the last owner of the index left must not reach this one: its log alone goes on. */
static void share_open(const struct server *s, const struct client *c)
{
	struct abi_proc *proc = &s->vm->share->proc[c->proc];
	const size_t from = offsetof(struct abi_proc, bell);

	memset((char *)proc + from, 0, sizeof(*proc) - from);
	proc->refused = 0;
	proc->exit_wait = 0;
	proc->want_ack = 0;
	proc->pid = (uint32_t)c->hello.pid;
	proc->ppid = (uint32_t)c->hello.ppid;
	proc->uid = c->peer.uid;
	proc->gid = c->peer.gid;
	proc->commit = s->commit;
	__atomic_store_n(&proc->state, ABI_PROC_OPEN, __ATOMIC_RELEASE);
}

/*
 * -EAGAIN: too many descriptors are under way to those who were admitted just before: again
 * when they have taken theirs.
 */
static int admit(struct server *s, struct client *c)
{
	int window = -1, err = 0;

	share_open(s, c);
	if (s->window) {
		window = window_connect(s->window, (unsigned)c->proc);
		err = window < 0 ? window : 0;
	}
	if (!err)
		err = send_welcome(s, c, window);
	if (window >= 0)
		close(window);
	if (err == -ETOOMANYREFS) {
		/* Nobody has heard of it yet. */
		if (s->window)
			window_disconnect(s->window, (unsigned)c->proc);
		__atomic_store_n(
			&s->vm->share->proc[c->proc].state, ABI_PROC_FREE, __ATOMIC_RELEASE);
		c->proc = -1;
		return -EAGAIN;
	}
	c->state = CLIENT_PROCESS;
	c->since_ms = server_now_ms();
	if (client_watch(s, c, true) || err)
		client_close(c);
	return 0;
}

/* Descriptors by which the proxy is watched. */
static int pid_open(struct client *c)
{
	struct pollfd peer = {.fd = c->sock};
	char path[48];

	c->pid_fd = (int)syscall(SYS_pidfd_open, c->peer.pid, 0);
	if (c->pid_fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)c->peer.pid);
	c->stat_fd = open(path, O_RDONLY | O_CLOEXEC);
	/* It still has its end of the socket, so the pid was its own when we opened it. */
	return poll(&peer, 1, 0) > 0 && peer.revents & POLLHUP ? -ESRCH : 0;
}

/* The proxy that comes back with another program takes its own place. */
static void away_return(struct server *s, struct client *c)
{
	for_each_client (s, away) {
		if (away->state != CLIENT_AWAY || away->peer.pid != c->peer.pid)
			continue;
		c->main = away->main;
		client_free(away);
	}
}

void process_hello(struct server *s, struct client *c, const struct proto_hello *hello)
{
	socklen_t len = sizeof(c->peer);

	/* What the kernel says of the peer counts, not what the peer says. */
	if (getsockopt(c->sock, SOL_SOCKET, SO_PEERCRED, &c->peer, &len) ||
		c->peer.pid != hello->pid) {
		client_refuse(s, c,
			"the proxy is not who it says: start it in the guest's pid "
			"namespace");
		return;
	}
	if (!control_may_exec(c->peer.uid, s->owner)) {
		client_refuse(s, c, "is another user's: only its owner may run programs in it");
		return;
	}
	if (pid_open(c)) {
		client_refuse(s, c, "its VMM cannot watch another process: raise `ulimit -n`");
		return;
	}
	c->hello = *hello;
	tally_join(s, c);
	away_return(s, c);
	c->state = CLIENT_WAITING;
	c->since_ms = server_now_ms();
	/* Who follows a process that has just ended finds its memory free. */
	process_look_dead(s);
	process_retry(s, c);
}

void process_retry(struct server *s, struct client *c)
{
	bool late = server_now_ms() - c->since_ms > PATIENT_MS;

	if (s->stopping) {
		client_refuse(s, c, "is just ending: start another");
		return;
	}
	if (somebody_dying(s) && !late)
		return;
	c->proc = index_find(s);
	tally_collect(s); /* also of the row that is free since a moment ago */
	if (c->proc >= 0) {
		if (admit(s, c) && late)
			client_refuse(
				s, c, "its VMM has too few descriptors: raise `ulimit -n`");
		return;
	}
	if (late || !(somebody_dying(s) || somebody_owed(s)))
		client_refuse(s, c, "all its processes are taken: wait for one to end");
}

/* Its mappings are gone, its calls have ended: now its blocks may be reused. */
static void row_gone(struct server *s, struct client *c)
{
	if (s->window)
		window_disconnect(s->window, (unsigned)c->proc);
	s->owes_tally[c->proc] = c->tally;
	__atomic_store_n(&s->vm->share->proc[c->proc].state, ABI_PROC_GONE, __ATOMIC_RELEASE);
	vm_event(s->vm, (unsigned)c->proc);
	vm_interrupt_all(s->vm);
	c->proc = -1;
}

void process_dead(struct server *s, struct client *c)
{
	if (c->state == CLIENT_PROCESS)
		row_gone(s, c);
	tally_leave(s, c);
	client_free(c);
}

/*
 * The socket was closed by execve(), which ends the process's other threads before that: nobody
 * makes calls with the old memory any more, though it stays mapped for another moment. pid_fd
 * goes on telling of the process's end.
 */
void process_away(struct server *s, struct client *c)
{
	row_gone(s, c);
	client_close(c);
	c->state = CLIENT_AWAY;
}

void process_look_dead(struct server *s)
{
	for_each_client (s, c) {
		struct pollfd gone = {.fd = c->pid_fd, .events = POLLIN};

		if (c->state == CLIENT_PROCESS && !c->main && c->pid_fd >= 0 &&
			poll(&gone, 1, 0) > 0)
			process_dead(s, c);
	}
}

/* The state letter stands after the name, which is in parentheses and may hold anything. */
static bool is_stopped(int stat_fd)
{
	char text[512];
	ssize_t len = pread(stat_fd, text, sizeof(text) - 1, 0);
	const char *name_end;

	if (len <= 0)
		return false;
	text[len] = '\0';
	name_end = strrchr(text, ')');
	return name_end && name_end[1] == ' ' && name_end[2] == 'T';
}

void server_poll_stop(struct server *s)
{
	for_each_client (s, c) {
		bool stopped;

		if (c->state != CLIENT_PROCESS || c->stat_fd < 0)
			continue;
		stopped = is_stopped(c->stat_fd);
		if (stopped == c->stopped)
			continue;
		c->stopped = stopped;
		__atomic_store_n(
			&s->vm->share->proc[c->proc].stopped, stopped, __ATOMIC_RELEASE);
		vm_event(s->vm, (unsigned)c->proc);
	}
}
