/* SPDX-License-Identifier: MIT */
/*
 * The list of system calls (syscalls_list.h) and what its words mean. It makes the LWK's
 * tables, the VMM's report and trace, the table of docs/linux-abi.md, and the tests.
 *
 *   X(nr, name, LOCAL,   function, arguments...)  the LWK's own: sys_<function>()
 *   X(nr, name, FORWARD, when interrupted, arguments...)  made by the proxy on the host
 *   X(nr, name, REFUSED, error, "reason")         answered with the error, and logged once
 *
 * A consumer defines X(nr, name, class, ...) and hands it to ABI_SYSCALLS(X); ABI_CALL_ROW
 * makes of a row the initialiser of a struct abi_call.
 */
#ifndef LWK_ABI_SYSCALLS_H
#define LWK_ABI_SYSCALLS_H

#include <stdint.h>

#include "guest-lwk/abi/syscalls_list.h"

/* ABI_NR_read and so on. */
#define ABI_NR_ROW(nr, name, ...) ABI_NR_##name = (nr),
enum { ABI_SYSCALLS(ABI_NR_ROW) };

/*
 * Calls that the LWK makes of the proxy for new processes (docs/decisions/0007-processes.md).
 * No program can make them: they are beyond the list. FORK, VFORK and EXEC have a struct
 * abi_bequest at the mailbox's slot.
 */
enum {
	/* a copy of the process; answer: its pid, for the parent. arg0: the signal that tells
	 * of its end; arg1: where its thread id goes in its memory, 0: nowhere */
	ABI_CALL_FORK = 490,
	/* arg0 as FORK. Answer: 0, with the child's pid in arg0: from now on the mailbox is the
	 * child's, until a request in it is answered by ABI_VFORK_OVER. */
	ABI_CALL_VFORK,
	ABI_CALL_EXEC, /* path, argv, envp, folder, AT_* flags: -errno, or there is no answer */
	ABI_CALL_LEAVE,    /* wait status: the child of a VFORK ends with it */
	ABI_CALL_CHILDREN, /* arg0: SA_NOCLDSTOP, SA_NOCLDWAIT; arg1: 1 SIGCHLD is ignored */
};
/* The child of a VFORK runs another program, or has ended: arg0 is its pid. */
#define ABI_CALL_FIRST 480 /* from here on they are all ours */
#define ABI_VFORK_OVER (-520)

/*
 * Calls that the LWK makes of the proxy for the window, files that host processes may share
 * (abi/share.h). No program can make them: they are beyond the list. MAP_FILE, WINDOW_GROW and
 * SHMAT answer in the mailbox's arguments (struct abi_window_answer), for as much of what was
 * asked as is contiguous; they add a reference to each page of it.
 */
enum {
	/* fd (-1: anonymous), va, bytes, prot, MAP_* flags, offset in the file */
	ABI_CALL_MAP_FILE = 480,
	ABI_CALL_WINDOW_FAULT, /* va, gpa: 0 if the page is there now, else -EFAULT */
	/* va, gpa of a page that is held, signed distance in bytes from it in the file, bytes,
	 * 1: writable (as was answered). Maps more of a file whose descriptor may be gone. */
	ABI_CALL_WINDOW_GROW,
	ABI_CALL_SHMAT,   /* shmid, va, SHM_* flags, bytes */
	ABI_CALL_SHMSIZE, /* shmid: bytes of the segment, or -errno */
	ABI_CALL_WINDOW_END
};
_Static_assert(ABI_CALL_WINDOW_END <= 512, "more than ABI_MAX_CALLS");

enum { ABI_UNKNOWN, ABI_LOCAL, ABI_FORWARD, ABI_REFUSED };

/* What -EINTR of a forwarded call turns into when a signal interrupted it, as Linux has it. */
enum {
	ABI_PROMPT,  /* it does not wait, or says EINTR for good */
	ABI_RESTART, /* made again if the handler has SA_RESTART */
	ABI_NOHAND,  /* made again only if no handler ran */
};

/*
 * Kinds of arguments. Memory that the call reads, writes or both: `in`, `out`, `inout`. Of
 * fixed size, of as many bytes or items as argument a says (a counts from 1), or as long as the
 * integer at argument a says.
 */
