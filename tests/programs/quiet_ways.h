/* SPDX-License-Identifier: MIT */
/* Ways to ask, with timeout 0, whether a descriptor can be read. */
#ifndef TESTS_PROGRAMS_QUIET_WAYS_H
#define TESTS_PROGRAMS_QUIET_WAYS_H

#include <poll.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>

#include "check.h"

static int epoll_set = -1; /* an epoll with the one descriptor that is asked about */

static inline bool by_poll(int fd)
{
	struct pollfd p[3] = {{-1, POLLIN, 77}, {fd, POLLIN, 77}, {-5, 0, 77}};
	int n = poll(p, 3, 0);

	CHECK(n >= 0 && n <= 1 && p[1].revents == (n ? POLLIN : 0));
	CHECK(p[0].revents == 0 && p[2].revents == 0);
	return n;
}

static inline bool by_ppoll(int fd)
{
	struct timespec none = {0, 0};
	struct pollfd p = {fd, POLLIN | POLLPRI, 77};
	int n = ppoll(&p, 1, &none, NULL);

	CHECK(n >= 0 && n <= 1 && p.revents == (n ? POLLIN : 0));
	return n;
}

static inline bool by_select(int fd)
{
	struct timeval none = {0, 0};
	fd_set in, bad;
	int n;

	FD_ZERO(&in);
	FD_ZERO(&bad);
	FD_SET(fd, &in);
	FD_SET(fd, &bad);
	n = select(fd + 1, &in, NULL, &bad, &none);
	CHECK(n >= 0 && n <= 1 && !FD_ISSET(fd, &bad) && !!FD_ISSET(fd, &in) == n);
	return n;
}

static inline bool by_pselect(int fd)
{
	struct timespec none = {0, 0};
	fd_set in;
	int n;

	FD_ZERO(&in);
	FD_SET(fd, &in);
	n = pselect(fd + 1, &in, NULL, NULL, &none, NULL);
	CHECK(n >= 0 && n <= 1 && !!FD_ISSET(fd, &in) == n);
	return n;
}

static inline bool by_epoll(int fd)
{
	struct epoll_event event[2];
	int n = epoll_wait(epoll_set, event, 2, 0);

	CHECK(n >= 0 && n <= 1 &&
		(!n || (event[0].events == EPOLLIN && event[0].data.fd == fd)));
	return n;
}

static inline bool by_epoll_pwait(int fd)
{
	struct epoll_event event[2];
	int n = epoll_pwait(epoll_set, event, 2, 0, NULL);

	CHECK(n >= 0 && n <= 1 && (!n || event[0].data.fd == fd));
	return n;
}

static inline bool by_epoll_pwait2(int fd)
{
	struct timespec none = {0, 0};
	struct epoll_event event[2];
	int n = (int)syscall(441 /* epoll_pwait2 */, epoll_set, event, 2, &none, NULL, 0);

	CHECK(n >= 0 && n <= 1 && (!n || event[0].data.fd == fd));
	return n;
}

static inline bool by_poll_of_epoll(int fd)
{
	(void)fd;
	return by_poll(epoll_set);
}

__attribute__((unused)) static bool (*const ways[])(int fd) = {by_poll, by_ppoll, by_select,
	by_pselect, by_epoll, by_epoll_pwait, by_epoll_pwait2, by_poll_of_epoll};

static inline void watch(int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	epoll_set = epoll_create1(0);
	CHECK(epoll_set >= 0 && epoll_ctl(epoll_set, EPOLL_CTL_ADD, fd, &event) == 0);
}

/* Some polls: the first make it quiet, the others find it so. */
static inline void nothing(bool (*way)(int fd), int fd)
{
	for (int i = 0; i < 4; i++)
		CHECK(!way(fd));
}

#endif
