/* SPDX-License-Identifier: MIT */
/*
 * Bad pointers to every call that takes one. For each call a line of good arguments; each
 * pointer in turn is replaced by addresses that must not work. Prints what came of it: a native
 * run says what is right.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <arpa/inet.h>

#include "badptr_calls.h"
#include "check.h"

#define PAGE 4096L
#define CALL(name, args)                                                                       \
	{                                                                                      \
#name, SYS_##name, args                                                        \
	}

static const struct bad_call {
	const char *name;
	long nr;
	const char *args;
} bad_calls[] = {BAD_CALLS};

/* Good arguments by letter; digits are numbers. Upper case: a pointer, tested. */
static long fd_file, fd_zero, fd_null, fd_dir, fd_sock, fd_udp, fd_pair[2], fd_listen, fd_epoll,
	fd_event, fd_timer, fd_other;
static struct sockaddr_in udp_name, listen_name;
static char *scratch, *read_only, *unmapped, *none;

enum bad {
	NULL_PTR,
	LOW,
	NO_ACCESS,
	UNMAPPED,
	READ_ONLY,
	CROSSING,
	KERNEL,
	IMAGE,
	STRANGE,
	NBAD
};
static const char *const bad_name[NBAD] = {"null", "low", "no access", "unmapped", "read-only",
	"crossing", "kernel", "image", "strange"};

static long bad_value(enum bad bad)
{
	switch (bad) {
	case NULL_PTR:
		return 0;
	case LOW:
		return 8;
	case NO_ACCESS:
		return (long)none + 64;
	case UNMAPPED:
		return (long)unmapped + 64;
	case READ_ONLY:
		return (long)read_only;
	case CROSSING: /* three bytes of scratch, then nothing */
		return (long)scratch + PAGE - 3;
	case KERNEL:
		return (long)0xffff888000000000;
	case IMAGE:
		return (long)0xffffffff80200000;
	default:
		return 0x0123456789abcdef;
	}
}

static void make_memory(void)
{
	char *p = mmap(
		NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	scratch = p;
	none = p + PAGE;
	read_only = p + 2 * PAGE;
	unmapped = p + 3 * PAGE;
	CHECK(mprotect(none, PAGE, PROT_NONE) == 0 &&
		mprotect(read_only, PAGE, PROT_READ) == 0);
	CHECK(munmap(unmapped, PAGE) == 0);
}

static void make_descriptors(void)
{
	struct epoll_event event = {.events = EPOLLIN};

	fd_file = open("bad.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd_file >= 0 && ftruncate((int)fd_file, 10000) == 0);
	fd_zero = open("/dev/zero", O_RDONLY);
	fd_null = open("/dev/null", O_WRONLY);
	fd_dir = open("/", O_RDONLY | O_DIRECTORY);
	fd_other = open("/tmp", O_RDWR | O_TMPFILE, 0600);
	fd_event = eventfd(1, EFD_NONBLOCK);
	fd_timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	CHECK(fd_zero >= 0 && fd_null >= 0 && fd_dir >= 0 && fd_other >= 0);
	fd_epoll = epoll_create1(0);
	CHECK(epoll_ctl((int)fd_epoll, EPOLL_CTL_ADD, (int)fd_event, &event) == 0);
	event.events = 0;
	CHECK(epoll_ctl((int)fd_epoll, EPOLL_CTL_ADD, (int)fd_timer, &event) == 0);
}

static long bound_socket(int type, struct sockaddr_in *name)
{
	int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(*name);

	name->sin_family = AF_INET;
	name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)name, len) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)name, &len) == 0);
	return fd;
}

