/* SPDX-License-Identifier: MIT */
/* The rows of syscalls.h, which explains them, by number as in Linux's asm/unistd_64.h. */
#ifndef LWK_ABI_SYSCALLS_LIST_H
#define LWK_ABI_SYSCALLS_LIST_H

/* clang-format off */
#define ABI_SYSCALLS(X) \
	X(0, read, FORWARD, RESTART, fd, out_len(3), len) \
	X(1, write, FORWARD, RESTART, fd, write_len(3), len) \
	X(2, open, FORWARD, RESTART, path, int, int) \
	X(3, close, FORWARD, PROMPT, fd) \
	X(4, stat, FORWARD, PROMPT, path, out(kstat)) \
	X(5, fstat, FORWARD, PROMPT, fd, out(kstat)) \
	X(6, lstat, FORWARD, PROMPT, path, out(kstat)) \
	X(7, poll, FORWARD, NOHAND, inout_n(pollfd, 2), len, int) \
	X(8, lseek, FORWARD, PROMPT, fd, int, int) \
	X(9, mmap, LOCAL, mmap, ptr, len, int, int, fd, int) \
	X(10, mprotect, LOCAL, mprotect, ptr, len, int) \
	X(11, munmap, LOCAL, munmap, ptr, len) \
	X(12, brk, LOCAL, brk, ptr) \
	X(13, rt_sigaction, LOCAL, rt_sigaction, int, in(ksigaction), out(ksigaction), len) \
	X(14, rt_sigprocmask, LOCAL, rt_sigprocmask, int, in(sigset), out(sigset), len) \
	X(15, rt_sigreturn, LOCAL, rt_sigreturn, none) \
	X(16, ioctl, FORWARD, RESTART, fd, int, control) \
	X(17, pread64, FORWARD, RESTART, fd, out_len(3), len, int) \
	X(18, pwrite64, FORWARD, RESTART, fd, write_len(3), len, int) \
	X(19, readv, FORWARD, RESTART, fd, iov_out(3), len) \
	X(20, writev, FORWARD, RESTART, fd, iov_in(3), len) \
	X(21, access, FORWARD, PROMPT, path, int) \
	X(22, pipe, FORWARD, PROMPT, out(fdpair)) \
	X(23, select, FORWARD, NOHAND, len, fdset(1), fdset(1), fdset(1), timeout(timeval)) \
	X(24, sched_yield, LOCAL, sched_yield, none) \
	X(25, mremap, LOCAL, mremap, ptr, len, len, int, ptr) \
	X(26, msync, LOCAL, msync, ptr, len, int) \
	X(27, mincore, LOCAL, mincore, ptr, len, ptr) \
	X(28, madvise, LOCAL, madvise, ptr, len, int) \
	X(29, shmget, FORWARD, PROMPT, int, int, int) \
	X(30, shmat, LOCAL, shmat, int, ptr, int) \
	X(31, shmctl, FORWARD, PROMPT, int, int, control) \
	X(32, dup, FORWARD, PROMPT, fd) \
	X(33, dup2, FORWARD, PROMPT, fd, fd) \
	X(34, pause, LOCAL, pause, none) \
	X(35, nanosleep, LOCAL, nanosleep, in(timespec), out(timespec)) \
	X(36, getitimer, LOCAL, getitimer, int, out(itimerval)) \
	X(37, alarm, LOCAL, alarm, int) \
	X(38, setitimer, LOCAL, setitimer, int, in(itimerval), out(itimerval)) \
	X(39, getpid, LOCAL, getpid, none) \
	X(40, sendfile, FORWARD, RESTART, fd, fd, inout(i64), len) \
	X(41, socket, FORWARD, PROMPT, int, int, int) \
	X(42, connect, FORWARD, RESTART, fd, in_len(3), len) \
	X(43, accept, FORWARD, RESTART, fd, out_via(3), inout(i32)) \
	X(44, sendto, FORWARD, RESTART, fd, in_len(3), len, int, in_len(6), len) \
	X(45, recvfrom, FORWARD, RESTART, fd, out_len(3), len, int, out_via(6), inout(i32)) \
	X(46, sendmsg, FORWARD, RESTART, fd, msg_in, int) \
	X(47, recvmsg, FORWARD, RESTART, fd, msg_out, int) \
	X(48, shutdown, FORWARD, PROMPT, fd, int) \
	X(49, bind, FORWARD, PROMPT, fd, in_len(3), len) \
	X(50, listen, FORWARD, PROMPT, fd, int) \
	X(51, getsockname, FORWARD, PROMPT, fd, out_via(3), inout(i32)) \
	X(52, getpeername, FORWARD, PROMPT, fd, out_via(3), inout(i32)) \
	X(53, socketpair, FORWARD, PROMPT, int, int, int, out(fdpair)) \
	X(54, setsockopt, FORWARD, PROMPT, fd, int, int, in_len(5), len) \
	X(55, getsockopt, FORWARD, PROMPT, fd, int, int, out_via(5), inout(i32)) \
	X(56, clone, LOCAL, clone, int, ptr, out(i32), out(i32), ptr) \
	X(57, fork, REFUSED, ENOSYS, "new processes: a later version") \
	X(58, vfork, REFUSED, ENOSYS, "new processes: a later version") \
	X(59, execve, REFUSED, ENOSYS, "new processes: a later version") \
	X(60, exit, LOCAL, exit, int) \
	X(61, wait4, REFUSED, ECHILD, "no child can exist yet") \
	X(62, kill, LOCAL, kill, int, int) \
	X(63, uname, FORWARD, PROMPT, out(utsname)) \
	X(64, semget, FORWARD, PROMPT, int, int, int) \
	X(65, semop, FORWARD, PROMPT, int, in_n(sembuf, 3), len) \
	X(66, semctl, FORWARD, PROMPT, int, int, int, control) \
	X(67, shmdt, LOCAL, shmdt, ptr) \
	X(68, msgget, FORWARD, PROMPT, int, int) \
	X(69, msgsnd, FORWARD, NOHAND, int, control, len, int) \
	X(70, msgrcv, FORWARD, NOHAND, int, control, len, int, int) \
	X(71, msgctl, FORWARD, PROMPT, int, int, control) \
	X(72, fcntl, FORWARD, RESTART, fd, int, control) \
	X(73, flock, FORWARD, RESTART, fd, int) \
	X(74, fsync, FORWARD, PROMPT, fd) \
	X(75, fdatasync, FORWARD, PROMPT, fd) \
	X(76, truncate, FORWARD, PROMPT, path, int) \
	X(77, ftruncate, FORWARD, PROMPT, fd, int) \
	X(78, getdents, FORWARD, PROMPT, fd, out_len(3), len) \
	X(79, getcwd, FORWARD, PROMPT, out_len(2), len) \
	X(80, chdir, FORWARD, PROMPT, path) \
	X(81, fchdir, FORWARD, PROMPT, fd) \
	X(82, rename, FORWARD, PROMPT, path, path) \
	X(83, mkdir, FORWARD, PROMPT, path, int) \
	X(84, rmdir, FORWARD, PROMPT, path) \
	X(85, creat, FORWARD, RESTART, path, int) \
	X(86, link, FORWARD, PROMPT, path, path) \
	X(87, unlink, FORWARD, PROMPT, path) \
	X(88, symlink, FORWARD, PROMPT, path, path) \
	X(89, readlink, FORWARD, PROMPT, path, out_len(3), len) \
	X(90, chmod, FORWARD, PROMPT, path, int) \
	X(91, fchmod, FORWARD, PROMPT, fd, int) \
	X(92, chown, FORWARD, PROMPT, path, int, int) \
	X(93, fchown, FORWARD, PROMPT, fd, int, int) \
	X(94, lchown, FORWARD, PROMPT, path, int, int) \
	X(95, umask, FORWARD, PROMPT, int) \
	X(96, gettimeofday, LOCAL, gettimeofday, out(timeval), out(timezone)) \
	X(97, getrlimit, LOCAL, getrlimit, int, out(rlimit)) \
	X(98, getrusage, LOCAL, getrusage, int, out(rusage)) \
	X(99, sysinfo, LOCAL, sysinfo, out(sysinfo)) \
	X(100, times, LOCAL, times, out(tms)) \
	X(101, ptrace, REFUSED, EPERM, "it would trace the proxy") \
	X(102, getuid, FORWARD, PROMPT, none) \
	X(103, syslog, FORWARD, RESTART, int, out_len(3), len) \
	X(104, getgid, FORWARD, PROMPT, none) \
	X(105, setuid, FORWARD, PROMPT, int) \
	X(106, setgid, FORWARD, PROMPT, int) \
	X(107, geteuid, FORWARD, PROMPT, none) \
	X(108, getegid, FORWARD, PROMPT, none) \
	X(109, setpgid, FORWARD, PROMPT, int, int) \
	X(110, getppid, FORWARD, PROMPT, none) \
	X(111, getpgrp, FORWARD, PROMPT, none) \
	X(112, setsid, FORWARD, PROMPT, none) \
	X(113, setreuid, FORWARD, PROMPT, int, int) \
	X(114, setregid, FORWARD, PROMPT, int, int) \
	X(115, getgroups, FORWARD, PROMPT, len, out_n(i32, 1)) \
	X(116, setgroups, FORWARD, PROMPT, len, in_n(i32, 1)) \
	X(117, setresuid, FORWARD, PROMPT, int, int, int) \
	X(118, getresuid, FORWARD, PROMPT, out(i32), out(i32), out(i32)) \
	X(119, setresgid, FORWARD, PROMPT, int, int, int) \
	X(120, getresgid, FORWARD, PROMPT, out(i32), out(i32), out(i32)) \
	X(121, getpgid, FORWARD, PROMPT, int) \
	X(122, setfsuid, FORWARD, PROMPT, int) \
	X(123, setfsgid, FORWARD, PROMPT, int) \
	X(124, getsid, FORWARD, PROMPT, int) \
	X(125, capget, FORWARD, PROMPT, inout(cap_header), out(cap_data)) \
	X(126, capset, FORWARD, PROMPT, inout(cap_header), in(cap_data)) \
	X(127, rt_sigpending, LOCAL, rt_sigpending, out(sigset), len) \
	X(128, rt_sigtimedwait, LOCAL, rt_sigtimedwait, in(sigset), out(siginfo), \
		in(timespec), len) \
	X(129, rt_sigqueueinfo, LOCAL, rt_sigqueueinfo, int, int, in(siginfo)) \
	X(130, rt_sigsuspend, LOCAL, rt_sigsuspend, in(sigset), len) \
	X(131, sigaltstack, LOCAL, sigaltstack, in(sigstack), out(sigstack)) \
	X(132, utime, FORWARD, PROMPT, path, in(utimbuf)) \
	X(133, mknod, FORWARD, PROMPT, path, int, int) \
	X(134, uselib, REFUSED, ENOSYS, "no longer in Linux") \
	X(135, personality, LOCAL, personality, int) \
	X(136, ustat, FORWARD, PROMPT, int, out(ustat)) \
	X(137, statfs, FORWARD, PROMPT, path, out(statfs)) \
	X(138, fstatfs, FORWARD, PROMPT, fd, out(statfs)) \
	X(139, sysfs, REFUSED, ENOSYS, "no longer in use") \
	X(140, getpriority, FORWARD, PROMPT, int, int) \
	X(141, setpriority, FORWARD, PROMPT, int, int, int) \
	X(142, sched_setparam, LOCAL, sched_setparam, int, in(sched_param)) \
	X(143, sched_getparam, LOCAL, sched_getparam, int, out(sched_param)) \
	X(144, sched_setscheduler, LOCAL, sched_setscheduler, int, int, in(sched_param)) \
	X(145, sched_getscheduler, LOCAL, sched_getscheduler, int) \
	X(146, sched_get_priority_max, LOCAL, sched_get_priority_max, int) \
	X(147, sched_get_priority_min, LOCAL, sched_get_priority_min, int) \
	X(148, sched_rr_get_interval, LOCAL, sched_rr_get_interval, int, out(timespec)) \
	X(149, mlock, LOCAL, mlock, ptr, len) \
	X(150, munlock, LOCAL, mlock, ptr, len) \
	X(151, mlockall, LOCAL, mlockall, int) \
	X(152, munlockall, LOCAL, munlockall, none) \
	X(153, vhangup, REFUSED, EPERM, "administration of the host") \
	X(154, modify_ldt, REFUSED, ENOSYS, "no segments for programs") \
	X(155, pivot_root, REFUSED, EPERM, "administration of the host") \
	X(156, _sysctl, REFUSED, ENOSYS, "no longer in Linux") \
	X(157, prctl, LOCAL, prctl, int, control, int, int, int) \
	X(158, arch_prctl, LOCAL, arch_prctl, int, ptr) \
	X(159, adjtimex, REFUSED, EPERM, "administration of the host") \
	X(160, setrlimit, LOCAL, setrlimit, int, in(rlimit)) \
	X(161, chroot, FORWARD, PROMPT, path) \
	X(162, sync, FORWARD, PROMPT, none) \
	X(163, acct, REFUSED, EPERM, "administration of the host") \
	X(164, settimeofday, REFUSED, EPERM, "administration of the host") \
	X(165, mount, REFUSED, EPERM, "administration of the host") \
	X(166, umount2, REFUSED, EPERM, "administration of the host") \
	X(167, swapon, REFUSED, EPERM, "administration of the host") \
	X(168, swapoff, REFUSED, EPERM, "administration of the host") \
	X(169, reboot, REFUSED, EPERM, "administration of the host") \
	X(170, sethostname, REFUSED, EPERM, "administration of the host") \
	X(171, setdomainname, REFUSED, EPERM, "administration of the host") \
	X(172, iopl, REFUSED, EPERM, "no ports for programs") \
	X(173, ioperm, REFUSED, EPERM, "no ports for programs") \
	X(174, create_module, REFUSED, ENOSYS, "no longer in Linux") \
	X(175, init_module, REFUSED, EPERM, "administration of the host") \
	X(176, delete_module, REFUSED, EPERM, "administration of the host") \
	X(177, get_kernel_syms, REFUSED, ENOSYS, "no longer in Linux") \
	X(178, query_module, REFUSED, ENOSYS, "no longer in Linux") \
	X(179, quotactl, REFUSED, EPERM, "administration of the host") \
	X(180, nfsservctl, REFUSED, ENOSYS, "no longer in Linux") \
	X(181, getpmsg, REFUSED, ENOSYS, "never in Linux") \
	X(182, putpmsg, REFUSED, ENOSYS, "never in Linux") \
	X(183, afs_syscall, REFUSED, ENOSYS, "never in Linux") \
	X(184, tuxcall, REFUSED, ENOSYS, "never in Linux") \
	X(185, security, REFUSED, ENOSYS, "never in Linux") \
	X(186, gettid, LOCAL, gettid, none) \
	X(187, readahead, FORWARD, PROMPT, fd, int, len) \
	X(188, setxattr, FORWARD, PROMPT, path, path, in_len(4), len, int) \
	X(189, lsetxattr, FORWARD, PROMPT, path, path, in_len(4), len, int) \
	X(190, fsetxattr, FORWARD, PROMPT, fd, path, in_len(4), len, int) \
	X(191, getxattr, FORWARD, PROMPT, path, path, out_len(4), len) \
	X(192, lgetxattr, FORWARD, PROMPT, path, path, out_len(4), len) \
	X(193, fgetxattr, FORWARD, PROMPT, fd, path, out_len(4), len) \
	X(194, listxattr, FORWARD, PROMPT, path, out_len(3), len) \
	X(195, llistxattr, FORWARD, PROMPT, path, out_len(3), len) \
	X(196, flistxattr, FORWARD, PROMPT, fd, out_len(3), len) \
	X(197, removexattr, FORWARD, PROMPT, path, path) \
	X(198, lremovexattr, FORWARD, PROMPT, path, path) \
	X(199, fremovexattr, FORWARD, PROMPT, fd, path) \
	X(200, tkill, LOCAL, tkill, int, int) \
	X(201, time, LOCAL, time, out(i64)) \
	X(202, futex, LOCAL, futex, ptr, int, int, ptr, ptr, int) \
	X(203, sched_setaffinity, LOCAL, sched_setaffinity, int, len, in_len(2)) \
	X(204, sched_getaffinity, LOCAL, sched_getaffinity, int, len, out_len(2)) \
	X(205, set_thread_area, REFUSED, ENOSYS, "no segments for programs") \
	X(206, io_setup, REFUSED, ENOSYS, "it would work on memory after its return") \
	X(207, io_destroy, REFUSED, ENOSYS, "no io_setup") \
	X(208, io_getevents, REFUSED, ENOSYS, "no io_setup") \
	X(209, io_submit, REFUSED, ENOSYS, "no io_setup") \
	X(210, io_cancel, REFUSED, ENOSYS, "no io_setup") \
	X(211, get_thread_area, REFUSED, ENOSYS, "no segments for programs") \
	X(212, lookup_dcookie, REFUSED, ENOSYS, "no longer in Linux") \
	X(213, epoll_create, FORWARD, PROMPT, int) \
	X(214, epoll_ctl_old, REFUSED, ENOSYS, "never in Linux") \
	X(215, epoll_wait_old, REFUSED, ENOSYS, "never in Linux") \
	X(216, remap_file_pages, REFUSED, ENOSYS, "no longer in use") \
	X(217, getdents64, FORWARD, PROMPT, fd, out_len(3), len) \
	X(218, set_tid_address, LOCAL, set_tid_address, out(i32)) \
	X(219, restart_syscall, LOCAL, restart_syscall, none) \
	X(220, semtimedop, FORWARD, PROMPT, int, in_n(sembuf, 3), len, in(timespec)) \
	X(221, fadvise64, FORWARD, PROMPT, fd, int, len, int) \
	X(222, timer_create, LOCAL, timer_create, int, in(sigevent), out(i32)) \
	X(223, timer_settime, LOCAL, timer_settime, int, int, in(itimerspec), out(itimerspec)) \
	X(224, timer_gettime, LOCAL, timer_gettime, int, out(itimerspec)) \
	X(225, timer_getoverrun, LOCAL, timer_getoverrun, int) \
	X(226, timer_delete, LOCAL, timer_delete, int) \
	X(227, clock_settime, REFUSED, EPERM, "administration of the host") \
	X(228, clock_gettime, LOCAL, clock_gettime, int, out(timespec)) \
	X(229, clock_getres, LOCAL, clock_getres, int, out(timespec)) \
	X(230, clock_nanosleep, LOCAL, clock_nanosleep, int, int, in(timespec), out(timespec)) \
	X(231, exit_group, LOCAL, exit_group, int) \
	X(232, epoll_wait, FORWARD, PROMPT, fd, out_n(epoll_event, 3), len, int) \
	X(233, epoll_ctl, FORWARD, PROMPT, fd, int, fd, in(epoll_event)) \
	X(234, tgkill, LOCAL, tgkill, int, int, int) \
	X(235, utimes, FORWARD, PROMPT, path, in(timeval2)) \
	X(236, vserver, REFUSED, ENOSYS, "never in Linux") \
	X(237, mbind, LOCAL, mbind, ptr, len, int, ptr, len, int) \
	X(238, set_mempolicy, LOCAL, set_mempolicy, int, ptr, len) \
	X(239, get_mempolicy, LOCAL, get_mempolicy, ptr, ptr, len, ptr, int) \
	X(240, mq_open, FORWARD, RESTART, path, int, int, in(mq_attr)) \
	X(241, mq_unlink, FORWARD, PROMPT, path) \
	X(242, mq_timedsend, FORWARD, RESTART, fd, in_len(3), len, int, in(timespec)) \
	X(243, mq_timedreceive, FORWARD, RESTART, fd, out_len(3), len, out(i32), in(timespec)) \
	X(244, mq_notify, FORWARD, PROMPT, fd, in(sigevent)) \
	X(245, mq_getsetattr, FORWARD, PROMPT, fd, in(mq_attr), out(mq_attr)) \
	X(246, kexec_load, REFUSED, EPERM, "administration of the host") \
	X(247, waitid, REFUSED, ECHILD, "no child can exist yet") \
	X(248, add_key, REFUSED, ENOSYS, "keys belong to the proxy") \
	X(249, request_key, REFUSED, ENOSYS, "keys belong to the proxy") \
	X(250, keyctl, REFUSED, ENOSYS, "keys belong to the proxy") \
	X(251, ioprio_set, FORWARD, PROMPT, int, int, int) \
	X(252, ioprio_get, FORWARD, PROMPT, int, int) \
	X(253, inotify_init, FORWARD, PROMPT, none) \
	X(254, inotify_add_watch, FORWARD, PROMPT, fd, path, int) \
	X(255, inotify_rm_watch, FORWARD, PROMPT, fd, int) \
	X(256, migrate_pages, LOCAL, migrate_pages, int, len, ptr, ptr) \
	X(257, openat, FORWARD, RESTART, fd, path, int, int) \
	X(258, mkdirat, FORWARD, PROMPT, fd, path, int) \
	X(259, mknodat, FORWARD, PROMPT, fd, path, int, int) \
	X(260, fchownat, FORWARD, PROMPT, fd, path, int, int, int) \
	X(261, futimesat, FORWARD, PROMPT, fd, path, in(timeval2)) \
	X(262, newfstatat, FORWARD, PROMPT, fd, path, out(kstat), int) \
	X(263, unlinkat, FORWARD, PROMPT, fd, path, int) \
	X(264, renameat, FORWARD, PROMPT, fd, path, fd, path) \
	X(265, linkat, FORWARD, PROMPT, fd, path, fd, path, int) \
	X(266, symlinkat, FORWARD, PROMPT, path, fd, path) \
	X(267, readlinkat, FORWARD, PROMPT, fd, path, out_len(4), len) \
	X(268, fchmodat, FORWARD, PROMPT, fd, path, int) \
	X(269, faccessat, FORWARD, PROMPT, fd, path, int) \
	X(270, pselect6, FORWARD, NOHAND, len, fdset(1), fdset(1), fdset(1), \
		timeout(timespec), tempmask_pair) \
	X(271, ppoll, FORWARD, NOHAND, inout_n(pollfd, 2), len, timeout(timespec), \
		tempmask(5), len) \
	X(272, unshare, REFUSED, EPERM, "it would change the proxy") \
	X(273, set_robust_list, LOCAL, set_robust_list, ptr, len) \
	X(274, get_robust_list, LOCAL, get_robust_list, int, out(i64), out(i64)) \
	X(275, splice, FORWARD, RESTART, fd, inout(i64), fd, inout(i64), len, int) \
	X(276, tee, FORWARD, RESTART, fd, fd, len, int) \
	X(277, sync_file_range, FORWARD, PROMPT, fd, int, len, int) \
	X(278, vmsplice, REFUSED, ENOSYS, "it would lend memory beyond its return") \
	X(279, move_pages, LOCAL, move_pages, int, len, ptr, ptr, ptr, int) \
	X(280, utimensat, FORWARD, PROMPT, fd, path, in(timespec2), int) \
	X(281, epoll_pwait, FORWARD, PROMPT, fd, out_n(epoll_event, 3), len, int, \
		tempmask(6), len) \
	X(282, signalfd, REFUSED, ENOSYS, "signals are the LWK's: a later version") \
	X(283, timerfd_create, FORWARD, PROMPT, int, int) \
	X(284, eventfd, FORWARD, PROMPT, int) \
	X(285, fallocate, FORWARD, RESTART, fd, int, int, len) \
	X(286, timerfd_settime, FORWARD, PROMPT, fd, int, in(itimerspec), out(itimerspec)) \
	X(287, timerfd_gettime, FORWARD, PROMPT, fd, out(itimerspec)) \
	X(288, accept4, FORWARD, RESTART, fd, out_via(3), inout(i32), int) \
	X(289, signalfd4, REFUSED, ENOSYS, "signals are the LWK's: a later version") \
	X(290, eventfd2, FORWARD, PROMPT, int, int) \
	X(291, epoll_create1, FORWARD, PROMPT, int) \
	X(292, dup3, FORWARD, PROMPT, fd, fd, int) \
	X(293, pipe2, FORWARD, PROMPT, out(fdpair), int) \
	X(294, inotify_init1, FORWARD, PROMPT, int) \
	X(295, preadv, FORWARD, RESTART, fd, iov_out(3), len, int, int) \
	X(296, pwritev, FORWARD, RESTART, fd, iov_in(3), len, int, int) \
	X(297, rt_tgsigqueueinfo, LOCAL, rt_tgsigqueueinfo, int, int, int, in(siginfo)) \
	X(298, perf_event_open, REFUSED, ENOSYS, "it would measure the proxy") \
	X(299, recvmmsg, FORWARD, RESTART, fd, mmsg_out(3), len, int, inout(timespec)) \
	X(300, fanotify_init, FORWARD, PROMPT, int, int) \
	X(301, fanotify_mark, FORWARD, PROMPT, fd, int, int, fd, path) \
	X(302, prlimit64, LOCAL, prlimit64, int, int, in(rlimit), out(rlimit)) \
	X(303, name_to_handle_at, FORWARD, PROMPT, fd, path, handle, out(i32), int) \
	X(304, open_by_handle_at, FORWARD, RESTART, fd, handle_in, int) \
	X(305, clock_adjtime, REFUSED, EPERM, "administration of the host") \
	X(306, syncfs, FORWARD, PROMPT, fd) \
	X(307, sendmmsg, FORWARD, RESTART, fd, mmsg_in(3), len, int) \
	X(308, setns, REFUSED, EPERM, "it would change the proxy") \
	X(309, getcpu, LOCAL, getcpu, out(i32), out(i32), ptr) \
	X(310, process_vm_readv, LOCAL, process_vm_readv, int, iov_out(3), len, \
		in_n(iovec, 5), len, int) \
	X(311, process_vm_writev, LOCAL, process_vm_writev, int, iov_in(3), len, \
		in_n(iovec, 5), len, int) \
	X(312, kcmp, REFUSED, ENOSYS, "it would compare proxies") \
	X(313, finit_module, REFUSED, EPERM, "administration of the host") \
	X(314, sched_setattr, LOCAL, sched_setattr, int, ptr, int) \
	X(315, sched_getattr, LOCAL, sched_getattr, int, ptr, len, int) \
	X(316, renameat2, FORWARD, PROMPT, fd, path, fd, path, int) \
	X(317, seccomp, REFUSED, EINVAL, "it would change the proxy") \
	X(318, getrandom, FORWARD, RESTART, out_len(2), len, int) \
	X(319, memfd_create, FORWARD, PROMPT, path, int) \
	X(320, kexec_file_load, REFUSED, EPERM, "administration of the host") \
	X(321, bpf, REFUSED, EPERM, "administration of the host") \
	X(322, execveat, REFUSED, ENOSYS, "new processes: a later version") \
	X(323, userfaultfd, REFUSED, ENOSYS, "page faults are the LWK's") \
	X(324, membarrier, LOCAL, membarrier, int, int, int) \
	X(325, mlock2, LOCAL, mlock2, ptr, len, int) \
	X(326, copy_file_range, FORWARD, PROMPT, fd, inout(i64), fd, inout(i64), len, int) \
	X(327, preadv2, FORWARD, RESTART, fd, iov_out(3), len, int, int, int) \
	X(328, pwritev2, FORWARD, RESTART, fd, iov_in(3), len, int, int, int) \
	X(329, pkey_mprotect, LOCAL, pkey_mprotect, ptr, len, int, int) \
	X(330, pkey_alloc, REFUSED, ENOSPC, "no protection keys") \
	X(331, pkey_free, REFUSED, EINVAL, "no protection keys") \
	X(332, statx, FORWARD, PROMPT, fd, path, int, int, out(statx)) \
	X(333, io_pgetevents, REFUSED, ENOSYS, "no io_setup") \
	X(334, rseq, REFUSED, ENOSYS, "threads keep their cores: libc does without") \
	X(424, pidfd_send_signal, FORWARD, PROMPT, fd, int, in(siginfo), int) \
	X(425, io_uring_setup, REFUSED, ENOSYS, "it would work on memory after its return") \
	X(426, io_uring_enter, REFUSED, ENOSYS, "no io_uring_setup") \
	X(427, io_uring_register, REFUSED, ENOSYS, "no io_uring_setup") \
	X(428, open_tree, REFUSED, EPERM, "administration of the host") \
	X(429, move_mount, REFUSED, EPERM, "administration of the host") \
	X(430, fsopen, REFUSED, EPERM, "administration of the host") \
	X(431, fsconfig, REFUSED, EPERM, "administration of the host") \
	X(432, fsmount, REFUSED, EPERM, "administration of the host") \
	X(433, fspick, REFUSED, EPERM, "administration of the host") \
	X(434, pidfd_open, FORWARD, PROMPT, int, int) \
	X(435, clone3, LOCAL, clone3, in_len(2), len) \
	X(436, close_range, FORWARD, PROMPT, fd, fd, int) \
	X(437, openat2, FORWARD, RESTART, fd, path, in_len(4), len) \
	X(438, pidfd_getfd, FORWARD, PROMPT, fd, fd, int) \
	X(439, faccessat2, FORWARD, PROMPT, fd, path, int, int) \
	X(440, process_madvise, REFUSED, ENOSYS, "memory of other processes") \
	X(441, epoll_pwait2, FORWARD, PROMPT, fd, out_n(epoll_event, 3), len, \
		in(timespec), tempmask(6), len) \
	X(442, mount_setattr, REFUSED, EPERM, "administration of the host") \
	X(443, quotactl_fd, REFUSED, EPERM, "administration of the host") \
	X(444, landlock_create_ruleset, REFUSED, ENOSYS, "it would change the proxy") \
	X(445, landlock_add_rule, REFUSED, ENOSYS, "it would change the proxy") \
	X(446, landlock_restrict_self, REFUSED, ENOSYS, "it would change the proxy") \
	X(447, memfd_secret, REFUSED, ENOSYS, "shared files need the window: a later version") \
	X(448, process_mrelease, REFUSED, ENOSYS, "memory of other processes") \
	X(449, futex_waitv, REFUSED, ENOSYS, "a later version") \
	X(450, set_mempolicy_home_node, LOCAL, set_mempolicy_home_node, ptr, len, int, int) \
	X(451, cachestat, FORWARD, PROMPT, fd, in(cachestat_range), out(cachestat), int) \
	X(452, fchmodat2, FORWARD, PROMPT, fd, path, int, int) \
	X(453, map_shadow_stack, REFUSED, ENOSYS, "no shadow stacks") \
	X(454, futex_wake, REFUSED, ENOSYS, "a later version") \
	X(455, futex_wait, REFUSED, ENOSYS, "a later version") \
	X(456, futex_requeue, REFUSED, ENOSYS, "a later version") \
	X(457, statmount, REFUSED, ENOSYS, "a later version") \
	X(458, listmount, REFUSED, ENOSYS, "a later version") \
	X(459, lsm_get_self_attr, REFUSED, ENOSYS, "it would tell of the proxy") \
	X(460, lsm_set_self_attr, REFUSED, ENOSYS, "it would change the proxy") \
	X(461, lsm_list_modules, REFUSED, ENOSYS, "it would tell of the proxy") \
	X(462, mseal, REFUSED, ENOSYS, "a later version")
/* clang-format on */

#endif