enum {
	ABI_NONE,
	ABI_INT,
	ABI_FD,
	ABI_LEN,  /* bytes or items of another argument */
	ABI_PTR,  /* an address that the call does not follow, or not here */
	ABI_PATH, /* string in, ends with 0 */
	ABI_IN,   /* in(struct) */
	ABI_OUT,
	ABI_INOUT,
	ABI_IN_LEN,    /* in_len(a): all or nothing */
	ABI_WRITE_LEN, /* write_len(a): what of it is mapped is used, as write() does */
	ABI_OUT_LEN,   /* out_len(a): the same the other way, as read() does */
	ABI_IN_N,      /* in_n(item, a) */
	ABI_OUT_N,
	ABI_INOUT_N,
	ABI_OUT_VIA, /* out_via(a): as long as the 32-bit integer at argument a */
	ABI_FDSET,   /* fdset(a): argument a descriptors, inout */
	ABI_IOV_IN,  /* iov_in(a): argument a struct iovec, their memory read */
	ABI_IOV_OUT,
	ABI_MSG_IN, /* struct msghdr */
	ABI_MSG_OUT,
	ABI_MMSG_IN, /* mmsg_in(a): argument a struct mmsghdr */
	ABI_MMSG_OUT,
	ABI_TEMPMASK, /* tempmask(a): signal mask during the call, its size in argument a */
	ABI_TEMPMASK_PAIR, /* address and size of such a mask, in memory (pselect6) */
	ABI_HANDLE_IN,     /* struct file_handle */
	ABI_HANDLE,
	ABI_TIMEOUT, /* timeout(struct): in, and out where it can be written */
	ABI_CONTROL, /* by the call's command: ioctl, fcntl, semctl, msgctl */
};

#define ABI_ARG(kind, n)   ((kind) | (n) << 5)
#define ABI_ARG_KIND(arg)  ((arg)&31)
#define ABI_ARG_N(arg)     ((arg) >> 5) /* fixed size, or argument's number */
#define ABI_ARG_ITEM(arg)  ((arg) >> 8) /* bytes; the count is in argument ABI_ARG_COUNT */
#define ABI_ARG_COUNT(arg) ((arg) >> 5 & 7)

/* The words of the list. */
#define ABI_ARG_none          ABI_NONE
#define ABI_ARG_int           ABI_INT
#define ABI_ARG_fd            ABI_FD
#define ABI_ARG_len           ABI_LEN
#define ABI_ARG_ptr           ABI_PTR
#define ABI_ARG_path          ABI_PATH
#define ABI_ARG_in(s)         ABI_ARG(ABI_IN, ABI_SIZE_##s)
#define ABI_ARG_out(s)        ABI_ARG(ABI_OUT, ABI_SIZE_##s)
#define ABI_ARG_inout(s)      ABI_ARG(ABI_INOUT, ABI_SIZE_##s)
#define ABI_ARG_in_len(a)     ABI_ARG(ABI_IN_LEN, a)
#define ABI_ARG_write_len(a)  ABI_ARG(ABI_WRITE_LEN, a)
#define ABI_ARG_out_len(a)    ABI_ARG(ABI_OUT_LEN, a)
#define ABI_ARG_in_n(s, a)    ABI_ARG(ABI_IN_N, ABI_SIZE_##s << 3 | (a))
#define ABI_ARG_out_n(s, a)   ABI_ARG(ABI_OUT_N, ABI_SIZE_##s << 3 | (a))
#define ABI_ARG_inout_n(s, a) ABI_ARG(ABI_INOUT_N, ABI_SIZE_##s << 3 | (a))
#define ABI_ARG_out_via(a)    ABI_ARG(ABI_OUT_VIA, a)
#define ABI_ARG_fdset(a)      ABI_ARG(ABI_FDSET, a)
#define ABI_ARG_iov_in(a)     ABI_ARG(ABI_IOV_IN, a)
#define ABI_ARG_iov_out(a)    ABI_ARG(ABI_IOV_OUT, a)
#define ABI_ARG_msg_in        ABI_MSG_IN
#define ABI_ARG_msg_out       ABI_MSG_OUT
#define ABI_ARG_mmsg_in(a)    ABI_ARG(ABI_MMSG_IN, a)
#define ABI_ARG_mmsg_out(a)   ABI_ARG(ABI_MMSG_OUT, a)
#define ABI_ARG_tempmask(a)   ABI_ARG(ABI_TEMPMASK, a)
#define ABI_ARG_tempmask_pair ABI_TEMPMASK_PAIR
#define ABI_ARG_timeout(s)    ABI_ARG(ABI_TIMEOUT, ABI_SIZE_##s)
#define ABI_ARG_handle_in     ABI_HANDLE_IN
#define ABI_ARG_handle        ABI_HANDLE
#define ABI_ARG_control       ABI_CONTROL

