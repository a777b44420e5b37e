/* SPDX-License-Identifier: MIT */
/* The end: of the processes when `stop` is asked for, of the connections when the guest is
 * over. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/server_parts.h"

#define KILL_WAIT_MS 5000 /* for a proxy that was killed */
#define GONE_WAIT_MS 5000
#define LINGER_MS    2000

static bool is_alive(const struct client *c)
{
	return c->state == CLIENT_AWAY ||
	       (c->state == CLIENT_PROCESS && !(c->main && c->parted));
}

static void signal_all(const struct server *s, int signo)
{
	for_each_client (s, c)
		if (is_alive(c) && c->pid_fd >= 0)
			(void)syscall(SYS_pidfd_send_signal, c->pid_fd, signo, NULL, 0);
}

/* Who asks again can only shorten the time. */
void stop_begin(struct server *s, uint32_t timeout_ms)
{
	uint64_t at = server_now_ms() + timeout_ms;

	if (!s->stopping)
		signal_all(s, SIGTERM);
	if (!s->stopping || (!s->killed && at < s->kill_ms))
		s->kill_ms = at;
	s->stopping = true;
}

enum server_news stop_poll(struct server *s)
{
	bool alive = false;

	if (!s->stopping)
		return SERVER_NOTHING;
	for_each_client (s, c)
		alive |= is_alive(c);
	if (!alive)
		return SERVER_STOPPED;
	if (server_now_ms() < s->kill_ms)
		return SERVER_NOTHING;
	if (s->killed)
		return SERVER_STOPPED; /* hung in the host's kernel: server_wait_gone() says so
					*/
	s->killed = true;
	s->kill_ms = server_now_ms() + KILL_WAIT_MS;
	signal_all(s, SIGKILL);
	return SERVER_NOTHING;
}

void server_end(struct server *s, const struct problem *why)
{
	while (s->listen_fd >= 0 && client_accept(s))
		;
	for_each_client (s, c) {
		/* It runs on the host, and was the guest's. */
		if (c->state == CLIENT_AWAY)
			(void)syscall(SYS_pidfd_send_signal, c->pid_fd, SIGKILL, NULL, 0);
		if (c->sock < 0 || c->state == CLIENT_ENDED)
			continue;
		if (c->main && c->parted) {
			c->state = CLIENT_ENDED;
			continue;
		}
		server_send_problem(c->sock, why);
		if (!c->main)
			client_close(c);
	}
}

void server_wait_gone(struct server *s)
{
	uint64_t end = server_now_ms() + GONE_WAIT_MS;

	for_each_client (s, c) {
		struct pollfd gone = {.fd = c->pid_fd, .events = POLLIN};
		uint64_t now = server_now_ms();

		if (c->state != CLIENT_PROCESS || c->pid_fd < 0)
			continue;
		if (poll(&gone, 1, now < end ? (int)(end - now) : 0) == 0)
			note_print("process %d of guest %s lives on: its memory cannot be "
				   "given back yet",
				(int)c->peer.pid, s->vm->plan->name);
	}
}

/* Until the peer has closed its end, so that it reads what we have sent before. */
static void linger(int sock, uint64_t end)
{
	struct pollfd peer = {.fd = sock, .events = POLLIN};
	char packet[sizeof(struct proto_problem)];
	uint64_t now;

	do
		now = server_now_ms();
	while (now < end && poll(&peer, 1, (int)(end - now)) > 0 &&
		recv(sock, packet, sizeof(packet), MSG_DONTWAIT) > 0);
}

void server_bye(struct server *s)
{
	uint64_t end = server_now_ms() + LINGER_MS;

	for_each_client (s, c)
		if (c->state == CLIENT_ENDED)
			client_send_bye(c);
	/* One limit for all: those that do not close must not hold up the others. */
	for_each_client (s, c) {
		if (c->sock >= 0)
			linger(c->sock, end);
		if (c->state != CLIENT_FREE)
			client_free(c);
	}
}

void server_linger(int sock)
{
	linger(sock, server_now_ms() + LINGER_MS);
}
