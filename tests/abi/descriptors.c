/* SPDX-License-Identifier: MIT */
/* Descriptors: dup, fcntl, close_range, locks. */
#include "abi.h"

#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

CASE(dup, dup, dup2, dup3)
{
	int fd = abi_file("a", "abc");

	SHOW(dup(fd));
	SHOW(dup2(fd, 10));
	SHOW(dup2(fd, fd));
	SHOW(SYS(dup2, fd, fd));
	SHOW(dup2(99, 5));
	SHOW(dup2(fd, -1));
	SHOW(dup3(fd, 11, O_CLOEXEC));
	SHOW(fcntl(11, F_GETFD));
	SHOW(dup3(fd, fd, 0));
	SHOW(dup3(fd, 12, O_APPEND));
	SHOW(dup(99));
	SHOW(lseek(10, 2, SEEK_SET));
	SHOW(lseek(fd, 0, SEEK_CUR));
}

CASE(fcntl_dupfd, fcntl)
{
	int fd = abi_file("a", "abc");

	SHOW(fcntl(fd, F_DUPFD, 20));
	SHOW(fcntl(fd, F_DUPFD_CLOEXEC, 20));
	SHOW(fcntl(20, F_GETFD));
	SHOW(fcntl(21, F_GETFD));
	SHOW(fcntl(21, F_SETFD, 0));
	SHOW(fcntl(21, F_GETFD));
	SHOW(fcntl(fd, F_DUPFD, -1));
	SHOW(fcntl(fd, F_DUPFD, 1 << 30));
	SHOW(fcntl(99, F_GETFD));
	SHOW(fcntl(fd, 9999, 0));
}

CASE(rlimit_nofile, dup, setrlimit, prlimit64)
{
	uint64_t lim[2] = {8, 8};
	int fd = abi_file("a", "");

	SHOW(SYS(setrlimit, 7, lim));
	for (int i = 0; i < 5; i++)
		SHOW(dup(fd));
	SHOW(dup2(fd, 8));
	SHOW(open("a", O_RDONLY));
	SHOW(pipe((int[2]){0}));
}

CASE(close_range, close_range)
{
	abi_file("a", "");
	for (int i = 4; i < 10; i++)
		MUST(dup2(3, i));
	SHOW(close_range(5, 7, 0));
	SHOW(fcntl(4, F_GETFD));
	SHOW(fcntl(5, F_GETFD));
	SHOW(fcntl(7, F_GETFD));
	SHOW(fcntl(8, F_GETFD));
	SHOW(close_range(8, 9, CLOSE_RANGE_CLOEXEC));
	SHOW(fcntl(8, F_GETFD));
	SHOW(close_range(9, 8, 0));
	SHOW(close_range(3, 4, 0x100));
	SHOW(close_range(3, ~0u, 0));
	SHOW(fcntl(3, F_GETFD));
	SHOW(open("a", O_RDONLY));
}

CASE(closefrom_unshare, close_range)
{
	int fd = abi_file("a", "");

	SHOW(close_range(fd + 1, ~0u, CLOSE_RANGE_UNSHARE));
	SHOW(write(fd, "x", 1));
	SHOW(dup(fd));
}

CASE(flock, flock)
{
	int a = abi_file("a", ""), b = (int)MUST(open("a", O_RDWR));

	SHOW(flock(a, LOCK_EX));
	SHOW(flock(b, LOCK_EX | LOCK_NB));
	SHOW(flock(b, LOCK_SH | LOCK_NB));
	SHOW(flock(a, LOCK_SH));
	SHOW(flock(b, LOCK_SH | LOCK_NB));
	SHOW(flock(a, LOCK_UN));
	SHOW(flock(a, 77));
	SHOW(flock(99, LOCK_SH));
}

static void *hold_then_unlock(void *arg)
{
	abi_sleep_ms(30);
	MUST(flock(*(int *)arg, LOCK_UN));
	return NULL;
}

CASE(flock_waits, flock)
{
	int a = abi_file("a", ""), b = (int)MUST(open("a", O_RDWR));
	unsigned long thread;

	MUST(flock(a, LOCK_EX));
	thread = abi_thread(hold_then_unlock, &a);
	SHOW(flock(b, LOCK_EX));
	abi_join(thread);
}

CASE(fcntl_locks, fcntl)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 3};
	int fd = abi_file("a", "0123456789"), ro = (int)MUST(open("a", O_RDONLY));

	SHOW(fcntl(fd, F_SETLK, &lock));
	SHOW(fcntl(fd, F_GETLK, &lock));
	TELL("type %d\n", lock.l_type);
	lock.l_type = F_WRLCK;
	SHOW(fcntl(ro, F_SETLK, &lock));
	lock.l_type = 17;
	SHOW(fcntl(fd, F_SETLK, &lock));
	lock.l_type = F_UNLCK;
	SHOW(fcntl(fd, F_SETLKW, &lock));
	lock.l_start = -5;
	SHOW(fcntl(fd, F_SETLK, &lock));
	SHOW(SYS(fcntl, fd, F_SETLK, BAD));
}

