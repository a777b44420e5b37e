/* SPDX-License-Identifier: MIT */
/* Waiting for descriptors: poll, select, epoll. */
#include "abi.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>

static const struct abi_bit bits[] = {BIT(POLLIN), BIT(POLLOUT), BIT(POLLERR), BIT(POLLHUP),
	BIT(POLLNVAL), BIT(POLLRDHUP), BIT(POLLRDNORM), BIT(POLLWRNORM)};

static volatile int caught;

static void on_signal(int sig)
{
	caught = sig;
}

CASE(poll, poll)
{
	int p[2];
	struct pollfd f[3];

	MUST(pipe(p));
	f[0] = (struct pollfd){p[0], POLLIN, 0};
	f[1] = (struct pollfd){p[1], POLLOUT, 0};
	f[2] = (struct pollfd){-1, POLLIN, 5};
	SHOW(poll(f, 3, 0));
	BITS("read end", f[0].revents, bits);
	BITS("write end", f[1].revents, bits);
	TELL("%d\n", f[2].revents);
	MUST(write(p[1], "x", 1));
	SHOW(poll(f, 1, -1));
	BITS("read end", f[0].revents, bits);
	f[0].fd = 99;
	SHOW(poll(f, 1, 1000));
	BITS("none", f[0].revents, bits);
	SHOW(poll(NULL, 0, 5));
	SHOW(SYS(poll, BAD, 1, 0));
	SHOW(SYS(poll, f, 1 << 30, 0));
}

CASE(poll_hangup, poll)
{
	int p[2], s[2];
	struct pollfd f;

	MUST(pipe(p));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	close(p[1]);
	f = (struct pollfd){p[0], POLLIN, 0};
	SHOW(poll(&f, 1, 0));
	BITS("pipe", f.revents, bits);
	MUST(shutdown(s[1], SHUT_WR));
	f = (struct pollfd){s[0], POLLIN | POLLRDHUP, 0};
	SHOW(poll(&f, 1, 0));
	BITS("half", f.revents, bits);
	close(s[1]);
	SHOW(poll(&f, 1, 0));
	BITS("closed", f.revents, bits);
	MUST(pipe(p));
	close(p[0]);
	f = (struct pollfd){p[1], POLLOUT, 0};
	SHOW(poll(&f, 1, 0));
	BITS("no reader", f.revents, bits);
}

CASE(poll_timeout, poll)
{
	int p[2];
	struct pollfd f;
	uint64_t begin = abi_now_ns(CLOCK_MONOTONIC);

	MUST(pipe(p));
	f = (struct pollfd){p[0], POLLIN, 7};
	SHOW(poll(&f, 1, 40));
	TELL("%d\n", f.revents);
	TRUE(abi_now_ns(CLOCK_MONOTONIC) - begin >= 40000000);
}

CASE(poll_interrupted, poll)
{
	int p[2];
	struct pollfd f;

	abi_handler(SIGUSR1, on_signal, SA_RESTART);
	MUST(pipe(p));
	f = (struct pollfd){p[0], POLLIN, 0};
	abi_interrupt_after(30);
	SHOW(poll(&f, 1, -1));
	TELL("signal %d\n", caught);
}

static void *write_later(void *arg)
{
	abi_sleep_ms(40);
	MUST(write(*(int *)arg, "x", 1));
	return NULL;
}

CASE(poll_woken, poll)
{
	int p[2];
	struct pollfd f;
	unsigned long thread;

	MUST(pipe(p));
	f = (struct pollfd){p[0], POLLIN, 0};
	thread = abi_thread(write_later, &p[1]);
	SHOW(poll(&f, 1, 5000));
	BITS("read end", f.revents, bits);
	abi_join(thread);
}

