/* SPDX-License-Identifier: MIT */
/*
 * The window's thread and its clients: requests over real sockets, files that travel, proxies
 * that say nonsense, hang up, or die between the VMM's answer and the LWK's.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "vmm/window_serve.h"

#define GPA  (5ULL << 30)
#define SIZE (8 * WINDOW_CHUNK)
#define PAGE ABI_PAGE
#define SLOT 5
#define PROC 3

static struct window w;
static struct window_serve s;
static struct abi_share *share;
static struct problem problem;
static struct proto_window_answer answer;
static int sock, lent;

static void setup(void)
{
	share = mmap(NULL, ABI_SHARE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);
	ck_assert_int_eq(window_create(&w, GPA, SIZE, &problem), 0);
	ck_assert_int_eq(window_serve_create(&s, &w, share, &problem), 0);
	ck_assert_int_eq(window_serve_start(&s, &problem), 0);
	sock = window_connect(&s, PROC);
	ck_assert_int_ge(sock, 0);
}

static void teardown(void)
{
	window_serve_stop(&s);
	window_serve_destroy(&s);
	window_destroy(&w);
}

static int memory(uint64_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void send_fds(const void *packet, size_t size, const int *fd, unsigned n)
{
	char control[CMSG_SPACE(2 * sizeof(int))] = {0};
	struct iovec iov = {(void *)packet, size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n) {
		struct cmsghdr *c = (struct cmsghdr *)control;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fd, n * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(sock, &msg, MSG_NOSIGNAL), (ssize_t)size);
}

static int hear(void)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {&answer, sizeof(answer)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	const struct cmsghdr *c;

	lent = -1;
	ck_assert_int_eq(recvmsg(sock, &msg, 0), sizeof(answer));
	c = CMSG_FIRSTHDR(&msg);
	if (c)
		memcpy(&lent, CMSG_DATA(c), sizeof(lent));
	return answer.err;
}

static int ask(struct proto_window packet, int fd)
{
	packet.type = PROTO_WINDOW;
	packet.slot = SLOT;
	packet.seq = share->mbox[SLOT].seq;
	send_fds(&packet, sizeof(packet), &fd, fd >= 0);
	return hear();
}

static int ask_map(int fd, uint64_t len)
{
	struct proto_window packet = {.op = PROTO_WINDOW_MAP, .writable = 1, .len = len};

	return ask(packet, fd);
}

/* The LWK's request, as it stands while its proxy works for it. */
static void begin(uint32_t state)
{
	share->mbox[SLOT].seq++;
	share->mbox[SLOT].state = state;
}

static void leave(void)
{
	close(sock);
	window_disconnect(&s, PROC);
	while (window_owes(&s, PROC))
		sched_yield();
}

static bool hung_up(void)
{
	struct pollfd peer = {.fd = sock, .events = POLLIN};

	return poll(&peer, 1, 5000) == 1 && recv(sock, &answer, sizeof(answer), 0) <= 0;
}

static unsigned fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

START_TEST(a_file_travels)
{
	int fd = memory(3 * PAGE);
	struct window_use use;

	begin(ABI_MBOX_RUNNING);
	ck_assert_int_eq(ask_map(fd, 3 * PAGE), 0);
	ck_assert_uint_eq(answer.at.gpa, GPA);
	ck_assert_uint_eq(answer.at.len, 3 * PAGE);
	ck_assert_int_eq(lent, -1);
	/* And back, to one who has it no more. */
	begin(ABI_MBOX_RUNNING);
	ck_assert_int_eq(ask((struct proto_window){.op = PROTO_WINDOW_GROW,
				     .gpa = GPA + PAGE,
				     .distance = PAGE,
				     .len = PAGE},
				 -1),
		0);
	ck_assert_uint_eq(answer.at.gpa, GPA + 2 * PAGE);
	ck_assert_uint_eq(answer.offset, 2 * PAGE);
	ck_assert_int_ge(lent, 0);
	ck_assert_int_eq(pwrite(lent, "same", 4, 0), 4);
	ck_assert_int_eq(memcmp(w.host, "same", 4), 0);
	window_put(&w, GPA, 3 * PAGE);
	use = window_use(&w);
	ck_assert_uint_eq(use.pages, 1);
	ck_assert_uint_eq(use.requests, 2);
	/* Undone: what the proxy could not map. */
	ck_assert_int_eq(ask((struct proto_window){.op = PROTO_WINDOW_UNDO}, -1), 0);
	ck_assert_int_eq(ask((struct proto_window){.op = PROTO_WINDOW_UNDO}, -1), 0); /* once */
	ck_assert_uint_eq(window_use(&w).pages, 0);
}
END_TEST

START_TEST(refusals_are_answers)
{
	int pair[2] = {memory(PAGE), memory(PAGE)};
	struct proto_window packet = {.type = PROTO_WINDOW, .slot = SLOT, .len = PAGE};
	unsigned before = fds();

	ck_assert_int_eq(ask_map(-1, PAGE), -EBADF);
	ck_assert_int_eq(ask_map(pair[0], 0), -EINVAL);
	ck_assert_int_eq(ask((struct proto_window){.op = 99}, pair[0]), -ENOSYS);
	/* More descriptors than belong to it: none is kept. */
	send_fds(&packet, sizeof(packet), pair, 2);
	ck_assert_int_eq(hear(), -ENFILE);
	/* One where none belongs. */
	ck_assert_int_eq(ask((struct proto_window){.op = PROTO_WINDOW_GROW}, pair[0]), -EFAULT);
	ck_assert_uint_eq(fds(), before);
	ck_assert_uint_eq(window_use(&w).refused, 5);
}
END_TEST