CASE(fcntl_ofd_locks, fcntl)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 3};
	int fd = abi_file("a", "0123456789"), other = (int)MUST(open("a", O_RDWR));

	SHOW(fcntl(fd, F_OFD_SETLK, &lock));
	SHOW(fcntl(other, F_OFD_SETLK, &lock));
	SHOW(fcntl(other, F_OFD_GETLK, &lock));
	TELL("type %d start %ld len %ld pid %d\n", lock.l_type, (long)lock.l_start,
		(long)lock.l_len, lock.l_pid);
	lock = (struct flock){.l_type = F_RDLCK, .l_start = 3, .l_len = 1};
	SHOW(fcntl(other, F_OFD_SETLK, &lock));
	lock.l_pid = 7;
	SHOW(fcntl(other, F_OFD_SETLK, &lock));
}

CASE(fcntl_owner, fcntl)
{
	int p[2];
	struct f_owner_ex owner = {F_OWNER_PID, 0};

	MUST(pipe(p));
	SHOW(fcntl(p[0], F_GETOWN));
	SHOW(fcntl(p[0], F_SETOWN, getpid()));
	TRUE(fcntl(p[0], F_GETOWN) == getpid());
	SHOW(fcntl(p[0], F_GETOWN_EX, &owner));
	TRUE(owner.pid == getpid());
	SHOW(fcntl(p[0], F_SETSIG, SIGUSR1));
	SHOW(fcntl(p[0], F_GETSIG));
	SHOW(fcntl(p[0], F_SETSIG, 99));
	SHOW(fcntl(p[0], F_SETOWN, 0));
}

static volatile int got_io;

static void on_io(int sig)
{
	got_io = sig;
}

CASE(fcntl_async, fcntl, write)
{
	int p[2];

	abi_handler(SIGIO, on_io, 0);
	MUST(pipe(p));
	MUST(fcntl(p[0], F_SETOWN, getpid()));
	SHOW(fcntl(p[0], F_SETFL, O_ASYNC));
	SHOW(write(p[1], "x", 1));
	abi_wait_for(&got_io, SIGIO);
	TELL("signal came\n");
}

CASE(fcntl_lease, fcntl)
{
	int fd = abi_file("a", ""), ro;

	close(fd);
	ro = (int)MUST(open("a", O_RDONLY));
	SHOW(fcntl(ro, F_GETLEASE));
	SHOW(fcntl(ro, F_SETLEASE, F_RDLCK));
	SHOW(fcntl(ro, F_GETLEASE));
	SHOW(fcntl(ro, F_SETLEASE, F_UNLCK));
}

CASE(fcntl_seals, memfd_create, fcntl)
{
	int fd = (int)MUST(memfd_create("m", MFD_CLOEXEC | MFD_ALLOW_SEALING));

	SHOW(fcntl(fd, F_GET_SEALS));
	SHOW(ftruncate(fd, 4096));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_WRITE));
	SHOW(fcntl(fd, F_GET_SEALS));
	SHOW(ftruncate(fd, 8192));
	SHOW(write(fd, "x", 1));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	SHOW(memfd_create("m", 0x1000));
	SHOW(SYS(memfd_create, BAD, 0));
	fd = (int)MUST(memfd_create("m", 0));
	SHOW(fcntl(fd, F_GET_SEALS));
}

CASE(fcntl_hint, fcntl)
{
	uint64_t hint = 1;
	int fd = abi_file("a", "");

	SHOW(fcntl(fd, F_GET_RW_HINT, &hint));
	TELL("%ld\n", (long)hint);
	hint = 2;
	SHOW(fcntl(fd, F_SET_RW_HINT, &hint));
	SHOW(fcntl(fd, F_GET_RW_HINT, &hint));
	TELL("%ld\n", (long)hint);
}

CASE(fcntl_notify, fcntl)
{
	int dir = (int)MUST(open(".", O_RDONLY));

	abi_handler(SIGIO, on_io, 0);
	SHOW(fcntl(dir, F_NOTIFY, DN_CREATE));
	abi_file("a", "");
	abi_wait_for(&got_io, SIGIO);
	TELL("signal came\n");
}

CASE(ioctl, ioctl)
{
	int p[2], n = -1, on = 1;
	struct winsize size;

	MUST(pipe(p));
	MUST(write(p[1], "abcde", 5));
	SHOW(ioctl(p[0], FIONREAD, &n));
	TELL("%d\n", n);
	SHOW(ioctl(p[0], FIONBIO, &on));
	SHOW(fcntl(p[0], F_GETFL) & O_NONBLOCK ? 1 : 0);
	SHOW(ioctl(p[0], FIOCLEX));
	SHOW(fcntl(p[0], F_GETFD));
	SHOW(ioctl(p[0], FIONCLEX));
	SHOW(ioctl(p[0], TIOCGWINSZ, &size));
	SHOW(ioctl(99, FIONREAD, &n));
	SHOW(ioctl(p[0], FIONREAD, BAD));
	SHOW(isatty(p[0]));
}

CASE(ioctl_pty, ioctl, openat)
{
	struct winsize size = {24, 80, 0, 0};
	int unlock = 0, number = -1, pty = open("/dev/ptmx", O_RDWR | O_NOCTTY);

	if (pty < 0)
		abi_skip("no /dev/ptmx");
	SHOW(ioctl(pty, TIOCSPTLCK, &unlock));
	SHOW(ioctl(pty, TIOCGPTN, &number));
	TRUE(number >= 0);
	SHOW(ioctl(pty, TIOCSWINSZ, &size));
	size = (struct winsize){0};
	SHOW(ioctl(pty, TIOCGWINSZ, &size));
	TELL("%d %d\n", size.ws_row, size.ws_col);
	SHOW(isatty(pty));
}
