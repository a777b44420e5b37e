/* SPDX-License-Identifier: MIT */
#include "vmm/cmd_ask.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/control.h"

#define QUERY_MS 5000

/* A line of another user's VMM, or of who says to be one. */
static void text_clean(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (; *text; text++)
		if (!isprint((unsigned char)*text))
			*text = '?';
}

static int ask(int sock, const char *name, const void *packet, size_t size, int wait_ms,
	union answer *answer, struct problem *problem)
{
	struct pollfd ready = {.fd = sock, .events = POLLIN};
	ssize_t n = send(sock, packet, size, MSG_NOSIGNAL);
	int came;

	*answer = (union answer){0};
	do
		came = n < 0 ? -1 : poll(&ready, 1, wait_ms);
	while (came < 0 && n >= 0 && errno == EINTR);
	if (!came)
		return problem_set(problem, -ETIMEDOUT, EXIT_LWVMM_FAILED,
			"guest %s: its VMM does not answer: see `lwvmm ps`, kill its pid if it "
			"stays so",
			name);
	/* Closed with the question unread: that is said before its last words. */
	do
		n = came > 0 ? recv(sock, answer, sizeof(*answer), 0) : -1;
	while (n < 0 && came > 0 && (errno == EINTR || errno == ECONNRESET));
	if (n == sizeof(answer->problem) && answer->type == PROTO_PROBLEM) {
		text_clean(answer->problem.text, sizeof(answer->problem.text));
		return problem_set(
			problem, -EIO, EXIT_LWVMM_FAILED, "%s", answer->problem.text);
	}
	if (n <= 0)
		return problem_set(problem, -EPIPE, EXIT_LWVMM_FAILED,
			"guest %s: the VMM is gone: it ended or was killed", name);
	return 0;
}

int guest_ask(int sock, const char *name, enum proto_type type, uint32_t timeout_ms,
	int wait_ms, union answer *answer, struct problem *problem)
{
	struct proto_ask packet = {type, PROTO_VERSION, timeout_ms, 0};

	return ask(sock, name, &packet, sizeof(packet), wait_ms, answer, problem);
}

static bool guest_sound(const struct proto_guest *guest)
{
	for (unsigned i = 0; i < guest->ncores && i < PLAN_MAX_VCPUS; i++)
		if (guest->core[i] >= HOST_MAX_CPUS)
			return false;
	return guest->type == PROTO_GUEST && guest->ncores <= PLAN_MAX_VCPUS &&
	       guest->nprocs <= ABI_MAX_PROCS;
}

static bool account_sound(const struct proto_account *account)
{
	return account->type == PROTO_ACCOUNT && account->ncores <= PLAN_MAX_VCPUS &&
	       account->nprocs <= ABI_MAX_PROCS && account->nnodes <= ABI_MAX_NODES;
}

static int no_sense(const char *name, struct problem *problem)
{
	return problem_set(problem, -EPROTO, EXIT_LWVMM_FAILED,
		"guest %s: its answer makes no sense: is it another version of lwvmm?", name);
}

static int query(int sock, const char *name, enum proto_type type, union answer *answer,
	struct problem *problem)
{
	uid_t uid;
	pid_t pid;
	int err;

	err = guest_ask(sock, name, type, 0, QUERY_MS, answer, problem);
	if (!err && type == PROTO_QUERY && control_peer(sock, &pid, &uid))
		answer->guest.uid = uid; /* whatever it says */
	close(sock);
	if (err)
		return err;
	if (type == PROTO_QUERY ? guest_sound(&answer->guest) : account_sound(&answer->account))
		return 0;
	return no_sense(name, problem);
}

int guest_query(
	const char *name, enum proto_type type, union answer *answer, struct problem *problem)
{
	int sock = control_connect(name, false, problem);

	return sock < 0 ? sock : query(sock, name, type, answer, problem);
}

int guest_query_root(const char *name, union answer *answer, struct problem *problem)
{
	int sock = control_connect_in(CONTROL_ROOT_DIR, name, false, problem);

	return sock < 0 ? sock : query(sock, name, PROTO_QUERY, answer, problem);
}

int guest_query_ended(
	const char *name, const char *label, union answer *answer, struct problem *problem)
{
	struct proto_ask_ended packet = {.type = PROTO_ENDED, .version = PROTO_VERSION};
	int sock = geteuid() ? control_connect(name, false, problem)
			     : control_connect_in(CONTROL_ROOT_DIR, name, false, problem);
	int err;

	if (sock < 0)
		return sock;
	snprintf(packet.label, sizeof(packet.label), "%s", label);
	err = ask(sock, name, &packet, sizeof(packet), QUERY_MS, answer, problem);
	close(sock);
	if (err)
		return err;
	return answer->type == PROTO_TALLY ? 0 : no_sense(name, problem);
}

int cmd_unknown_word(const char *command, const char *word, struct problem *problem)
{
	return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
		"%s: %s: not expected: see lwvmm %s --help", command, word, command);
}
