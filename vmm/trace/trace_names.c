/* SPDX-License-Identifier: MIT */
/* Numbers that have names: flags, commands, signals. Others stay numbers. */
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guest-lwk/abi/share.h"
#include "guest-lwk/abi/syscalls.h"
#include "vmm/trace/trace_text.h"

struct name {
	uint64_t value;
	const char *name;
};

#define N(value)                                                                               \
	{                                                                                      \
		(uint64_t)(value), #value                                                      \
	}
#define END                                                                                    \
	{                                                                                      \
		0, NULL                                                                        \
	}

static const struct name access_modes[] = {N(O_RDONLY), N(O_WRONLY), N(O_RDWR), END};
/* Of more than one bit first. */
static const struct name open_flags[] = {{O_TMPFILE, "O_TMPFILE"}, {O_SYNC, "O_SYNC"},
	N(O_CREAT), N(O_EXCL), N(O_NOCTTY), N(O_TRUNC), N(O_APPEND), N(O_NONBLOCK), N(O_DSYNC),
	N(O_ASYNC), N(O_DIRECT), {0100000, "O_LARGEFILE"}, N(O_DIRECTORY), N(O_NOFOLLOW),
	N(O_NOATIME), N(O_CLOEXEC), N(O_PATH), END};
static const struct name prots[] = {{PROT_NONE, "PROT_NONE"}, N(PROT_READ), N(PROT_WRITE),
	N(PROT_EXEC), N(PROT_GROWSDOWN), END};
static const struct name map_flags[] = {{3, "MAP_SHARED_VALIDATE"}, N(MAP_SHARED),
	N(MAP_PRIVATE), N(MAP_FIXED), N(MAP_ANONYMOUS), N(MAP_GROWSDOWN), N(MAP_DENYWRITE),
	N(MAP_LOCKED), N(MAP_NORESERVE), N(MAP_POPULATE), N(MAP_NONBLOCK), N(MAP_STACK),
	N(MAP_HUGETLB), N(MAP_FIXED_NOREPLACE), END};
static const struct name mremap_flags[] = {N(MREMAP_MAYMOVE), N(MREMAP_FIXED), END};
static const struct name advices[] = {N(MADV_NORMAL), N(MADV_RANDOM), N(MADV_SEQUENTIAL),
	N(MADV_WILLNEED), N(MADV_DONTNEED), N(MADV_FREE), N(MADV_DONTFORK), N(MADV_HUGEPAGE),
	N(MADV_NOHUGEPAGE), N(MADV_DONTDUMP), N(MADV_POPULATE_READ), N(MADV_POPULATE_WRITE),
	END};
static const struct name whences[] = {
	N(SEEK_SET), N(SEEK_CUR), N(SEEK_END), N(SEEK_DATA), N(SEEK_HOLE), END};
