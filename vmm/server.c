/* SPDX-License-Identifier: MIT */
/* Connections: who comes, what they say, when they are dropped. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "vmm/control.h"
#include "vmm/server_parts.h"

#define SILENT_MS 5000 /* for a peer that says nothing at all */
#define SOON_MS   1

uint64_t server_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int watch(const struct server *s, int fd, uint32_t event)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = s->token + event};

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

int client_watch(struct server *s, const struct client *c, bool pid)
{
	uint32_t index = (uint32_t)(c - s->client);

	return watch(s, pid ? c->pid_fd : c->sock, 1 + 2 * index + pid);
}

static struct client *client_new(struct server *s, int sock, enum client_state state)
{
	for_each_client (s, c) {
		if (c->state != CLIENT_FREE)
			continue;
		*c = (struct client){
			.state = state,
			.sock = sock,
			.pid_fd = -1,
			.stat_fd = -1,
			.proc = -1,
			.since_ms = server_now_ms(),
		};
		if (!client_watch(s, c, false))
			return c;
		c->state = CLIENT_FREE;
		break;
	}
	return NULL;
}

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void client_free(struct client *c)
{
	fd_close(&c->sock);
	fd_close(&c->pid_fd);
	fd_close(&c->stat_fd);
	c->state = CLIENT_FREE;
}

void client_close(struct client *c)
{
	fd_close(&c->sock);
	if (c->state != CLIENT_PROCESS)
		client_free(c);
}

/* Never waits: the peer may be stopped, or hostile. */
bool client_send(const struct client *c, const void *packet, size_t size)
{
	return send(c->sock, packet, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
}

bool client_send_bye(const struct client *c)
{
	struct proto_end packet = {.type = PROTO_BYE};

	return client_send(c, &packet, sizeof(packet));
}

void client_refuse(struct server *s, struct client *c, const char *text)
{
	struct problem problem = {0};

	problem_set(
		&problem, -EPROTO, EXIT_LWVMM_FAILED, "guest %s: %s", s->vm->plan->name, text);
	server_send_problem(c->sock, &problem);
	client_close(c);
}

void server_send_problem(int sock, const struct problem *problem)
{
	struct proto_problem packet = {.type = PROTO_PROBLEM, .status = problem->status};

	memcpy(packet.text, problem->text, sizeof(packet.text));
	(void)send(sock, &packet, sizeof(packet), MSG_NOSIGNAL | MSG_DONTWAIT);
}

int server_init(struct server *s, struct vm *vm, struct janitor *janitor,
	const struct options *opt, int epoll_fd, uint32_t token, int sock, int listen_fd)
{
	struct client *first;
	struct timespec now;

	*s = (struct server){
		.vm = vm,
		.janitor = janitor,
		.commit = opt->commit,
		.detached = opt->detach,
		.kept = opt->ranks,
		.epoll_fd = epoll_fd,
		.token = token,
		.listen_fd = listen_fd,
		.owner = opt->have_user ? opt->uid : geteuid(),
		.start_ms = server_now_ms(),
	};
	clock_gettime(CLOCK_REALTIME, &now);
	s->born_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	first = client_new(s, sock, opt->detach || opt->ranks ? CLIENT_STARTER : CLIENT_NEW);
	if (!first)
		return -errno;
	first->main = true;
	return listen_fd < 0 ? 0 : watch(s, listen_fd, 0);
}

bool client_accept(struct server *s)
{
	struct problem problem = {0};
	struct ucred peer;
	socklen_t len = sizeof(peer);
	struct client *c;
	struct sockaddr from; /* without a name: not looked at */
	socklen_t from_len = sizeof(from);
	int sock = accept4(s->listen_fd, &from, &from_len, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (sock < 0)
		return false;
	/* The socket's mode keeps others out; the kernel's word is the second lock. */
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) ||
		!control_may_ask(peer.uid, s->owner)) {
		problem_set(&problem, -EPERM, EXIT_LWVMM_FAILED,
			"guest %s: is another user's: only its owner may use it",
			s->vm->plan->name);
		server_send_problem(sock, &problem);
		close(sock);
		return true;
	}
	c = client_new(s, sock, CLIENT_NEW);
	if (c) {
		c->peer = peer;
		return true;
	}
	problem_set(&problem, -EBUSY, EXIT_LWVMM_FAILED,
		"guest %s: too many connections: try again later", s->vm->plan->name);
	server_send_problem(sock, &problem);
	close(sock);
	return true;
}

