/* SPDX-License-Identifier: MIT */
#include "vmm/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vmm/proto.h"

#define GONE_WAIT_MS 5000
#define LINGER_MS    2000
#define POLL_US      50 /* how long a proxy's service thread spins for its next request */

void server_init(struct server *s, struct vm *vm, struct janitor *janitor,
	const struct options *opt, int sock)
{
	struct timespec now;

	*s = (struct server){
		.vm = vm,
		.janitor = janitor,
		.commit = opt->commit,
		.sock = sock,
		.proc = -1,
		.pid_fd = -1,
		.stat_fd = -1,
	};
	clock_gettime(CLOCK_REALTIME, &now);
	s->born_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void server_close(struct server *s)
{
	if (s->pid_fd >= 0)
		close(s->pid_fd);
	if (s->stat_fd >= 0)
		close(s->stat_fd);
	s->pid_fd = s->stat_fd = -1;
}

void server_send_problem(int sock, const struct problem *problem)
{
	struct proto_problem packet = {.type = PROTO_PROBLEM, .status = problem->status};

	memcpy(packet.text, problem->text, sizeof(packet.text));
	(void)send(sock, &packet, sizeof(packet), MSG_NOSIGNAL);
}

void server_send_bye(int sock)
{
	struct proto_end packet = {.type = PROTO_BYE};

	(void)send(sock, &packet, sizeof(packet), MSG_NOSIGNAL);
}

void server_linger(int sock)
{
	struct pollfd peer = {.fd = sock, .events = POLLIN};
	char packet[sizeof(struct proto_problem)];

	while (poll(&peer, 1, LINGER_MS) > 0 && recv(sock, packet, sizeof(packet), 0) > 0)
		;
}

static unsigned welcome_fds(const struct vm *vm, int proc, int fds[PROTO_MAX_FDS])
{
	unsigned n = 0;

	fds[n++] = vm->share_fd;
	fds[n++] = vm->bell_fd[ABI_BELL_PROC(proc)];
	for (unsigned i = 0; i < vm->nvcpus; i++)
		fds[n++] = vm->vcpu[i].irq_fd;
	for (unsigned i = 0; i < vm->plan->nextents; i++)
		fds[n++] = vm->memory->extent[i].memfd;
	return n;
}

static int send_welcome(const struct server *s)
{
	const struct plan *plan = s->vm->plan;
	struct proto_welcome packet = {
		.type = PROTO_WELCOME,
		.proc = (uint32_t)s->proc,
		.ncores = s->vm->nvcpus,
		.nextents = plan->nextents,
		.poll_us = plan->cores_shared ? 0 : POLL_US,
		.nhelpers = plan->nhelpers,
	};
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int) * PROTO_MAX_FDS)];
	} control = {0};
	struct iovec iov = {&packet, sizeof(packet)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control};
	int fds[PROTO_MAX_FDS];
	unsigned n = welcome_fds(s->vm, s->proc, fds);

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
	return sendmsg(s->sock, &msg, MSG_NOSIGNAL) == sizeof(packet) ? 0 : -errno;
}

/* An index whose last owner has left nothing behind; -1: all are taken. */
static int proc_allocate(struct server *s)
{
	for (unsigned i = 0; i < ABI_MAX_PROCS; i++) {
		uint32_t state =
			__atomic_load_n(&s->vm->share->proc[i].state, __ATOMIC_ACQUIRE);

		if (state == ABI_PROC_FREE && !janitor_owes(s->janitor, i))
			return (int)i;
	}
	return -1;
}

/* Descriptors by which the proxy is watched; without them only EOF tells. */
static void watch(struct server *s, pid_t pid)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	s->stat_fd = open(path, O_RDONLY | O_CLOEXEC);
	s->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
}

static void proc_open(
	struct server *s, const struct proto_hello *hello, const struct ucred *peer)
{
	struct abi_proc *proc = &s->vm->share->proc[s->proc];

	proc->pid = (uint32_t)hello->pid;
	proc->ppid = (uint32_t)hello->ppid;
	proc->uid = peer->uid;
	proc->gid = peer->gid;
	proc->commit = s->commit;
	__atomic_store_n(&proc->state, ABI_PROC_OPEN, __ATOMIC_RELEASE);
	vm_event(s->vm, (unsigned)s->proc);
}

static enum server_news refuse(struct server *s, const char *text)
{
	struct problem problem = {0};

	problem_set(
		&problem, -EPROTO, EXIT_LWVMM_FAILED, "guest %s: %s", s->vm->plan->name, text);
	server_send_problem(s->sock, &problem);
	return SERVER_LOST;
}

static enum server_news on_hello(struct server *s, const struct proto_hello *hello)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (hello->version != PROTO_VERSION || s->proc >= 0)
		return refuse(s, "another version of lwvmm runs it: use the same");
	/* What the kernel says of the peer counts, not what the peer says. */
	if (getsockopt(s->sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) || peer.pid != hello->pid)
		return refuse(s, "the proxy is not who it says: report this as a bug");
	s->proc = proc_allocate(s);
	if (s->proc < 0)
		return refuse(s, "all its processes are taken: wait for one to end");
	watch(s, peer.pid);
	proc_open(s, hello, &peer);
	return send_welcome(s) ? SERVER_LOST : SERVER_NOTHING;
}

/* A proxy that only stops talking (shutdown) has unmapped its memory and waits for our end. */
static enum server_news end_of_file(int sock)
{
	struct pollfd peer = {.fd = sock};

	return poll(&peer, 1, 0) > 0 && peer.revents & POLLHUP ? SERVER_LOST : SERVER_ENDED;
}

enum server_news server_read(struct server *s)
{
	union {
		uint32_t type;
		struct proto_hello hello;
		struct proto_end end;
		char space[sizeof(struct proto_problem)];
	} packet;
	ssize_t len = recv(s->sock, &packet, sizeof(packet), MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return SERVER_NOTHING;
	if (len >= (ssize_t)sizeof(packet.hello) && packet.type == PROTO_HELLO)
		return on_hello(s, &packet.hello);
	if (len >= (ssize_t)sizeof(packet.end) && packet.type == PROTO_END)
		return SERVER_ENDED;
	if (!len)
		return end_of_file(s->sock);
	return SERVER_LOST;
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
	bool stopped;

	if (s->proc < 0 || s->stat_fd < 0)
		return;
	stopped = is_stopped(s->stat_fd);
	if (stopped == s->stopped)
		return;
	s->stopped = stopped;
	__atomic_store_n(&s->vm->share->proc[s->proc].stopped, stopped, __ATOMIC_RELEASE);
	vm_event(s->vm, (unsigned)s->proc);
}

void server_wait_gone(struct server *s)
{
	struct pollfd gone = {.fd = s->pid_fd, .events = POLLIN};

	if (s->pid_fd < 0)
		return;
	if (poll(&gone, 1, GONE_WAIT_MS) == 0)
		note_print(
			"the proxy of guest %s has closed its socket but lives on: its memory "
			"cannot be given back yet",
			s->vm->plan->name);
}
