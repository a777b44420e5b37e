/* SPDX-License-Identifier: MIT */
/* TCP and UDP over 127.0.0.1, unix sockets, descriptors passed along, all with threads. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "check.h"

#define CLIENTS 8
#define ROUNDS  50

static struct sockaddr_in where;

static void send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		CHECK(n > 0);
		data += n;
		len -= (size_t)n;
	}
}

static void receive_all(int fd, char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = recv(fd, data, len, 0);

		CHECK(n > 0);
		data += n;
		len -= (size_t)n;
	}
}

static void *echo_body(void *arg)
{
	int fd = (int)(size_t)arg;
	char data[4096];
	ssize_t n;

	while ((n = recv(fd, data, sizeof(data), 0)) > 0)
		send_all(fd, data, (size_t)n);
	CHECK(n == 0 && close(fd) == 0);
	return NULL;
}

static void *server_body(void *arg)
{
	pthread_t worker[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		int fd = accept4(*(int *)arg, NULL, NULL, SOCK_CLOEXEC);

		CHECK(fd >= 0);
		CHECK_ZERO(pthread_create(&worker[i], NULL, echo_body, (void *)(size_t)fd));
	}
	for (int i = 0; i < CLIENTS; i++)
		CHECK_ZERO(pthread_join(worker[i], NULL));
	return NULL;
}

static void *client_body(void *arg)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	char out[3000], in[3000];

	CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0);
	CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		memset(out, (int)(size_t)arg * 50 + i, sizeof(out));
		send_all(fd, out, sizeof(out));
		receive_all(fd, in, sizeof(in));
		CHECK(memcmp(in, out, sizeof(in)) == 0);
	}
	CHECK(shutdown(fd, SHUT_WR) == 0 && recv(fd, in, 1, 0) == 0 && close(fd) == 0);
	return NULL;
}

static void test_tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	socklen_t len = sizeof(where);
	pthread_t server, client[CLIENTS];

	where = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0);
	CHECK(bind(fd, (struct sockaddr *)&where, sizeof(where)) == 0 && listen(fd, 16) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&where, &len) == 0 && where.sin_port != 0);
	CHECK_ZERO(pthread_create(&server, NULL, server_body, &fd));
	for (size_t i = 0; i < CLIENTS; i++)
		CHECK_ZERO(pthread_create(&client[i], NULL, client_body, (void *)i));
	for (size_t i = 0; i < CLIENTS; i++)
		CHECK_ZERO(pthread_join(client[i], NULL));
	CHECK_ZERO(pthread_join(server, NULL));
	CHECK(close(fd) == 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERRNO(connect(fd, (struct sockaddr *)&where, sizeof(where)), ECONNREFUSED);
	CHECK(close(fd) == 0);
}

static void test_udp(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0),
	    b = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in from;
	socklen_t len = sizeof(where), from_len = sizeof(from);
	char text[100];

	where.sin_port = 0;
	CHECK(a >= 0 && b >= 0 && bind(a, (struct sockaddr *)&where, sizeof(where)) == 0);
	CHECK(getsockname(a, (struct sockaddr *)&where, &len) == 0);
	CHECK(sendto(b, "datagram", 8, 0, (struct sockaddr *)&where, len) == 8);
	CHECK(recvfrom(a, text, 4, MSG_TRUNC, (struct sockaddr *)&from, &from_len) == 8);
	CHECK(memcmp(text, "data", 4) == 0 && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	CHECK_ERRNO(recv(b, text, 1, 0), EAGAIN);
	CHECK(close(a) == 0 && close(b) == 0);
}

static void test_unix(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "socket.tmp"};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), a = socket(AF_UNIX, SOCK_STREAM, 0), b;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	char text[8];

	CHECK(bind(listener, (struct sockaddr *)&name, sizeof(name)) == 0 &&
		listen(listener, 1) == 0);
	CHECK(connect(a, (struct sockaddr *)&name, sizeof(name)) == 0);
	CHECK((b = accept(listener, NULL, NULL)) >= 0);
	CHECK(getsockopt(b, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.pid == getpid());
	CHECK(write(a, "unix", 4) == 4 && read(b, text, 8) == 4 &&
		memcmp(text, "unix", 4) == 0);
	CHECK(close(a) == 0 && read(b, text, 1) == 0);
	CHECK(close(b) == 0 && close(listener) == 0 && unlink("socket.tmp") == 0);
}

/* A descriptor travels in a control message. */
static void test_pass_descriptor(void)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte = 'd', text[8];
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int pair[2], ends[2], passed;

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0 && pipe(ends) == 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &ends[0], sizeof(int));
	CHECK(sendmsg(pair[0], &msg, 0) == 1 && close(ends[0]) == 0);
	memset(&control, 0, sizeof(control));
	CHECK(recvmsg(pair[1], &msg, MSG_CMSG_CLOEXEC) == 1);
	c = CMSG_FIRSTHDR(&msg);
	CHECK(c != NULL && c->cmsg_type == SCM_RIGHTS);
	memcpy(&passed, CMSG_DATA(c), sizeof(int));
	CHECK(write(ends[1], "through", 7) == 7 && read(passed, text, 8) == 7);
	CHECK(close(passed) == 0 && close(ends[1]) == 0 && close(pair[0]) == 0 &&
		close(pair[1]) == 0);
}

static void test_nonblocking_connect(void)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd, error = -1;
	socklen_t len = sizeof(where), error_len = sizeof(error);
	struct pollfd p = {.events = POLLOUT};

	where.sin_port = 0;
	CHECK(bind(listener, (struct sockaddr *)&where, sizeof(where)) == 0 &&
		listen(listener, 1) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&where, &len) == 0);
	p.fd = fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK(connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0 ||
		errno == EINPROGRESS);
	CHECK(poll(&p, 1, 5000) == 1 && (p.revents & POLLOUT));
	CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) == 0 && error == 0);
	CHECK(close(fd) == 0 && close(listener) == 0);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"tcp", test_tcp},
		{"udp", test_udp},
		{"unix", test_unix},
		{"pass_descriptor", test_pass_descriptor},
		{"nonblocking_connect", test_nonblocking_connect},
	};

	(void)argc;
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