CASE(ppoll, ppoll)
{
	int p[2];
	struct pollfd f;
	struct timespec t = {0, 20000000};
	sigset_t set;

	MUST(pipe(p));
	f = (struct pollfd){p[0], POLLIN, 0};
	SHOW(SYS(ppoll, &f, 1, &t, NULL, 8));
	t = (struct timespec){0, 2000000000};
	SHOW(SYS(ppoll, &f, 1, &t, NULL, 8));
	t = (struct timespec){-1, 0};
	SHOW(SYS(ppoll, &f, 1, &t, NULL, 8));
	sigemptyset(&set);
	SHOW(SYS(ppoll, &f, 1, NULL, &set, 4));
	SHOW(SYS(ppoll, &f, 1, BAD, NULL, 8));
	abi_handler(SIGUSR1, on_signal, 0);
	sigaddset(&set, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	MUST(raise(SIGUSR1));
	sigemptyset(&set);
	SHOW(ppoll(&f, 1, NULL, &set));
	TELL("signal %d\n", caught);
}

CASE(select, select)
{
	int p[2];
	fd_set in, out;
	struct timeval t = {0, 0};

	MUST(pipe(p));
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(p[0], &in);
	FD_SET(p[1], &out);
	SHOW(SYS(select, p[1] + 1, &in, &out, NULL, &t));
	TELL("%d %d\n", !!FD_ISSET(p[0], &in), !!FD_ISSET(p[1], &out));
	MUST(write(p[1], "x", 1));
	FD_SET(p[0], &in);
	SHOW(SYS(select, p[1] + 1, &in, &out, NULL, NULL));
	TELL("%d %d\n", !!FD_ISSET(p[0], &in), !!FD_ISSET(p[1], &out));
	FD_SET(90, &in);
	SHOW(SYS(select, 91, &in, NULL, NULL, &t));
	SHOW(SYS(select, -1, NULL, NULL, NULL, &t));
	t.tv_usec = -1;
	SHOW(SYS(select, 0, NULL, NULL, NULL, &t));
	SHOW(SYS(select, 4, BAD, NULL, NULL, NULL));
}

CASE(select_time_left, select, pselect6)
{
	struct timeval t = {5, 0};
	struct timespec ts = {0, 10000000};
	int p[2];
	fd_set out;

	MUST(pipe(p));
	FD_ZERO(&out);
	FD_SET(p[1], &out);
	SHOW(SYS(select, p[1] + 1, NULL, &out, NULL, &t));
	TRUE(t.tv_sec == 4 || (t.tv_sec == 5 && t.tv_usec == 0));
	t = (struct timeval){0, 20000};
	SHOW(SYS(select, 0, NULL, NULL, NULL, &t));
	TELL("%ld.%ld left\n", (long)t.tv_sec, (long)t.tv_usec);
	SHOW(SYS(pselect6, 0, NULL, NULL, NULL, &ts, NULL));
	TELL("%ld.%ld left\n", (long)ts.tv_sec, ts.tv_nsec);
	ts.tv_nsec = 2000000000;
	SHOW(SYS(pselect6, 0, NULL, NULL, NULL, &ts, NULL));
}

CASE(pselect_mask, pselect6)
{
	sigset_t set;

	abi_handler(SIGUSR1, on_signal, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	MUST(raise(SIGUSR1));
	TELL("signal %d\n", caught);
	sigemptyset(&set);
	SHOW(pselect(0, NULL, NULL, NULL, NULL, &set));
	TELL("signal %d\n", caught);
	MUST(sigprocmask(SIG_BLOCK, NULL, &set));
	SHOW(sigismember(&set, SIGUSR1));
}

CASE(epoll, epoll_create1, epoll_ctl, epoll_wait)
{
	int p[2], e = (int)SHOW(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event ev = {EPOLLIN, {.u64 = 0x1122334455667788}}, out[4];

	MUST(pipe(p));
	SHOW(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev));
	SHOW(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev));
	SHOW(epoll_wait(e, out, 4, 0));
	MUST(write(p[1], "x", 1));
	SHOW(epoll_wait(e, out, 4, -1));
	TELL("%x %lx\n", out[0].events, (unsigned long)out[0].data.u64);
	ev.events = EPOLLOUT;
	SHOW(epoll_ctl(e, EPOLL_CTL_MOD, p[0], &ev));
	SHOW(epoll_wait(e, out, 4, 0));
	SHOW(epoll_ctl(e, EPOLL_CTL_DEL, p[0], NULL));
	SHOW(epoll_ctl(e, EPOLL_CTL_DEL, p[0], NULL));
	SHOW(epoll_ctl(e, EPOLL_CTL_MOD, p[0], &ev));
	SHOW(epoll_ctl(e, EPOLL_CTL_ADD, e, &ev));
	SHOW(epoll_ctl(e, 77, p[0], &ev));
	SHOW(epoll_ctl(e, EPOLL_CTL_ADD, 99, &ev));
	SHOW(epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &ev));
	SHOW(epoll_ctl(e, EPOLL_CTL_ADD, abi_file("a", ""), &ev));
	SHOW(SYS(epoll_ctl, e, EPOLL_CTL_ADD, p[1], BAD));
	SHOW(epoll_wait(e, out, 0, 0));
	SHOW(epoll_wait(e, out, -1, 0));
	SHOW(epoll_wait(99, out, 1, 0));
	SHOW(epoll_create1(1));
}

