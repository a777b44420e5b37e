/* SPDX-License-Identifier: MIT */
/*
 * The calls of badptr.c with good arguments. Upper case letters are the pointers under test: P
 * a path, Q one that does not exist, B the file's own name, X a symbolic link, V iovec, M
 * msghdr, S sockaddr, L its length, N what may not be NULL (the call would block), O anything
 * else. Lower case letters are descriptors and ids (f and g files, z /dev/zero, n /dev/null, d
 * directory, s unix datagram, u UDP with something to read, c connected unix, l listening TCP
 * with someone waiting, e epoll with an event, v eventfd, t timerfd, p pid), the rest numbers.
 * Arguments are such that the call comes to its pointers; which of two errors is told first is
 * not compared.
 */
#ifndef TESTS_PROGRAMS_BADPTR_CALLS_H
#define TESTS_PROGRAMS_BADPTR_CALLS_H

/* CALL(name, arguments), a line each. */
#define BAD_CALLS                                                                              \
	CALL(read, "z O 64"), CALL(write, "f O 64"), CALL(pread64, "f O 64 0"),                \
		CALL(pwrite64, "f O 64 0"), CALL(readv, "z V 1"), CALL(writev, "n V 1"),       \
		CALL(preadv, "f V 1 0 0"), CALL(pwritev, "f V 1 0 0"), CALL(open, "P 0 0"),    \
		CALL(openat, "-100 P 0 0"), CALL(openat2, "-100 P O 24"),                      \
		CALL(creat, "Q 0600"), CALL(stat, "P O"), CALL(lstat, "P O"),                  \
		CALL(fstat, "f O"), CALL(newfstatat, "-100 P O 0"),                            \
		CALL(statx, "-100 P 0 0x7ff O"), CALL(statfs, "P O"), CALL(fstatfs, "f O"),    \
		CALL(access, "P 4"), CALL(faccessat, "-100 P 4"), CALL(readlink, "X O 64"),    \
		CALL(readlinkat, "-100 X O 64"), CALL(rename, "B Q"),                          \
		CALL(renameat, "-100 B -100 Q"), CALL(link, "B Q"), CALL(symlink, "P Q"),      \
		CALL(unlink, "Q"), CALL(unlinkat, "-100 Q 0"), CALL(mkdir, "Q 0700"),          \
		CALL(rmdir, "Q"), CALL(chdir, "P"), CALL(chmod, "Q 0600"),                     \
		CALL(chown, "Q 0 0"), CALL(truncate, "Q 0"), CALL(utimensat, "-100 B O 0"),    \
		CALL(mknod, "Q 0x1180 0"), CALL(getcwd, "O 4096"),                             \
		CALL(getdents64, "d O 1024"), CALL(ioctl, "f 0x541b O"),                       \
		CALL(ioctl, "v 0x5421 O"), CALL(fcntl, "f 5 O"), CALL(sendfile, "n f O 100"),  \
		CALL(copy_file_range, "f O g O 100 0"), CALL(pipe, "O"), CALL(pipe2, "O 0"),   \
		CALL(poll, "O 1 0"), CALL(ppoll, "O 1 N O 8"), CALL(select, "1 O O O N"),      \
		CALL(epoll_ctl, "e 3 t O"), CALL(epoll_wait, "e O 8 0"),                       \
		CALL(timerfd_settime, "t 0 O O"), CALL(timerfd_gettime, "t O"),                \
		CALL(connect, "s S 16"), CALL(bind, "s S 16"), CALL(accept, "l S L"),          \
		CALL(accept4, "l S L 0"), CALL(getsockname, "u S L"),                          \
		CALL(getsockopt, "s 1 3 O L"), CALL(setsockopt, "s 1 7 O 4"),                  \
		CALL(sendto, "u O 8 0 S 16"), CALL(recvfrom, "u O 8 0 S L"),                   \
		CALL(sendmsg, "c M 0"), CALL(recvmsg, "u M 0"), CALL(sendmmsg, "c O 1 0"),     \
		CALL(recvmmsg, "u M 1 0 O"), CALL(socketpair, "1 1 0 O"),                      \
		CALL(nanosleep, "O O"), CALL(clock_nanosleep, "1 0 O O"),                      \
		CALL(clock_gettime, "1 O"), CALL(clock_gettime, "0 O"),                        \
		CALL(clock_getres, "1 O"), CALL(gettimeofday, "O O"), CALL(time, "O"),         \
		CALL(times, "O"), CALL(getrusage, "0 O"), CALL(getrlimit, "7 O"),              \
		CALL(setrlimit, "4 O"), CALL(prlimit64, "0 7 0 O"), CALL(uname, "O"),          \
		CALL(sysinfo, "O"), CALL(getcpu, "O O"), CALL(getrandom, "O 64 0"),            \
		CALL(getresuid, "O O O"), CALL(getresgid, "O O O"),                            \
		CALL(sched_getaffinity, "0 128 O"), CALL(sched_setaffinity, "0 128 O"),        \
		CALL(sched_getparam, "0 O"), CALL(rt_sigaction, "10 0 O 8"),                   \
		CALL(rt_sigprocmask, "0 O O 8"), CALL(rt_sigpending, "O 8"),                   \
		CALL(rt_sigtimedwait, "O 0 N 8"), CALL(rt_sigqueueinfo, "p 0 O"),              \
		CALL(sigaltstack, "0 O"), CALL(setitimer, "0 O O"), CALL(getitimer, "0 O"),    \
		CALL(timer_create, "1 0 O"), CALL(futex, "O 129 1 0 0 0"),                     \
		CALL(futex, "O 128 1 0 0 0"), CALL(futex, "O 132 1 1 O 0"),                    \
		CALL(futex, "O 131 1 1 O 0"), CALL(futex, "O 4 1 1 O 0"),                      \
		CALL(set_mempolicy, "2 N 64"), CALL(get_mempolicy, "N N 64 0 0"),              \
		CALL(migrate_pages, "0 64 N N"), CALL(move_pages, "0 1 O 0 O 0"),              \
		CALL(get_robust_list, "0 O O"), CALL(arch_prctl, "0x1003 O"),                  \
		CALL(prctl, "16 O"), CALL(prctl, "15 P")

#endif