static const struct name masks_how[] = {N(SIG_BLOCK), N(SIG_UNBLOCK), N(SIG_SETMASK), END};
static const struct name at_flags[] = {{AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"},
	N(AT_REMOVEDIR), N(AT_SYMLINK_FOLLOW), N(AT_NO_AUTOMOUNT), N(AT_EMPTY_PATH), END};
static const struct name access_wants[] = {{F_OK, "F_OK"}, N(R_OK), N(W_OK), N(X_OK), END};
static const struct name fcntls[] = {N(F_DUPFD), N(F_GETFD), N(F_SETFD), N(F_GETFL), N(F_SETFL),
	N(F_GETLK), N(F_SETLK), N(F_SETLKW), N(F_SETOWN), N(F_GETOWN), N(F_OFD_GETLK),
	N(F_OFD_SETLK), N(F_OFD_SETLKW), N(F_DUPFD_CLOEXEC), N(F_GETPIPE_SZ), N(F_SETPIPE_SZ),
	N(F_ADD_SEALS), N(F_GET_SEALS), END};
static const struct name ioctls[] = {{0x5401, "TCGETS"}, {0x5402, "TCSETS"}, N(TIOCGWINSZ),
	N(TIOCGPGRP), N(TIOCSPGRP), N(FIONREAD), N(FIONBIO), N(FIOCLEX), END};
static const struct name clocks[] = {N(CLOCK_REALTIME), N(CLOCK_MONOTONIC),
	N(CLOCK_PROCESS_CPUTIME_ID), N(CLOCK_THREAD_CPUTIME_ID), N(CLOCK_MONOTONIC_RAW),
	N(CLOCK_REALTIME_COARSE), N(CLOCK_MONOTONIC_COARSE), N(CLOCK_BOOTTIME), N(CLOCK_TAI),
	END};
static const struct name futex_ops[] = {N(FUTEX_WAIT), N(FUTEX_WAKE), N(FUTEX_REQUEUE),
	N(FUTEX_CMP_REQUEUE), N(FUTEX_WAKE_OP), N(FUTEX_LOCK_PI), N(FUTEX_UNLOCK_PI),
	N(FUTEX_WAIT_BITSET), N(FUTEX_WAKE_BITSET), N(FUTEX_WAIT_PRIVATE),
	N(FUTEX_WAKE_PRIVATE), N(FUTEX_REQUEUE_PRIVATE), N(FUTEX_CMP_REQUEUE_PRIVATE),
	N(FUTEX_WAKE_OP_PRIVATE), N(FUTEX_WAIT_BITSET_PRIVATE), N(FUTEX_WAKE_BITSET_PRIVATE),
	{FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME,
		"FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME"},
	END};
static const struct name clone_flags[] = {N(CLONE_VM), N(CLONE_FS), N(CLONE_FILES),
	N(CLONE_SIGHAND), N(CLONE_PIDFD), N(CLONE_PTRACE), N(CLONE_VFORK), N(CLONE_PARENT),
	N(CLONE_THREAD), N(CLONE_NEWNS), N(CLONE_SYSVSEM), N(CLONE_SETTLS),
	N(CLONE_PARENT_SETTID), N(CLONE_CHILD_CLEARTID), N(CLONE_DETACHED),
	N(CLONE_CHILD_SETTID), END};
static const struct name prctls[] = {N(PR_SET_PDEATHSIG), N(PR_GET_PDEATHSIG), N(PR_SET_NAME),
	N(PR_GET_NAME), N(PR_GET_DUMPABLE), N(PR_SET_DUMPABLE), N(PR_CAPBSET_READ),
	N(PR_SET_TIMERSLACK), N(PR_GET_TIMERSLACK), N(PR_SET_NO_NEW_PRIVS),
	N(PR_GET_NO_NEW_PRIVS), N(PR_SET_VMA), END};
static const struct name arch_prctls[] = {
	N(ARCH_SET_GS), N(ARCH_SET_FS), N(ARCH_GET_FS), N(ARCH_GET_GS), END};
static const struct name families[] = {
	N(AF_UNSPEC), N(AF_UNIX), N(AF_INET), N(AF_INET6), N(AF_NETLINK), N(AF_PACKET), END};
static const struct name sock_types[] = {
	N(SOCK_STREAM), N(SOCK_DGRAM), N(SOCK_RAW), N(SOCK_SEQPACKET), END};
static const struct name sock_flags[] = {N(SOCK_CLOEXEC), N(SOCK_NONBLOCK), END};
static const struct name limits[] = {N(RLIMIT_CPU), N(RLIMIT_FSIZE), N(RLIMIT_DATA),
	N(RLIMIT_STACK), N(RLIMIT_CORE), N(RLIMIT_NPROC), N(RLIMIT_NOFILE), N(RLIMIT_MEMLOCK),
	N(RLIMIT_AS), END};
static const struct name random_flags[] = {{1, "GRND_NONBLOCK"}, {2, "GRND_RANDOM"}, END};

/* How an argument is shown. */
enum how { NUMBER, DIRFD, OPEN, CLOEXEC, MODE, SIGNAL, ONE_OF, FLAGS, SOCK_TYPE };

struct show {
	unsigned char how;
	const struct name *names;
};

static const struct show shows[ABI_MAX_CALLS][6] = {
	[ABI_NR_open] = {[1] = {OPEN, 0}, [2] = {MODE, 0}},
	[ABI_NR_creat] = {[1] = {MODE, 0}},
	[ABI_NR_openat] = {{DIRFD, 0}, [2] = {OPEN, 0}, [3] = {MODE, 0}},
	[ABI_NR_openat2] = {{DIRFD, 0}},
	[ABI_NR_newfstatat] = {{DIRFD, 0}, [3] = {FLAGS, at_flags}},
	[ABI_NR_statx] = {{DIRFD, 0}, [2] = {FLAGS, at_flags}},
	[ABI_NR_mkdirat] = {{DIRFD, 0}, [2] = {MODE, 0}},
	[ABI_NR_mknodat] = {{DIRFD, 0}, [2] = {MODE, 0}},
	[ABI_NR_fchownat] = {{DIRFD, 0}, [4] = {FLAGS, at_flags}},
	[ABI_NR_unlinkat] = {{DIRFD, 0}, [2] = {FLAGS, at_flags}},
	[ABI_NR_renameat] = {{DIRFD, 0}, [2] = {DIRFD, 0}},
	[ABI_NR_renameat2] = {{DIRFD, 0}, [2] = {DIRFD, 0}},
	[ABI_NR_linkat] = {{DIRFD, 0}, [2] = {DIRFD, 0}, [4] = {FLAGS, at_flags}},
	[ABI_NR_symlinkat] = {[1] = {DIRFD, 0}},
	[ABI_NR_readlinkat] = {{DIRFD, 0}},
	[ABI_NR_fchmodat] = {{DIRFD, 0}, [2] = {MODE, 0}},
	[ABI_NR_faccessat] = {{DIRFD, 0}, [2] = {FLAGS, access_wants}},
	[ABI_NR_faccessat2] =
		{{DIRFD, 0}, [2] = {FLAGS, access_wants}, [3] = {FLAGS, at_flags}},
	[ABI_NR_utimensat] = {{DIRFD, 0}, [3] = {FLAGS, at_flags}},
	[ABI_NR_access] = {[1] = {FLAGS, access_wants}},
	[ABI_NR_mkdir] = {[1] = {MODE, 0}},
	[ABI_NR_mknod] = {[1] = {MODE, 0}},
	[ABI_NR_chmod] = {[1] = {MODE, 0}},
	[ABI_NR_fchmod] = {[1] = {MODE, 0}},
	[ABI_NR_umask] = {{MODE, 0}},
	[ABI_NR_lseek] = {[2] = {ONE_OF, whences}},
	[ABI_NR_fcntl] = {[1] = {ONE_OF, fcntls}},
	[ABI_NR_ioctl] = {[1] = {ONE_OF, ioctls}},
	[ABI_NR_pipe2] = {[1] = {CLOEXEC, 0}},
	[ABI_NR_dup3] = {[2] = {CLOEXEC, 0}},
	[ABI_NR_epoll_create1] = {{CLOEXEC, 0}},
	[ABI_NR_eventfd2] = {[1] = {CLOEXEC, 0}},
	[ABI_NR_mmap] = {[2] = {FLAGS, prots}, [3] = {FLAGS, map_flags}},
	[ABI_NR_mprotect] = {[2] = {FLAGS, prots}},
	[ABI_NR_mremap] = {[3] = {FLAGS, mremap_flags}},
	[ABI_NR_madvise] = {[2] = {ONE_OF, advices}},
	[ABI_NR_rt_sigaction] = {{SIGNAL, 0}},
	[ABI_NR_rt_sigprocmask] = {{ONE_OF, masks_how}},
	[ABI_NR_kill] = {[1] = {SIGNAL, 0}},
	[ABI_NR_tkill] = {[1] = {SIGNAL, 0}},
	[ABI_NR_tgkill] = {[2] = {SIGNAL, 0}},
	[ABI_NR_futex] = {[1] = {ONE_OF, futex_ops}},
	[ABI_NR_clone] = {{FLAGS, clone_flags}},
	[ABI_NR_prctl] = {{ONE_OF, prctls}},
	[ABI_NR_arch_prctl] = {{ONE_OF, arch_prctls}},
	[ABI_NR_clock_gettime] = {{ONE_OF, clocks}},
	[ABI_NR_clock_getres] = {{ONE_OF, clocks}},
	[ABI_NR_clock_nanosleep] = {{ONE_OF, clocks}},
	[ABI_NR_getrlimit] = {{ONE_OF, limits}},
	[ABI_NR_setrlimit] = {{ONE_OF, limits}},
	[ABI_NR_prlimit64] = {[1] = {ONE_OF, limits}},
	[ABI_NR_socket] = {{ONE_OF, families}, {SOCK_TYPE, 0}},
	[ABI_NR_socketpair] = {{ONE_OF, families}, {SOCK_TYPE, 0}},
	[ABI_NR_accept4] = {[3] = {FLAGS, sock_flags}},
	[ABI_NR_getrandom] = {[2] = {FLAGS, random_flags}},
};

static const char *name_of(const struct name *names, uint64_t value)
{
	for (; names->name; names++)
		if (names->value == value)
			return names->name;
	return NULL;
}

/* What is set, with | between; what has no name as a number. `before`: something stands there.
 */
static void put_flags(
	struct trace_out *out, const struct name *names, uint64_t value, const char *before)
{
	for (; names->name; names++) {
		if (!names->value || (value & names->value) != names->value)
			continue;
		trace_put(out, "%s%s", before, names->name);
		before = "|";
		value &= ~names->value;
	}
	if (value)
		trace_put(out, "%s%#lx", before, value);
}

static bool put_flag_set(struct trace_out *out, const struct name *names, uint64_t value)
{
	const char *zero = name_of(names, 0);

	if (value)
		put_flags(out, names, value, "");
	else
		trace_put(out, "%s", zero ? zero : "0");
	return true;
}

static bool put_open(struct trace_out *out, uint64_t flags, bool access_mode)
{
	const char *mode = access_mode ? name_of(access_modes, flags & O_ACCMODE) : NULL;

	if (!mode)
		return put_flag_set(out, open_flags, flags);
	trace_put(out, "%s", mode);
	put_flags(out, open_flags, flags & ~(uint64_t)O_ACCMODE, "|");
	return true;
}

static bool put_sock_type(struct trace_out *out, uint64_t value)
{
	const uint64_t flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	const char *type = name_of(sock_types, value & ~flags);

	if (!type)
		return false;
	trace_put(out, "%s", type);
	put_flags(out, sock_flags, value & flags, "|");
	return true;
}

static bool put_word(struct trace_out *out, const char *word)
{
	if (!word)
		return false;
	trace_put(out, "%s", word);
	return true;
}

static bool put_signal(struct trace_out *out, uint64_t value)
{
	const char *name = value < NSIG ? sigabbrev_np((int)value) : NULL;

	if (!name)
		return false;
	trace_put(out, "SIG%s", name);
	return true;
}

bool trace_put_name(struct trace_out *out, unsigned nr, unsigned arg, uint64_t value)
{
	const struct show *show = &shows[nr][arg];

	switch (show->how) {
	case DIRFD:
		return (int)value == AT_FDCWD && put_word(out, "AT_FDCWD");
	case OPEN:
		return put_open(out, value, true);
	case CLOEXEC:
		return put_open(out, value, false);
	case MODE:
		trace_put(out, "%#lo", value & 0xffffffff);
		return true;
	case SIGNAL:
		return put_signal(out, value);
	case ONE_OF:
		return put_word(out, name_of(show->names, value));
	case FLAGS:
		return put_flag_set(out, show->names, value);
	case SOCK_TYPE:
		return put_sock_type(out, value);
	default:
		return false;
	}
}

static unsigned futex_args(uint64_t op)
{
	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_WAKE:
		return 3;
	case FUTEX_WAIT:
		return 4;
	default:
		return 6;
	}
}

unsigned trace_args_used(unsigned nr, const uint64_t arg[6])
{
	const uint64_t makes = O_CREAT | (O_TMPFILE & ~O_DIRECTORY);

	switch (nr) {
	case ABI_NR_open:
		return arg[1] & makes ? 3 : 2;
	case ABI_NR_openat:
		return arg[2] & makes ? 4 : 3;
	case ABI_NR_futex:
		return futex_args(arg[1]);
	case ABI_NR_fcntl:
		return arg[1] == F_GETFD || arg[1] == F_GETFL || arg[1] == F_GETOWN ? 2 : 3;
	default:
		return 6;
	}
}

const char *trace_result_format(unsigned nr)
{
	switch (nr) {
	case ABI_NR_mmap:
	case ABI_NR_mremap:
	case ABI_NR_brk:
	case ABI_NR_shmat:
		return " = %#lx";
	case ABI_NR_umask:
		return " = %#lo";
	default:
		return " = %ld";
	}
}