static void process_describe(
	const struct server *s, const struct client *c, struct proto_process *to)
{
	const struct abi_proc *proc = &s->vm->share->proc[c->proc];

	*to = (struct proto_process){
		.pid = c->hello.pid,
		.state = __atomic_load_n(&proc->state, __ATOMIC_ACQUIRE),
		.nthreads = __atomic_load_n(&proc->nthreads, __ATOMIC_RELAXED),
		.up_ms = server_now_ms() - c->since_ms,
	};
	memcpy(to->command, c->hello.command, sizeof(to->command));
	to->command[sizeof(to->command) - 1] = '\0';
}

static void on_query(struct server *s, struct client *c)
{
	static struct proto_guest guest;
	const struct plan *plan = s->vm->plan;

	guest = (struct proto_guest){
		.type = PROTO_GUEST,
		.version = PROTO_VERSION,
		.pid = getpid(),
		.uid = s->owner,
		.state = s->stopping ? PROTO_ENDING
			 : s->ready  ? PROTO_RUNNING
				     : PROTO_STARTING,
		.ncores = plan->nvcpus,
		.detached = s->detached,
		.mem = plan->mem,
		.up_ms = server_now_ms() - s->start_ms,
	};
	if (s->window) {
		struct window_use use = window_use(s->window->window);

		guest.window_mapped = use.pages * ABI_PAGE;
		guest.window_files = use.objects;
	}
	for (unsigned i = 0; i < plan->nvcpus; i++)
		guest.core[i] = plan->vcpu[i].core;
	for_each_client (s, p)
		if (p->state == CLIENT_PROCESS && guest.nprocs < ABI_MAX_PROCS)
			process_describe(s, p, &guest.process[guest.nprocs++]);
	if (!client_send(c, &guest, sizeof(guest)))
		client_close(c);
}

static enum server_news on_end(struct server *s, struct client *c)
{
	c->parted = true;
	if (!c->main) {
		client_send_bye(c);
		return SERVER_NOTHING;
	}
	/* Asked to stop, the others have their time as well. */
	return s->stopping ? SERVER_NOTHING : SERVER_ENDED;
}

/* A proxy that only stops talking (shutdown) has unmapped its memory and waits for our end. */
static enum server_news on_end_of_file(struct server *s, struct client *c)
{
	struct pollfd peer = {.fd = c->sock};
	bool lost = poll(&peer, 1, 0) > 0 && peer.revents & POLLHUP;

	if (c->leaves) {
		process_away(s, c);
		return SERVER_NOTHING;
	}
	bool is_main = c->main && c->state != CLIENT_ENDED;

	c->parted = !lost;
	if (is_main)
		return lost ? SERVER_LOST : SERVER_ENDED;
	if (!lost)
		client_send_bye(c);
	client_close(c);
	return SERVER_NOTHING;
}

static enum server_news on_nonsense(struct server *s, struct client *c)
{
	if (c->main)
		return SERVER_LOST;
	client_refuse(
		s, c, "what came over its socket made no sense: the connection is closed");
	return SERVER_NOTHING;
}

union packet {
	struct {
		uint32_t type, version;
	};
	struct proto_hello hello;
	struct proto_ask ask;
	struct proto_ask_ended ended;
	struct proto_end end;
	char space[sizeof(struct proto_problem)];
};

