/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/proxy/inherit.h"
#include "vmm/proxy/state.h"

int mail_receive(int sock, union mail *mail, int fd[PROTO_MAX_FDS], unsigned *nfds)
{
	union {
		char bytes[CMSG_SPACE(PROTO_MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {mail, sizeof(*mail)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	*nfds = 0;
	memset(mail, 0, sizeof(*mail));
	/*
	 * ECONNRESET: the VMM ended with our words unread. It is said once, before what the VMM
	 * itself said last (why it ended) and the end of file.
	 */
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		*nfds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fd, CMSG_DATA(c), *nfds * sizeof(int));
	}
	return msg.msg_flags & MSG_CTRUNC ? -EMFILE : (int)n;
}

static int mail_send(int sock, const void *mail, size_t len)
{
	ssize_t n;

	do
		n = send(sock, mail, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void command_fill(char text[PROTO_COMMAND_SIZE], char *const *words)
{
	size_t len = 0;

	for (; *words && len < PROTO_COMMAND_SIZE; words++) {
		int n = snprintf(
			text + len, PROTO_COMMAND_SIZE - len, "%s%s", len ? " " : "", *words);

		len += n > 0 ? (size_t)n : 0;
	}
}

/* Whose tally it is: of the program before an execve(), or of which it is a copy. */
static uint32_t tally_of(const struct proxy_job *job)
{
	if (job->inherit)
		return job->inherit->tally;
	return job->copy_of ? job->copy_of->common->proxy->welcome.tally : 0;
}

int mail_hello(const struct proxy_job *job)
{
	struct proto_hello hello = {
		.type = PROTO_HELLO,
		.version = PROTO_VERSION,
		.pid = getpid(),
		.ppid = getppid(),
		.uid = getuid(),
		.gid = getgid(),
		.tally = tally_of(job),
	};

	if (!job->inherit && !job->copy_of && job->opt->label)
		snprintf(hello.label, sizeof(hello.label), "%s", job->opt->label);
	command_fill(hello.command, job->opt->guest);
	return mail_send(job->sock, &hello, sizeof(hello));
}

int mail_leave(int sock, bool leaves)
{
	struct proto_end end = {.type = leaves ? PROTO_LEAVE : PROTO_STAY};

	return mail_send(sock, &end, sizeof(end));
}

int mail_end(int sock, uint32_t wait_status)
{
	struct proto_end end = {.type = PROTO_END, .wait_status = wait_status};

	return mail_send(sock, &end, sizeof(end));
}
