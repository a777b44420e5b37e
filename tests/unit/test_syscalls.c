/* SPDX-License-Identifier: MIT */
/* The list of system calls against the C library's headers: complete, right, and sound in
 * itself. */
#define _GNU_SOURCE
#include <check.h>
#include <errno.h>
#include <linux/capability.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <fcntl.h>
#include <utime.h>

#include "guest-lwk/abi/share.h"
#include "guest-lwk/abi/syscalls.h"
#include "tests/unit/suite.h"

#define HEADER "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"

/* Two rows of one number: an error of the compiler (-Woverride-init). */
static const struct abi_call calls[ABI_MAX_CALLS] = {ABI_SYSCALLS(ABI_CALL_ROW)};

#define NAME(nr, name, ...) [nr] = #name,
static const char *const names[ABI_MAX_CALLS] = {ABI_SYSCALLS(NAME)};

#define NUMBER(nr, ...) nr,
static const unsigned numbers[] = {ABI_SYSCALLS(NUMBER)};

#define REASON_LOCAL(...)
#define REASON_FORWARD(...)
#define REASON_REFUSED(error, reason) reason,
#define REASON(nr, name, class, ...)  REASON_##class(__VA_ARGS__)
static const char *const reasons[] = {ABI_SYSCALLS(REASON)};

#define SIZE(name, type) _Static_assert(ABI_SIZE_##name == sizeof(type), #name)
SIZE(timespec, struct timespec);
SIZE(timeval, struct timeval);
SIZE(timezone, struct timezone);
SIZE(itimerspec, struct itimerspec);
SIZE(itimerval, struct itimerval);
SIZE(utimbuf, struct utimbuf);
SIZE(kstat, struct stat);
SIZE(statfs, struct statfs);
SIZE(statx, struct statx);
SIZE(utsname, struct utsname);
SIZE(rlimit, struct rlimit);
SIZE(rusage, struct rusage);
SIZE(sysinfo, struct sysinfo);
SIZE(tms, struct tms);
SIZE(siginfo, siginfo_t);
SIZE(sigstack, stack_t);
SIZE(sigevent, struct sigevent);
SIZE(mq_attr, struct mq_attr);
SIZE(epoll_event, struct epoll_event);
SIZE(iovec, struct iovec);
SIZE(pollfd, struct pollfd);
SIZE(sembuf, struct sembuf);
SIZE(flock, struct flock);
SIZE(cap_header, struct __user_cap_header_struct);
_Static_assert(ABI_SIZE_cap_data == 2 * sizeof(struct __user_cap_data_struct), "cap_data");

START_TEST(has_every_call_of_the_header)
{
	FILE *file = fopen(HEADER, "re");
	char line[256], name[64];
	unsigned nr, seen = 0;

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "#define __NR_%63s %u", name, &nr) != 2)
			continue;
		ck_assert_uint_lt(nr, ABI_MAX_CALLS);
		ck_assert_msg(names[nr], "%s (%u) is missing", name, nr);
		ck_assert_str_eq(names[nr], name);
		seen++;
	}
	fclose(file);
	ck_assert_uint_gt(seen, 350);
}
END_TEST

START_TEST(is_in_order)
{
	for (size_t i = 1; i < sizeof(numbers) / sizeof(*numbers); i++)
		ck_assert_uint_lt(numbers[i - 1], numbers[i]);
}
END_TEST

START_TEST(gives_reasons)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		ck_assert_uint_gt(strlen(reasons[i]), 3);
	for (unsigned nr = 0; nr < ABI_MAX_CALLS; nr++)
		if (calls[nr].class == ABI_REFUSED)
			ck_assert_uint_gt(calls[nr].refused, 0);
}
END_TEST

/* The number of the argument that tells how much memory argument arg is, and its kind; 0: none.
 */
static unsigned measure_of(unsigned arg, unsigned *kind)
{
	*kind = ABI_LEN;
	switch (ABI_ARG_KIND(arg)) {
	case ABI_IN_LEN:
	case ABI_WRITE_LEN:
	case ABI_OUT_LEN:
	case ABI_FDSET:
	case ABI_IOV_IN:
	case ABI_IOV_OUT:
	case ABI_MMSG_IN:
	case ABI_MMSG_OUT:
	case ABI_TEMPMASK:
		return ABI_ARG_N(arg);
	case ABI_IN_N:
	case ABI_OUT_N:
	case ABI_INOUT_N:
		return ABI_ARG_COUNT(arg);
	case ABI_OUT_VIA:
		*kind = ABI_INOUT;
		return ABI_ARG_N(arg);
	default:
		return 0;
	}
}

