/* SPDX-License-Identifier: MIT */
#include "vmm/window_serve.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE (128u << 10)
#define WAKE       ABI_MAX_PROCS /* epoll: our own eventfd; below: a client */

#define STOP_S 3 /* for the thread's end: it may be in a file system that does not answer */

/* Where the window is full: what was just unmapped may still be with the janitor. */
#define FULL_TRIES 50
#define FULL_NS    (2 * 1000 * 1000)

/* ---- one request ---- */

static void packet_receive(
	int sock, struct proto_window *packet, ssize_t *len, int *fd, bool *lost)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {packet, sizeof(*packet)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int)), /* the padding would take a second */
	};
	const struct cmsghdr *c;

	*fd = -1;
	*len = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	c = *len > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	*lost = *len > 0 && msg.msg_flags & MSG_CTRUNC;
}

/* MSG_DONTWAIT: who does not read his answer does not get it. */
static bool answer_send(int sock, const struct proto_window_answer *answer, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)answer, sizeof(*answer)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(*answer);
}

static int request_once(struct window *w, const struct proto_window *packet, int fd,
	struct proto_window_answer *answer, int *lend)
{
	struct window_file file = {fd, packet->writable, packet->offset, packet->len};

	switch (packet->op) {
	case PROTO_WINDOW_MAP:
		return fd < 0 ? -EBADF : window_map(w, &file, &answer->at);
	case PROTO_WINDOW_GROW:
		return window_more(w, packet->gpa, packet->distance, packet->len, &answer->at,
			&answer->offset, lend);
	case PROTO_WINDOW_ATTACH:
		return window_attach(w, packet->shmid, packet->flags, &answer->at);
	default:
		return -ENOSYS;
	}
}

/* References are on their way to be dropped: to the janitor, with it, or from it to us. */
static bool room_comes(const struct window_serve *s)
{
	const struct abi_ring *reclaim = &s->share->reclaim;

	if (atomic_load(&s->stop))
		return false;
	/* Acquire: what the janitor has taken by then is in window->owed. */
	return __atomic_load_n(&reclaim->head, __ATOMIC_ACQUIRE) !=
		       __atomic_load_n(&reclaim->tail, __ATOMIC_ACQUIRE) ||
	       window_will_have_room(s->window);
}

static int request_do(const struct window_serve *s, const struct proto_window *packet, int fd,
	struct proto_window_answer *answer, int *lend)
{
	const struct timespec pause = {.tv_nsec = FULL_NS};

	for (unsigned i = 0;; i++) {
		int err;

		window_sweep(s->window);
		err = request_once(s->window, packet, fd, answer, lend);
		if (err != -ENOMEM || i == FULL_TRIES || !room_comes(s))
			return err;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
}

/* ---- clients ---- */

/* Under the lock. */
static void client_forget(struct window_serve *s, struct window_client *c)
{
	if (c->len)
		window_put(s->window, c->gpa, c->len);
	c->len = 0;
}

/*
 * The answer and what we know of it change together with `leaving`, under the lock: who has
 * left by then gets nothing, and what he was given is dropped; who leaves later finds it noted.
 */
static void client_answer(struct window_serve *s, struct window_client *c,
	const struct proto_window *packet, const struct proto_window_answer *answer, int lend)
{
	window_count(s->window, answer->err);
	pthread_mutex_lock(&s->lock);
	c->slot = packet->slot;
	c->seq = packet->seq;
	c->gpa = answer->at.gpa;
	c->len = answer->err ? 0 : answer->at.len;
	if (c->leaving || !answer_send(c->sock, answer, lend))
		client_forget(s, c);
	pthread_mutex_unlock(&s->lock);
}

static void client_undo(struct window_serve *s, struct window_client *c)
{
	const struct proto_window_answer answer = {0};

	pthread_mutex_lock(&s->lock);
	client_forget(s, c);
	answer_send(c->sock, &answer, -1);
	pthread_mutex_unlock(&s->lock);
}

/* Nothing is heard from this socket any more. What the client has stays until it has left. */
static void client_deafen(const struct window_serve *s, const struct window_client *c)
{
	epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, c->sock, NULL);
	shutdown(c->sock, SHUT_RDWR);
}

static void client_serve(struct window_serve *s, struct window_client *c)
{
	struct proto_window_answer answer = {0};
	struct proto_window packet = {0};
	int fd, lend = -1;
	ssize_t len;
	bool lost;

	packet_receive(c->sock, &packet, &len, &fd, &lost);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len != sizeof(packet) || packet.type != PROTO_WINDOW ||
		packet.slot >= ABI_MAX_THREADS) {
		client_deafen(s, c);
	} else if (packet.op == PROTO_WINDOW_UNDO) {
		client_undo(s, c);
	} else {
		answer.err = lost ? -ENFILE : request_do(s, &packet, fd, &answer, &lend);
		/* Not ours any more when the client goes on. */
		if (fd >= 0)
			close(fd);
		fd = -1;
		if (answer.err)
			answer.at = (struct abi_window_answer){0};
		client_answer(s, c, &packet, &answer, lend);
	}
	if (fd >= 0)
		close(fd);
}