CASE(epoll_create, epoll_create)
{
	GOOD(SYS(epoll_create, 1));
	SHOW(SYS(epoll_create, 0));
	SHOW(SYS(epoll_create, -1));
}

CASE(epoll_edge, epoll_ctl, epoll_wait)
{
	int p[2], e = (int)MUST(epoll_create1(0));
	struct epoll_event ev = {EPOLLIN | EPOLLET, {.u32 = 7}}, out[4];

	MUST(pipe(p));
	MUST(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev));
	MUST(write(p[1], "x", 1));
	SHOW(epoll_wait(e, out, 4, 0));
	SHOW(epoll_wait(e, out, 4, 0));
	MUST(write(p[1], "x", 1));
	SHOW(epoll_wait(e, out, 4, 0));
	ev.events = EPOLLIN | EPOLLONESHOT;
	MUST(epoll_ctl(e, EPOLL_CTL_MOD, p[0], &ev));
	SHOW(epoll_wait(e, out, 4, 0));
	SHOW(epoll_wait(e, out, 4, 0));
	MUST(epoll_ctl(e, EPOLL_CTL_MOD, p[0], &ev));
	SHOW(epoll_wait(e, out, 4, 0));
}

CASE(epoll_many, epoll_wait)
{
	int e = (int)MUST(epoll_create1(0)), fd, sum = 0, n;
	struct epoll_event ev = {EPOLLIN, {.u32 = 0}}, out[4];

	for (int i = 0; i < 10; i++) {
		fd = (int)MUST(eventfd(i % 2, 0));
		ev.data.u32 = (uint32_t)i;
		MUST(epoll_ctl(e, EPOLL_CTL_ADD, fd, &ev));
	}
	for (int round = 0; round < 2; round++) {
		n = (int)SHOW(epoll_wait(e, out, 4, 0));
		for (int i = 0; i < n; i++)
			sum += (int)out[i].data.u32 % 2;
	}
	TELL("%d ready ones\n", sum);
}

CASE(epoll_pwait, epoll_pwait, epoll_pwait2)
{
	int e = (int)MUST(epoll_create1(0));
	struct epoll_event out[4];
	struct timespec t = {0, 10000000};
	sigset_t set;

	SHOW(SYS(epoll_pwait, e, out, 4, 0, NULL, 8));
	SHOW(SYS(epoll_pwait, e, out, 4, 5, NULL, 8));
	SHOW(SYS(epoll_pwait2, e, out, 4, &t, NULL, 8));
	t.tv_nsec = -1;
	SHOW(SYS(epoll_pwait2, e, out, 4, &t, NULL, 8));
	abi_handler(SIGUSR1, on_signal, SA_RESTART);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	MUST(raise(SIGUSR1));
	sigemptyset(&set);
	SHOW(epoll_pwait(e, out, 4, -1, &set));
	TELL("signal %d\n", caught);
}

CASE(epoll_closed, epoll_wait, close)
{
	int p[2], e = (int)MUST(epoll_create1(0));
	struct epoll_event ev = {EPOLLIN, {.u32 = 7}}, out[4];

	MUST(pipe(p));
	MUST(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev));
	MUST(write(p[1], "x", 1));
	SHOW(epoll_wait(e, out, 4, 0));
	close(p[0]);
	SHOW(epoll_wait(e, out, 4, 0));
}
