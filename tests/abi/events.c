/* SPDX-License-Identifier: MIT */
/* Descriptors of the kernel's own: eventfd, timerfd, inotify, fanotify, signalfd, pidfd, io. */
#include "abi.h"

#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

CASE(eventfd, eventfd2, eventfd, read, write)
{
	int fd = (int)SHOW(eventfd(3, EFD_NONBLOCK));
	uint64_t v = 0;

	SHOW(read(fd, &v, 8));
	TELL("%lu\n", v);
	SHOW(read(fd, &v, 8));
	v = 5;
	SHOW(write(fd, &v, 8));
	SHOW(write(fd, &v, 8));
	SHOW(read(fd, &v, 4));
	SHOW(read(fd, &v, 8));
	TELL("%lu\n", v);
	v = UINT64_MAX;
	SHOW(write(fd, &v, 8));
	v = UINT64_MAX - 1;
	SHOW(write(fd, &v, 8));
	SHOW(write(fd, &(uint64_t){1}, 8));
	SHOW(eventfd(0, 0x10));
	GOOD(SYS(eventfd, 1));
}

CASE(eventfd_semaphore, eventfd2)
{
	int fd = (int)MUST(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
	uint64_t v = 0;

	for (int i = 0; i < 3; i++) {
		SHOW(read(fd, &v, 8));
		TELL("%lu\n", v);
	}
}

CASE(timerfd, timerfd_create, timerfd_settime, timerfd_gettime)
{
	struct itimerspec t = {{0, 0}, {0, 5000000}}, old;
	int fd = (int)SHOW(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	uint64_t n = 0;

	SHOW(timerfd_settime(fd, 0, &t, &old));
	TELL("%ld %ld\n", old.it_value.tv_sec, old.it_value.tv_nsec);
	SHOW(read(fd, &n, 8));
	TELL("%lu\n", n);
	SHOW(timerfd_gettime(fd, &old));
	TELL("%ld %ld\n", old.it_value.tv_sec, old.it_value.tv_nsec);
	t.it_value.tv_sec = 1000;
	SHOW(timerfd_settime(fd, 0, &t, NULL));
	SHOW(timerfd_gettime(fd, &old));
	TRUE(old.it_value.tv_sec >= 999);
	t.it_value.tv_nsec = 1000000000;
	SHOW(timerfd_settime(fd, 0, &t, NULL));
	SHOW(timerfd_settime(fd, 0x100, &t, NULL));
	SHOW(timerfd_settime(0, 0, &t, NULL));
	SHOW(timerfd_create(77, 0));
	SHOW(timerfd_create(CLOCK_REALTIME, 1));
}

CASE(timerfd_absolute, timerfd_settime)
{
	struct itimerspec t = {{0, 1000000}, {1, 0}};
	int fd = (int)MUST(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
	uint64_t n = 0;

	SHOW(read(fd, &n, 8));
	SHOW(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
	abi_sleep_ms(5);
	SHOW(read(fd, &n, 8));
	TRUE(n > 1);
}

CASE(inotify, inotify_init1, inotify_add_watch, inotify_rm_watch)
{
	char buf[1024] __attribute__((aligned(8)));
	int fd = (int)SHOW(inotify_init1(IN_NONBLOCK)), w;
	long n;

	w = (int)SHOW(inotify_add_watch(fd, ".", IN_CREATE | IN_DELETE));
	close(abi_file("a", ""));
	MUST(mkdir("d", 0700));
	MUST(unlink("a"));
	n = SHOW(read(fd, buf, sizeof(buf)));
	for (long at = 0; at < n;) {
		struct inotify_event *e = (struct inotify_event *)(buf + at);

		TELL("%x %s\n", e->mask, e->name);
		at += (long)sizeof(*e) + e->len;
	}
	SHOW(inotify_rm_watch(fd, w));
	SHOW(inotify_rm_watch(fd, 99));
	SHOW(inotify_add_watch(fd, "absent", IN_CREATE));
	SHOW(inotify_add_watch(fd, ".", 0));
	SHOW(inotify_add_watch(0, ".", IN_CREATE));
	SHOW(read(fd, buf, 4));
	SHOW(inotify_init1(1));
}

CASE(inotify_init, inotify_init)
{
	GOOD(SYS(inotify_init));
}

CASE(fanotify, fanotify_init, fanotify_mark)
{
	struct fanotify_event_metadata e[4];
	int fd = (int)SHOW(fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK, O_RDONLY));
	long n;

	close(abi_file("a", "abc"));
	SHOW(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "a"));
	close((int)MUST(open("a", O_RDONLY)));
	n = read(fd, e, sizeof(e));
	if (n > 0)
		TELL("%d event, mask %lx\n", (int)(n / (long)sizeof(*e)), (long)e[0].mask);
	SHOW(fanotify_mark(fd, 0x8000, FAN_OPEN, AT_FDCWD, "a"));
	SHOW(fanotify_mark(99, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "a"));
	SHOW(fanotify_init(0x40000000, O_RDONLY));
}

CASE(signalfd, signalfd4)
{
	struct signalfd_siginfo info;
	struct pollfd p;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	fd = (int)SHOW(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
	SHOW(read(fd, &info, sizeof(info)));
	MUST(raise(SIGUSR1));
	p = (struct pollfd){fd, POLLIN, 0};
	SHOW(poll(&p, 1, 1000));
	SHOW(read(fd, &info, sizeof(info)));
	TELL("signal %d\n", (int)info.ssi_signo);
	TRUE(info.ssi_pid == (uint32_t)getpid());
	SHOW(read(fd, &info, sizeof(info)));
}

CASE(signalfd_queue, signalfd4, rt_sigqueueinfo)
{
	struct signalfd_siginfo info[3];
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	fd = (int)SHOW(signalfd(-1, &set, 0));
	MUST(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 5}));
	MUST(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 6}));
	SHOW(read(fd, info, sizeof(info)));
	TELL("%d %d\n", info[0].ssi_int, info[1].ssi_int);
}