static void clients_leave(struct window_serve *s)
{
	for (unsigned i = 0; i < ABI_MAX_PROCS; i++) {
		struct window_client *c = &s->client[i];

		pthread_mutex_lock(&s->lock);
		if (c->leaving) {
			close(c->sock);
			c->sock = -1;
			c->leaving = false;
			/* Release: the index may be used again. */
			atomic_store(&c->used, false);
		}
		pthread_mutex_unlock(&s->lock);
	}
}

static void *window_main(void *arg)
{
	struct window_serve *s = arg;
	uint64_t count;

	while (!atomic_load(&s->stop)) {
		struct epoll_event event;

		if (epoll_wait(s->epoll_fd, &event, 1, -1) != 1)
			continue;
		if (event.data.u32 < ABI_MAX_PROCS) {
			client_serve(s, &s->client[event.data.u32]);
		} else if (read(s->wake_fd, &count, sizeof(count)) > 0) {
			clients_leave(s);
			window_sweep(s->window);
		}
	}
	return NULL;
}

/* ---- the main thread ---- */

static void wake(const struct window_serve *s)
{
	const uint64_t one = 1;

	if (write(s->wake_fd, &one, sizeof(one)) < 0)
		note_print("window: eventfd says %s", strerror(errno));
}

int window_connect(struct window_serve *s, unsigned proc)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = proc};
	struct window_client *c = &s->client[proc];
	int sock[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		return -errno;
	*c = (struct window_client){.sock = sock[0], .used = true};
	if (!epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, sock[0], &event))
		return sock[1];
	err = -errno;
	close(sock[0]);
	close(sock[1]);
	*c = (struct window_client){.sock = -1};
	return err;
}

/* The answer's mailbox still waits for its proxy, which is gone: the LWK has not got it. */
static bool answer_stuck(const struct window_serve *s, const struct window_client *c)
{
	const struct abi_mbox *mbox = &s->share->mbox[c->slot];
	uint32_t state = __atomic_load_n(&mbox->state, __ATOMIC_ACQUIRE);

	return mbox->seq == c->seq && (state == ABI_MBOX_REQUEST || state == ABI_MBOX_RUNNING);
}

void window_disconnect(struct window_serve *s, unsigned proc)
{
	struct window_client *c = &s->client[proc];

	if (!atomic_load(&c->used))
		return;
	pthread_mutex_lock(&s->lock);
	c->leaving = true;
	if (answer_stuck(s, c))
		client_forget(s, c);
	c->len = 0;
	pthread_mutex_unlock(&s->lock);
	wake(s);
}

bool window_owes(struct window_serve *s, unsigned proc)
{
	return atomic_load(&s->client[proc].used);
}

int window_serve_create(struct window_serve *s, struct window *window,
	const struct abi_share *share, struct problem *problem)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = WAKE};

	*s = (struct window_serve){.window = window, .share = share};
	for (unsigned i = 0; i < ABI_MAX_PROCS; i++)
		s->client[i].sock = -1;
	pthread_mutex_init(&s->lock, NULL);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->epoll_fd < 0 || s->wake_fd < 0 ||
		epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->wake_fd, &event)) {
		problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"window: no descriptors (%s): raise `ulimit -n`", strerror(errno));
		window_serve_destroy(s);
		return -EMFILE;
	}
	window->wake_fd = s->wake_fd;
	return 0;
}

void window_serve_destroy(struct window_serve *s)
{
	if (s->window->stuck)
		return;
	for (unsigned i = 0; i < ABI_MAX_PROCS; i++)
		if (s->client[i].sock >= 0)
			close(s->client[i].sock);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	pthread_mutex_destroy(&s->lock);
	s->window->wake_fd = -1;
}

int window_serve_start(struct window_serve *s, struct problem *problem)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	err = -pthread_create(&s->thread, &attr, window_main, s);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->started = !err;
	if (err)
		return problem_set(problem, err, EXIT_LWVMM_FAILED,
			"window: no thread could be made (%s): raise `ulimit -u`",
			strerror(-err));
	return 0;
}

void window_serve_stop(struct window_serve *s)
{
	struct timespec end;

	if (!s->started)
		return;
	atomic_store(&s->stop, true);
	wake(s);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += STOP_S;
	if (pthread_clockjoin_np(s->thread, NULL, CLOCK_MONOTONIC, &end)) {
		note_print("window: a file system does not answer: going on without it");
		/* What the thread uses is left to the VMM's end, and its end to the kernel. */
		s->window->stuck = true;
	}
	s->started = false;
}
