/* SPDX-License-Identifier: MIT */
/* Messages of sockets: vectors, descriptors, credentials, several at once. */
#include "abi.h"

#include <sys/socket.h>
#include <sys/uio.h>

CASE(scm_rights, sendmsg, recvmsg)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} u = {.room = ""};
	struct iovec v = {"x", 1};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = u.room,
		.msg_controllen = sizeof(u.room)};
	char c = 0, buf[8] = "";
	int s[2], fd = abi_file("a", "content");

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	u.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(&u.h), &fd, sizeof(fd));
	SHOW(sendmsg(s[0], &m, 0));
	v.iov_base = &c;
	memset(&u, 0, sizeof(u));
	SHOW(recvmsg(s[1], &m, MSG_CMSG_CLOEXEC));
	memcpy(&fd, CMSG_DATA(&u.h), sizeof(fd));
	TELL("level %d type %d fd %d flags %x\n", u.h.cmsg_level, u.h.cmsg_type, fd,
		m.msg_flags & ~MSG_CMSG_CLOEXEC);
	SHOW(fcntl(fd, F_GETFD));
	SHOW(read(fd, buf, 8));
	TELL("%s\n", buf);
}

CASE(scm_rights_truncated, sendmsg, recvmsg)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(3 * sizeof(int))];
	} u = {.room = ""};
	struct iovec v = {"x", 1};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = u.room,
		.msg_controllen = sizeof(u.room)};
	char c = 0;
	int s[2], fds[3] = {0, 1, 2};

	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	u.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(fds)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(&u.h), fds, sizeof(fds));
	SHOW(sendmsg(s[0], &m, 0));
	v.iov_base = &c;
	m.msg_controllen = CMSG_LEN(sizeof(int));
	SHOW(recvmsg(s[1], &m, 0));
	TELL("truncated %d, %d bytes\n", !!(m.msg_flags & MSG_CTRUNC), (int)m.msg_controllen);
	fds[0] = 99;
	memcpy(CMSG_DATA(&u.h), fds, sizeof(fds));
	u.h.cmsg_len = CMSG_LEN(sizeof(fds));
	m.msg_controllen = sizeof(u.room);
	SHOW(sendmsg(s[0], &m, 0));
}

CASE(scm_credentials, setsockopt, recvmsg)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} u = {.room = ""};
	struct iovec v = {(char[4]){0}, 4};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = u.room,
		.msg_controllen = sizeof(u.room)};
	struct ucred cred = {0};
	int s[2], on = 1;

	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	SHOW(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	SHOW(write(s[0], "abc", 3));
	SHOW(recvmsg(s[1], &m, 0));
	memcpy(&cred, CMSG_DATA(&u.h), sizeof(cred));
	TRUE(cred.pid == getpid() && cred.uid == getuid() && cred.gid == getgid());
}

CASE(peercred, getsockopt)
{
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);
	int s[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	SHOW(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cred, &len));
	TRUE(cred.pid == getpid());
}

CASE(msg_vectors, sendmsg, recvmsg)
{
	char a[3] = "", b[3] = "";
	struct iovec out[2] = {{"abc", 3}, {"def", 3}}, in[2] = {{a, 2}, {b, 2}};
	struct msghdr m = {.msg_iov = out, .msg_iovlen = 2};
	int s[2];

	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	SHOW(sendmsg(s[0], &m, 0));
	m.msg_iov = in;
	SHOW(recvmsg(s[1], &m, 0));
	TELL("%s %s truncated %d\n", a, b, !!(m.msg_flags & MSG_TRUNC));
	m.msg_iovlen = 2000;
	SHOW(SYS(sendmsg, s[0], &m, 0));
	SHOW(SYS(sendmsg, s[0], BAD, 0));
	SHOW(SYS(recvmsg, s[1], BAD, MSG_DONTWAIT));
	SHOW(SYS(recvmsg, 99, &m, 0));
}

CASE(mmsg, sendmmsg, recvmmsg)
{
	char in[3][8] = {""};
	struct iovec o[3] = {{"one", 3}, {"two", 3}, {"three", 5}};
	struct iovec i[3] = {{in[0], 8}, {in[1], 2}, {in[2], 8}};
	struct mmsghdr m[3] = {0};
	struct timespec t = {0, 1000000};
	int s[2];

	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	for (int n = 0; n < 3; n++)
		m[n].msg_hdr = (struct msghdr){.msg_iov = &o[n], .msg_iovlen = 1};
	SHOW(sendmmsg(s[0], m, 3, 0));
	TELL("%d %d %d\n", m[0].msg_len, m[1].msg_len, m[2].msg_len);
	for (int n = 0; n < 3; n++)
		m[n].msg_hdr = (struct msghdr){.msg_iov = &i[n], .msg_iovlen = 1};
	SHOW(recvmmsg(s[1], m, 2, 0, NULL));
	TELL("%s %.2s %d\n", in[0], in[1], m[1].msg_len);
	SHOW(recvmmsg(s[1], m, 3, MSG_DONTWAIT, &t));
	SHOW(recvmmsg(s[1], m, 3, MSG_DONTWAIT, NULL));
	SHOW(sendmmsg(s[0], m, 0, 0));
}