CASE(pidfd, pidfd_open, pidfd_send_signal)
{
	int fd = (int)SHOW(pidfd_open(getpid(), 0));

	SHOW(pidfd_send_signal(fd, 0, NULL, 0));
	SHOW(fcntl(fd, F_GETFD));
	SHOW(pidfd_send_signal(fd, 0, NULL, 77));
	SHOW(pidfd_send_signal(0, 0, NULL, 0));
	SHOW(pidfd_open(0, 0));
	SHOW(pidfd_open(-1, 0));
	SHOW(pidfd_open(getpid(), 0x1));
}

static volatile int caught;

static void on_signal(int sig)
{
	caught = sig;
}

CASE(pidfd_signal_self, pidfd_send_signal)
{
	abi_handler(SIGUSR1, on_signal, 0);
	SHOW(pidfd_send_signal((int)MUST(pidfd_open(getpid(), 0)), SIGUSR1, NULL, 0));
	abi_wait_for(&caught, SIGUSR1);
	TELL("signal %d\n", caught);
}

CASE(pidfd_getfd, pidfd_getfd)
{
	int fd = abi_file("a", "abc"), pid = (int)MUST(pidfd_open(getpid(), 0));
	char c = 0;

	SHOW(pidfd_getfd(pid, fd, 0));
	SHOW(read(5, &c, 1));
	SHOW(pidfd_getfd(pid, 99, 0));
	SHOW(pidfd_getfd(pid, fd, 1));
	SHOW(pidfd_getfd(99, fd, 0));
}

CASE(random_devices, openat, read)
{
	unsigned char buf[64] = {0};
	int fd = (int)MUST(open("/dev/urandom", O_RDONLY)), sum = 0;

	SHOW(read(fd, buf, sizeof(buf)));
	for (size_t i = 0; i < sizeof(buf); i++)
		sum += buf[i];
	TRUE(sum > 0);
	fd = (int)MUST(open("/dev/zero", O_RDWR));
	SHOW(read(fd, buf, sizeof(buf)));
	SHOW(write(fd, buf, sizeof(buf)));
	fd = (int)MUST(open("/dev/full", O_WRONLY));
	SHOW(write(fd, buf, 1));
	fd = (int)MUST(open("/dev/null", O_RDWR));
	SHOW(read(fd, buf, 1));
	SHOW(write(fd, buf, 10));
}
