/* SPDX-License-Identifier: MIT */
/* Sockets: local, inet over lo, options, messages with descriptors. */
#include "abi.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static struct sockaddr_un local(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return a;
}

static const struct sockaddr *any(const void *a)
{
	return a;
}

CASE(socket, socket)
{
	SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
	SHOW(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	SHOW(fcntl(4, F_GETFD));
	SHOW(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	SHOW(socket(AF_INET, 77, 0));
	SHOW(socket(999, SOCK_STREAM, 0));
	SHOW(socket(AF_UNIX, SOCK_STREAM | 0x100000, 0));
}

CASE(socketpair, socketpair, read, write)
{
	int s[2];
	char buf[8] = "";

	SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	SHOW(write(s[0], "abc", 3));
	SHOW(read(s[1], buf, 8));
	TELL("%s\n", buf);
	SHOW(socketpair(AF_INET, SOCK_STREAM, 0, s));
	SHOW(socketpair(AF_UNIX, SOCK_STREAM, 5, s));
	SHOW(SYS(socketpair, AF_UNIX, SOCK_STREAM, 0, BAD));
}

CASE(unix_stream, bind, listen, connect, accept, getsockname, getpeername)
{
	struct sockaddr_un a = local("sock"), from;
	socklen_t len = sizeof(from);
	int l = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0)), c, s;
	char buf[8] = "";

	c = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	SHOW(connect(c, any(&a), sizeof(a)));
	SHOW(bind(l, any(&a), sizeof(a)));
	SHOW(connect(c, any(&a), sizeof(a)));
	SHOW(listen(l, 5));
	SHOW(connect(c, any(&a), sizeof(a)));
	SHOW(connect(c, any(&a), sizeof(a)));
	s = (int)SHOW(accept(l, (struct sockaddr *)&from, &len));
	TELL("from %d, %d bytes\n", from.sun_family, (int)len);
	SHOW(write(c, "hello", 5));
	SHOW(read(s, buf, 8));
	len = sizeof(from);
	SHOW(getsockname(l, (struct sockaddr *)&from, &len));
	TELL("%s, %d bytes\n", from.sun_path, (int)len);
	len = sizeof(from);
	SHOW(getpeername(c, (struct sockaddr *)&from, &len));
	TELL("%s, %d bytes\n", from.sun_path, (int)len);
	SHOW(getpeername(l, (struct sockaddr *)&from, &len));
	SHOW(bind(l, any(&a), sizeof(a)));
}