static void make_sockets(void)
{
	int pair[2];

	fd_sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	CHECK(fd_sock >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	fd_pair[0] = pair[0];
	fd_pair[1] = pair[1];
	fd_udp = bound_socket(SOCK_DGRAM, &udp_name);
	fd_listen = bound_socket(SOCK_STREAM, &listen_name);
	CHECK(listen((int)fd_listen, 100) == 0);
}

/* Something to read and somebody to accept, so that a call gets as far as its pointers. */
static void prime(const struct bad_call *call)
{
	char byte;
	int fd;

	lseek((int)fd_file, 0, SEEK_SET);
	while (recv((int)fd_udp, &byte, 1, 0) >= 0)
		;
	CHECK(sendto((int)fd_udp, "something", 9, 0, (struct sockaddr *)&udp_name,
		      sizeof(udp_name)) == 9);
	if (call->nr == SYS_accept || call->nr == SYS_accept4) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		CHECK(fd >= 0);
		CHECK(connect(fd, (struct sockaddr *)&listen_name, sizeof(listen_name)) == 0);
		CHECK(close(fd) == 0);
	}
}

/* Contents that each good pointer needs. */
static long good_pointer(char kind)
{
	static char path[] = "/nowhere/to/be/found", address[64];
	static long words[512];
	static struct {
		void *base;
		size_t len;
	} iov = {path, 8};
	static struct msghdr msg;

	switch (kind) {
	case 'P':
		return (long)".";
	case 'Q':
		return (long)path;
	case 'B':
		return (long)"bad.tmp";
	case 'X':
		return (long)"/proc/self/exe";
	case 'V': /* iovec of one */
		return (long)&iov;
	case 'M': /* msghdr */
		memset(&msg, 0, sizeof(msg));
		msg.msg_iov = (struct iovec *)&iov;
		msg.msg_iovlen = 1;
		return (long)&msg;
	case 'L': /* length of a socket address, in and out */
		words[500] = 128;
		return (long)&words[500];
	case 'S':
		memcpy(address, &udp_name, sizeof(udp_name));
		return (long)address;
	default: /* zeroes, to read or to be written */
		memset(words, 0, sizeof(words));
		return (long)words;
	}
}

static long good_value(const char *word)
{
	switch (*word) {
	case 'f':
		return fd_file;
	case 'z':
		return fd_zero;
	case 'n':
		return fd_null;
	case 'd':
		return fd_dir;
	case 's':
		return fd_sock;
	case 'l':
		return fd_listen;
	case 'e':
		return fd_epoll;
	case 'v':
		return fd_event;
	case 't':
		return fd_timer;
	case 'u':
		return fd_udp;
	case 'c':
		return fd_pair[0];
	case 'g':
		return fd_other;
	case 'p':
		return getpid();
	default:
		break;
	}
	return *word >= 'A' && *word <= 'Z' ? good_pointer(*word) : strtol(word, NULL, 0);
}

static int parse(const char *text, char kind[6], long arg[6])
{
	char copy[128], *word, *rest = copy;
	int n = 0;

	CHECK(strlen(text) < sizeof(copy));
	strcpy(copy, text);
	while ((word = strsep(&rest, " ")) != NULL) {
		kind[n] = *word;
		arg[n++] = good_value(word);
	}
	for (int i = n; i < 6; i++)
		arg[i] = 0;
	return n;
}

static void call_with(const struct bad_call *call, int position, enum bad bad)
{
	char kind[6];
	long arg[6], result;

	prime(call);
	if (position >= parse(call->args, kind, arg) || kind[position] < 'A' ||
		kind[position] > 'Z')
		return;
	if (kind[position] == 'N' && bad == NULL_PTR)
		return;
	memcpy(scratch + PAGE - 3, "zzz", 3);
	arg[position] = bad_value(bad);
	errno = 0;
	result = syscall(call->nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	printf("%s argument %d %s: ", call->name, position, bad_name[bad]);
	if (result == -1)
		printf("%s\n", strerrorname_np(errno));
	else
		printf("good\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	alarm(60);
	make_memory();
	make_descriptors();
	make_sockets();
	for (size_t i = 0; i < ARRAY_LEN(bad_calls); i++) {
		if (argc > 1 && strcmp(argv[1], bad_calls[i].name) != 0)
			continue;
		for (int position = 0; position < 6; position++) {
			for (int bad = 0; bad < NBAD; bad++)
				call_with(&bad_calls[i], position, (enum bad)bad);
		}
	}
	return unlink("bad.tmp");
}