/*
 * Bytes of what Linux's x86-64 system calls read and write (tests/unit/test_syscalls.c
 * compares).
 */
enum {
	ABI_SIZE_i32 = 4,
	ABI_SIZE_i64 = 8,
	ABI_SIZE_fdpair = 8,
	ABI_SIZE_timespec = 16,
	ABI_SIZE_timespec2 = 32,
	ABI_SIZE_timeval = 16,
	ABI_SIZE_timeval2 = 32,
	ABI_SIZE_timezone = 8,
	ABI_SIZE_itimerspec = 32,
	ABI_SIZE_itimerval = 32,
	ABI_SIZE_utimbuf = 16,
	ABI_SIZE_kstat = 144,
	ABI_SIZE_statfs = 120,
	ABI_SIZE_statx = 256,
	ABI_SIZE_ustat = 32,
	ABI_SIZE_utsname = 390,
	ABI_SIZE_rlimit = 16,
	ABI_SIZE_rusage = 144,
	ABI_SIZE_sysinfo = 112,
	ABI_SIZE_tms = 32,
	ABI_SIZE_sigset = 8,
	ABI_SIZE_ksigaction = 32,
	ABI_SIZE_siginfo = 128,
	ABI_SIZE_sigstack = 24,
	ABI_SIZE_sigevent = 64,
	ABI_SIZE_mq_attr = 64,
	ABI_SIZE_epoll_event = 12,
	ABI_SIZE_iovec = 16,
	ABI_SIZE_pollfd = 8,
	ABI_SIZE_sembuf = 6,
	ABI_SIZE_flock = 32,
	ABI_SIZE_cap_header = 8,
	ABI_SIZE_cap_data = 24,
	ABI_SIZE_sched_param = 4,
	ABI_SIZE_cachestat_range = 16,
	ABI_SIZE_cachestat = 40,
};

struct abi_call {
	uint8_t class;
	uint8_t interrupted; /* FORWARD: ABI_RESTART and the like */
	uint16_t refused;    /* REFUSED: error number */
	uint16_t arg[6];
};
_Static_assert(sizeof(struct abi_call) == 16, "abi");

#define ABI_ARGS6(a, b, c, d, e, f, ...)                                                       \
	{                                                                                      \
		ABI_ARG_##a, ABI_ARG_##b, ABI_ARG_##c, ABI_ARG_##d, ABI_ARG_##e, ABI_ARG_##f   \
	}
#define ABI_ARGS(...) ABI_ARGS6(__VA_ARGS__, none, none, none, none, none, none, none)
#define ABI_ROW_LOCAL(function, ...)                                                           \
	{                                                                                      \
		.class = ABI_LOCAL, .arg = ABI_ARGS(__VA_ARGS__)                               \
	}
#define ABI_ROW_FORWARD(when, ...)                                                             \
	{                                                                                      \
		.class = ABI_FORWARD, .interrupted = ABI_##when, .arg = ABI_ARGS(__VA_ARGS__)  \
	}
#define ABI_ROW_REFUSED(error, reason)                                                         \
	{                                                                                      \
		.class = ABI_REFUSED, .refused = (error)                                       \
	}
#define ABI_CALL_ROW(nr, name, class, ...) [nr] = ABI_ROW_##class(__VA_ARGS__),

#endif
