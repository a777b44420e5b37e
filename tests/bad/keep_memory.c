/* SPDX-License-Identifier: MIT */
/*
 * keep_memory SOCKET LOOK: says HELLO to a guest as a proxy does, and gives the descriptors of
 * its memory to a process that the guest's VMM knows nothing of. That one looks for a text in
 * the memory whenever a file LOOK.N (from 1) tells it one: "N: seen" or "N: not seen".
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/proto.h"

#define LOOKS 2

static int fds[PROTO_MAX_FDS];
static unsigned nfds;

static void must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static void hello(const char *path)
{
	struct proto_hello packet = {.type = PROTO_HELLO,
		.version = PROTO_VERSION,
		.pid = getpid(),
		.ppid = getppid(),
		.uid = getuid(),
		.gid = getgid(),
		.command = "keep_memory"};
	static union {
		uint32_t type;
		struct proto_welcome welcome;
	} answer;
	static char space[CMSG_SPACE(sizeof(fds))];
	struct iovec iov = {&answer, sizeof(answer)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space)};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	must(!connect(sock, (struct sockaddr *)&at, sizeof(at)), path);
	must(send(sock, &packet, sizeof(packet), 0) == sizeof(packet), "HELLO");
	must(recvmsg(sock, &msg, 0) > 0 && answer.type == PROTO_WELCOME && CMSG_FIRSTHDR(&msg),
		"WELCOME");
	nfds = (unsigned)((CMSG_FIRSTHDR(&msg)->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), nfds * sizeof(int));
}

static int is_in(const char *text)
{
	int found = 0;

	for (unsigned i = 0; i < nfds && !found; i++) {
		struct stat st;
		void *at;

		if (fstat(fds[i], &st) || !S_ISREG(st.st_mode) || !st.st_size)
			continue;
		at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fds[i], 0);
		must(at != MAP_FAILED, "mmap");
		found = memmem(at, (size_t)st.st_size, text, strlen(text)) != NULL;
		munmap(at, (size_t)st.st_size);
	}
	return found;
}

static void look(const char *base, unsigned n)
{
	char path[256], text[256];
	ssize_t len = 0;

	snprintf(path, sizeof(path), "%s.%u", base, n);
	while (len <= 0) {
		int fd = open(path, O_RDONLY);

		if (fd >= 0) {
			len = read(fd, text, sizeof(text) - 1);
			close(fd);
		}
		usleep(10000);
	}
	text[len] = '\0';
	printf("%u: %s\n", n, is_in(text) ? "seen" : "not seen");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	must(argc == 3, "keep_memory SOCKET LOOK");
	hello(argv[1]);
	printf("kept\n");
	fflush(stdout);
	/* The VMM kills the process that said HELLO. */
	if (fork()) {
		pause();
		return 0;
	}
	for (unsigned n = 1; n <= LOOKS; n++)
		look(argv[2], n);
	printf("end\n");
	return 0;
}