CASE(unix_abstract, bind, connect)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	socklen_t len;
	int l = (int)MUST(socket(AF_UNIX, SOCK_SEQPACKET, 0)), c;

	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			  (size_t)snprintf(a.sun_path + 1, 64, "abi-%d", getpid()));
	SHOW(bind(l, any(&a), len));
	SHOW(listen(l, 1));
	c = (int)MUST(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	SHOW(connect(c, any(&a), len));
	GOOD(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	c = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	SHOW(connect(c, any(&a), len));
}

CASE(unix_dgram, sendto, recvfrom, bind)
{
	struct sockaddr_un a = local("a"), b = local("b"), from;
	socklen_t len = sizeof(from);
	int s = (int)MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
	int r = (int)MUST(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	char buf[8] = "";

	MUST(bind(s, any(&a), sizeof(a)));
	SHOW(sendto(s, "x", 1, 0, any(&b), sizeof(b)));
	MUST(bind(r, any(&b), sizeof(b)));
	SHOW(recvfrom(r, buf, 8, 0, NULL, NULL));
	SHOW(sendto(s, "abcdef", 6, 0, any(&b), sizeof(b)));
	SHOW(sendto(s, "", 0, 0, any(&b), sizeof(b)));
	SHOW(recvfrom(r, buf, 3, MSG_PEEK | MSG_TRUNC, (struct sockaddr *)&from, &len));
	TELL("%s, %d bytes\n", from.sun_path, (int)len);
	SHOW(recvfrom(r, buf, 3, 0, (struct sockaddr *)&from, NULL));
	SHOW(recvfrom(r, buf, 3, 0, NULL, NULL));
	SHOW(sendto(s, "x", 1, 0, NULL, 0));
	SHOW(SYS(sendto, s, BAD, 4, 0, &b, sizeof(b)));
	SHOW(SYS(sendto, s, "x", 1, 0, BAD, sizeof(b)));
}

CASE(seqpacket, socketpair, recvfrom, sendto)
{
	int s[2];
	char buf[8];

	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	SHOW(send(s[0], "abc", 3, 0));
	SHOW(send(s[0], "defgh", 5, MSG_EOR));
	SHOW(recv(s[1], buf, 2, 0));
	SHOW(recv(s[1], buf, 8, MSG_WAITALL));
	SHOW(recv(s[1], buf, 8, MSG_DONTWAIT));
	close(s[0]);
	SHOW(recv(s[1], buf, 8, 0));
	SHOW(send(s[1], "x", 1, MSG_NOSIGNAL));
}

CASE(shutdown, shutdown)
{
	int s[2];
	char c;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	SHOW(shutdown(s[0], SHUT_WR));
	SHOW(read(s[1], &c, 1));
	SHOW(send(s[0], "x", 1, MSG_NOSIGNAL));
	SHOW(shutdown(s[0], 9));
	SHOW(shutdown(99, SHUT_RD));
	SHOW(shutdown(0, SHUT_RD));
	SHOW(shutdown((int)MUST(socket(AF_INET, SOCK_STREAM, 0)), SHUT_RD));
}

CASE(options, getsockopt, setsockopt)
{
	int s = (int)MUST(socket(AF_INET, SOCK_STREAM, 0)), value = 1;
	struct linger linger = {1, 5};
	struct timeval t = {1, 500000};
	socklen_t len = sizeof(value);

	SHOW(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value)));
	SHOW(getsockopt(s, SOL_SOCKET, SO_TYPE, &value, &len));
	TELL("type %d\n", value);
	SHOW(setsockopt(s, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	len = sizeof(linger);
	SHOW(getsockopt(s, SOL_SOCKET, SO_LINGER, &linger, &len));
	TELL("linger %d %d\n", linger.l_onoff, linger.l_linger);
	SHOW(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	len = 100;
	SHOW(getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &t, &len));
	TELL("%ld.%ld, %d bytes\n", (long)t.tv_sec, (long)t.tv_usec, (int)len);
	value = 1;
	SHOW(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value)));
	SHOW(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &value, 1));
	SHOW(setsockopt(s, SOL_SOCKET, 9999, &value, sizeof(value)));
	SHOW(getsockopt(s, 9999, 1, &value, &len));
	SHOW(setsockopt(0, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value)));
	len = (socklen_t)-1;
	SHOW(getsockopt(s, SOL_SOCKET, SO_TYPE, &value, &len));
}

CASE(receive_timeout, recvfrom, setsockopt)
{
	struct timeval t = {0, 20000};
	int s[2];
	char c;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	MUST(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	SHOW(recv(s[0], &c, 1, 0));
}

static int tcp_listener(struct sockaddr_in *a)
{
	int l = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	socklen_t len = sizeof(*a);

	*a = (struct sockaddr_in){.sin_family = AF_INET};
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(bind(l, any(a), sizeof(*a)));
	MUST(listen(l, 4));
	MUST(getsockname(l, (struct sockaddr *)a, &len));
	return l;
}

CASE(tcp, socket, bind, listen, connect, accept4)
{
	struct sockaddr_in a, from;
	socklen_t len = sizeof(from);
	int l = tcp_listener(&a), c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0)), s;
	char buf[8] = "";

	SHOW(connect(c, any(&a), sizeof(a)));
	s = (int)SHOW(accept4(l, (struct sockaddr *)&from, &len, SOCK_NONBLOCK));
	TELL("%s, %d bytes\n", inet_ntoa(from.sin_addr), (int)len);
	SHOW(recv(s, buf, 8, 0));
	SHOW(send(c, "hello", 5, 0));
	SHOW(recv(s, buf, 5, MSG_WAITALL | MSG_PEEK) > 0);
	SHOW(accept4(l, NULL, NULL, 0x100));
	SHOW(accept4(s, NULL, NULL, 0));
	close(c);
}