/* The first words of a connection; they tell what it is for. */
static enum server_news on_first(
	struct server *s, struct client *c, const union packet *packet, size_t len)
{
	if (len < 2 * sizeof(uint32_t))
		return on_nonsense(s, c);
	if (packet->version != PROTO_VERSION) {
		client_refuse(s, c, "another version of lwvmm runs it: use the same");
		return c->main ? SERVER_LOST : SERVER_NOTHING;
	}
	if (packet->type == PROTO_HELLO && len == sizeof(packet->hello)) {
		process_hello(s, c, &packet->hello);
		return c->main && c->state == CLIENT_FREE ? SERVER_LOST : SERVER_NOTHING;
	}
	if (packet->type == PROTO_ENDED && !c->main && len == sizeof(packet->ended)) {
		tally_ask(s, c, &packet->ended);
		return SERVER_NOTHING;
	}
	if (c->main || len != sizeof(packet->ask))
		return on_nonsense(s, c);
	if (packet->type == PROTO_QUERY) {
		on_query(s, c);
	} else if (packet->type == PROTO_STAT) {
		if (!client_send_account(s, c))
			client_close(c);
	} else if (packet->type == PROTO_STOP) {
		c->state = CLIENT_ENDED;
		stop_begin(s, packet->ask.timeout_ms);
	} else {
		return on_nonsense(s, c);
	}
	return SERVER_NOTHING;
}

static enum server_news on_sock(struct server *s, struct client *c)
{
	union packet packet = {0};
	ssize_t len = recv(c->sock, &packet, sizeof(packet), MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return SERVER_NOTHING;
	if (len <= 0)
		return on_end_of_file(s, c);
	if (c->state == CLIENT_NEW)
		return on_first(s, c, &packet, (size_t)len);
	if (c->state == CLIENT_PROCESS && packet.type == PROTO_END &&
		len == sizeof(packet.end) && !c->parted)
		return on_end(s, c);
	if (c->state == CLIENT_PROCESS && len == sizeof(packet.end) && !c->parted &&
		(packet.type == PROTO_LEAVE || packet.type == PROTO_STAY)) {
		c->leaves = packet.type == PROTO_LEAVE;
		return SERVER_NOTHING;
	}
	return on_nonsense(s, c);
}

enum server_news server_event(struct server *s, uint32_t event)
{
	struct client *c = &s->client[(event - 1) / 2 % SERVER_MAX_CLIENTS];
	bool pid = !(event & 1);

	if (event == 0) {
		client_accept(s);
		return SERVER_NOTHING;
	}
	if (pid && c->pid_fd >= 0) {
		bool is_main = c->main;

		process_dead(s, c);
		return is_main ? SERVER_LOST : SERVER_NOTHING;
	}
	return !pid && c->sock >= 0 ? on_sock(s, c) : SERVER_NOTHING;
}

static void ready(struct server *s)
{
	struct proto_end packet = {.type = PROTO_READY};

	s->ready = true;
	for_each_client (s, c) {
		if (c->state != CLIENT_STARTER)
			continue;
		client_send(c, &packet, sizeof(packet));
		/* Who keeps the guest says nothing more: its end is the guest's. */
		if (s->kept)
			c->state = CLIENT_NEW;
		else
			client_free(c);
	}
}

enum server_news server_poll(struct server *s)
{
	uint64_t now = server_now_ms();

	if (!s->ready &&
		__atomic_load_n(&s->vm->share->booted, __ATOMIC_ACQUIRE) == s->vm->nvcpus)
		ready(s);
	for_each_client (s, c) {
		bool is_main = c->main && c->state == CLIENT_WAITING;

		if (c->state == CLIENT_WAITING)
			process_retry(s, c);
		else if (c->state == CLIENT_ASKING)
			tally_answer(s, c);
		else if (c->state == CLIENT_NEW && !c->main && now - c->since_ms > SILENT_MS)
			client_refuse(s, c, "the connection said nothing: it is closed");
		/* The main program wanted another execve() than there was room for. */
		if (is_main && c->state == CLIENT_FREE)
			return SERVER_LOST;
	}
	return stop_poll(s);
}

int server_wait_ms(const struct server *s)
{
	bool soon = false;

	for_each_client (s, c)
		soon |= c->state == CLIENT_WAITING || c->state == CLIENT_STARTER ||
			c->state == CLIENT_ASKING;
	return soon ? SOON_MS : -1;
}