START_TEST(measures_memory_by_the_right_argument)
{
	for (unsigned nr = 0; nr < ABI_MAX_CALLS; nr++) {
		for (unsigned i = 0; i < 6; i++) {
			unsigned kind, a = measure_of(calls[nr].arg[i], &kind);

			if (!a)
				continue;
			ck_assert_msg(a <= 6 && ABI_ARG_KIND(calls[nr].arg[a - 1]) == kind,
				"%s, argument %u", names[nr], i + 1);
		}
	}
}
END_TEST

START_TEST(has_no_argument_behind_the_last)
{
	for (unsigned nr = 0; nr < ABI_MAX_CALLS; nr++)
		for (unsigned i = 1; i < 6; i++)
			ck_assert_msg(
				calls[nr].arg[i - 1] || !calls[nr].arg[i], "%s", names[nr]);
}
END_TEST

/* What would change the proxy itself, or work on memory after its return. */
START_TEST(never_forwards_what_would_change_the_proxy)
{
	static const unsigned never[] = {ABI_NR_mmap, ABI_NR_munmap, ABI_NR_mprotect,
		ABI_NR_mremap, ABI_NR_brk, ABI_NR_madvise, ABI_NR_clone, ABI_NR_clone3,
		ABI_NR_fork, ABI_NR_vfork, ABI_NR_execve, ABI_NR_execveat, ABI_NR_exit,
		ABI_NR_exit_group, ABI_NR_rt_sigaction, ABI_NR_rt_sigprocmask,
		ABI_NR_sigaltstack, ABI_NR_rt_sigreturn, ABI_NR_futex, ABI_NR_set_robust_list,
		ABI_NR_rseq, ABI_NR_io_setup, ABI_NR_io_submit, ABI_NR_io_uring_setup,
		ABI_NR_ptrace, ABI_NR_seccomp, ABI_NR_userfaultfd, ABI_NR_unshare, ABI_NR_setns,
		ABI_NR_arch_prctl, ABI_NR_setitimer, ABI_NR_alarm, ABI_NR_timer_create,
		ABI_NR_vmsplice, ABI_NR_sched_setaffinity};

	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		ck_assert_msg(calls[never[i]].class != ABI_FORWARD, "%s", names[never[i]]);
}
END_TEST

/* Issue 2, point 5: every file, directory, pipe, socket, poll, eventfd and identity call. */
START_TEST(forwards_files_and_sockets)
{
	static const unsigned must[] = {ABI_NR_read, ABI_NR_write, ABI_NR_openat, ABI_NR_close,
		ABI_NR_newfstatat, ABI_NR_statx, ABI_NR_getdents64, ABI_NR_rename, ABI_NR_pipe2,
		ABI_NR_socket, ABI_NR_sendmsg, ABI_NR_recvmmsg, ABI_NR_poll, ABI_NR_ppoll,
		ABI_NR_pselect6, ABI_NR_epoll_pwait2, ABI_NR_eventfd2, ABI_NR_timerfd_create,
		ABI_NR_inotify_add_watch, ABI_NR_ioctl, ABI_NR_fcntl, ABI_NR_getuid,
		ABI_NR_setresgid, ABI_NR_getppid, ABI_NR_uname, ABI_NR_getrandom,
		ABI_NR_fallocate, ABI_NR_copy_file_range, ABI_NR_splice, ABI_NR_memfd_create,
		ABI_NR_close_range};

	for (size_t i = 0; i < sizeof(must) / sizeof(*must); i++)
		ck_assert_msg(calls[must[i]].class == ABI_FORWARD, "%s", names[must[i]]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("syscalls");
	TCase *tc = tcase_create("list");

	tcase_add_test(tc, has_every_call_of_the_header);
	tcase_add_test(tc, is_in_order);
	tcase_add_test(tc, gives_reasons);
	tcase_add_test(tc, measures_memory_by_the_right_argument);
	tcase_add_test(tc, has_no_argument_behind_the_last);
	tcase_add_test(tc, never_forwards_what_would_change_the_proxy);
	tcase_add_test(tc, forwards_files_and_sockets);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