CASE(tcp_refused, connect)
{
	struct sockaddr_in a;
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));

	close(tcp_listener(&a));
	SHOW(connect(c, any(&a), sizeof(a)));
	SHOW(connect(c, any(&a), 3));
	SHOW(SYS(connect, c, BAD, 16));
	SHOW(connect(99, any(&a), sizeof(a)));
	SHOW(connect(0, any(&a), sizeof(a)));
}

CASE(tcp_nonblocking, connect, getsockopt)
{
	struct sockaddr_in a;
	int l = tcp_listener(&a), error = -1;
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	socklen_t len = sizeof(error);

	connect(c, any(&a), sizeof(a));
	GOOD(accept(l, NULL, NULL));
	SHOW(getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &len));
	TELL("error %d\n", error);
	MUST(fcntl(l, F_SETFL, O_NONBLOCK));
	SHOW(accept(l, NULL, NULL));
}

CASE(tcp_reset, recvfrom, write)
{
	struct sockaddr_in a;
	struct linger hard = {1, 0};
	int l = tcp_listener(&a), c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0)), s;
	char b;

	MUST(connect(c, any(&a), sizeof(a)));
	s = (int)MUST(accept(l, NULL, NULL));
	MUST(setsockopt(c, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	close(c);
	SHOW(recv(s, &b, 1, 0));
	SHOW(recv(s, &b, 1, 0));
	SHOW(send(s, "x", 1, MSG_NOSIGNAL));
}

CASE(udp, sendto, recvfrom)
{
	struct sockaddr_in a = {.sin_family = AF_INET}, from;
	socklen_t len = sizeof(a);
	int r = (int)MUST(socket(AF_INET, SOCK_DGRAM, 0));
	int s = (int)MUST(socket(AF_INET, SOCK_DGRAM, 0));
	char buf[8] = "";

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(bind(r, any(&a), sizeof(a)));
	MUST(getsockname(r, (struct sockaddr *)&a, &len));
	SHOW(sendto(s, "hello", 5, 0, any(&a), sizeof(a)));
	len = 4;
	SHOW(recvfrom(r, buf, 8, 0, (struct sockaddr *)&from, &len));
	TELL("%s, %d bytes\n", buf, (int)len);
	SHOW(connect(s, any(&a), sizeof(a)));
	SHOW(send(s, "again", 5, 0));
	SHOW(recv(r, buf, 2, MSG_TRUNC));
	SHOW(send(s, buf, 0, 0));
	SHOW(recv(r, buf, 8, 0));
	SHOW(SYS(recvfrom, r, buf, 8, MSG_DONTWAIT, NULL, NULL));
	SHOW(SYS(recvfrom, r, BAD, 8, MSG_DONTWAIT, NULL, NULL));
}

CASE(ipv6_and_netlink, socket, bind)
{
	struct sockaddr nl = {.sa_family = AF_NETLINK};
	int s = (int)SHOW(socket(AF_NETLINK, SOCK_RAW, 0));

	SHOW(bind(s, &nl, 12));
	SHOW(socket(AF_INET6, SOCK_STREAM, 0));
	SHOW(listen(s, 1));
}

static void on_signal(int sig)
{
	(void)sig;
}

CASE(interrupted, recvfrom, accept)
{
	struct sockaddr_in a;
	int l = tcp_listener(&a), s[2];
	char c;

	abi_handler(SIGUSR1, on_signal, 0);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	abi_interrupt_after(30);
	SHOW(recv(s[0], &c, 1, 0));
	abi_interrupt_after(30);
	SHOW(accept(l, NULL, NULL));
}

CASE(sioc, ioctl)
{
	int s[2], n = -1;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	MUST(write(s[0], "abc", 3));
	SHOW(ioctl(s[1], FIONREAD, &n));
	TELL("%d\n", n);
	SHOW(ioctl(s[1], 0x8905, &n)); /* SIOCATMARK */
}