START_TEST(nonsense_is_not_heard_twice)
{
	static const struct proto_window slot = {.type = PROTO_WINDOW, .slot = ABI_MAX_THREADS};
	int fd = memory(PAGE);
	unsigned before = fds();

	/* 0: no such packet, 1: a mailbox that is none. */
	if (_i == 0)
		send_fds("nonsense", 8, &fd, 1);
	else
		send_fds(&slot, sizeof(slot), &fd, 1);
	ck_assert(hung_up());
	while (fds() != before)
		sched_yield();
	/* Others are served, and the index is free again once its proxy is gone. */
	leave();
	sock = window_connect(&s, PROC);
	ck_assert_int_eq(ask_map(memory(PAGE), PAGE), 0);
}
END_TEST

/* The proxy dies. 0: before the LWK had the answer; 1: after; 2: and the mailbox has gone on.
 */
START_TEST(death_after_the_answer)
{
	static const uint32_t state[] = {ABI_MBOX_RUNNING, ABI_MBOX_DONE, ABI_MBOX_REQUEST};

	begin(ABI_MBOX_RUNNING);
	ck_assert_int_eq(ask_map(memory(2 * PAGE), 2 * PAGE), 0);
	ck_assert_uint_eq(window_use(&w).pages, 2);
	if (_i == 2)
		begin(ABI_MBOX_REQUEST);
	share->mbox[SLOT].state = state[_i];
	leave();
	ck_assert_uint_eq(window_use(&w).pages, _i ? 2 : 0);
	while (window_use(&w).objects != (_i ? 1 : 0))
		sched_yield();
}
END_TEST

/* The thread is busy for a client that leaves: what it finds for it is for nobody. */
START_TEST(death_before_the_answer)
{
	struct proto_window packet = {
		.type = PROTO_WINDOW, .op = PROTO_WINDOW_MAP, .slot = SLOT, .len = PAGE};

	for (unsigned i = 0; i < 300; i++) {
		int fd = memory(PAGE);

		begin(ABI_MBOX_RUNNING);
		packet.seq = share->mbox[SLOT].seq;
		send_fds(&packet, sizeof(packet), &fd, 1);
		close(fd);
		for (unsigned k = i % 7; k; k--)
			sched_yield();
		leave();
		ck_assert_uint_eq(window_use(&w).pages, 0);
		sock = window_connect(&s, PROC);
	}
	while (window_use(&w).objects)
		sched_yield();
}
END_TEST

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void *drop_soon(void *arg)
{
	usleep(20000);
	window_put(&w, GPA, PAGE);
	atomic_store(&w.owed, 0);
	return NULL;
}

/* Who asks in vain does not hold up the others; who asks while room comes, gets it. */
START_TEST(full_for_good_or_for_a_while)
{
	pthread_t thread;
	double start;

	for (unsigned i = 0; i < w.nchunks; i++)
		ck_assert_int_eq(ask_map(memory(PAGE), PAGE), 0);
	start = now_s();
	for (unsigned i = 0; i < 20; i++)
		ck_assert_int_eq(ask_map(memory(PAGE), PAGE), -ENOMEM);
	ck_assert(now_s() - start < 1); /* 2 s, if each waited */
	atomic_store(&w.owed, 1);
	pthread_create(&thread, NULL, drop_soon, NULL);
	ck_assert_int_eq(ask_map(memory(PAGE), PAGE), 0);
	pthread_join(thread, NULL);
	/* In the guest's ring, and nobody takes it: for a time. */
	share->reclaim.head = 1;
	ck_assert_int_eq(ask_map(memory(PAGE), PAGE), -ENOMEM);
	ck_assert(now_s() - start >= 0.1);
}
END_TEST

/* Held up, as by a file system that does not answer. The end comes all the same. */
START_TEST(an_end_without_the_thread)
{
	struct proto_window packet = {
		.type = PROTO_WINDOW, .op = PROTO_WINDOW_MAP, .slot = SLOT, .len = PAGE};
	int fd = memory(PAGE);
	unsigned before = fds();

	pthread_mutex_lock(&w.lock);
	send_fds(&packet, sizeof(packet), &fd, 1);
	while (fds() == before)
		sched_yield();
	window_serve_stop(&s);
	ck_assert(w.stuck);
	window_serve_destroy(&s);
	window_destroy(&w);
	/* It goes on one day: all that it uses is there. */
	pthread_mutex_unlock(&w.lock);
	ck_assert_int_eq(hear(), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("window_serve");
	TCase *tc = tcase_create("window_serve");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_file_travels);
	tcase_add_test(tc, refusals_are_answers);
	tcase_add_loop_test(tc, nonsense_is_not_heard_twice, 0, 2);
	tcase_add_loop_test(tc, death_after_the_answer, 0, 3);
	tcase_add_test(tc, death_before_the_answer);
	tcase_add_test(tc, full_for_good_or_for_a_while);
	tcase_add_test(tc, an_end_without_the_thread);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
