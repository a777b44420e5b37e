/* SPDX-License-Identifier: MIT */
#include "vmm/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define X32_BIT 0x40000000u
#define WRITES  (O_ACCMODE | O_CREAT | O_TRUNC | O_TMPFILE)

#define LOAD(field)     BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value)   BPF_STMT(BPF_RET | BPF_K, (value))
#define SKIP_UNLESS(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1)
#define ALLOW(nr)       SKIP_UNLESS(nr), RETURN(SECCOMP_RET_ALLOW)

/*
 * What is left, most frequent first. ioctl: KVM's alone. openat: reading alone (a new proxy's
 * /proc/PID/stat). Pools are given back through descriptors that are open (vmm/pool.h); of
 * files only their journal is removed. clone is for threads, mmap and what is System V's for
 * them and the window.
 */
static const struct sock_filter filter[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 5),
	LOAD(args[1]),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KVMIO << 8, 0, 1),
	RETURN(SECCOMP_RET_ALLOW),
	RETURN(SECCOMP_RET_ERRNO | ENOTTY),
	ALLOW(SYS_write),
	ALLOW(SYS_read),
	ALLOW(SYS_epoll_wait),
	ALLOW(SYS_epoll_pwait),
	ALLOW(SYS_poll),
	ALLOW(SYS_ppoll),
	ALLOW(SYS_pread64),
	ALLOW(SYS_futex),
	ALLOW(SYS_clock_gettime),
	ALLOW(SYS_clock_nanosleep),
	ALLOW(SYS_recvfrom),
	ALLOW(SYS_recvmsg),
	ALLOW(SYS_sendto),
	ALLOW(SYS_sendmsg),
	ALLOW(SYS_getsockopt),
	ALLOW(SYS_socketpair),
	ALLOW(SYS_shutdown),
	ALLOW(SYS_fstatfs),
	ALLOW(SYS_shmat),
	ALLOW(SYS_shmctl),
	ALLOW(SYS_shmdt),
	ALLOW(SYS_pidfd_open),
	ALLOW(SYS_pidfd_send_signal),
	ALLOW(SYS_accept4),
	ALLOW(SYS_epoll_ctl),
	ALLOW(SYS_close),
	ALLOW(SYS_mmap),
	ALLOW(SYS_munmap),
	ALLOW(SYS_mprotect),
	ALLOW(SYS_madvise),
	ALLOW(SYS_brk),
	ALLOW(SYS_clone),
	ALLOW(SYS_clone3),
	ALLOW(SYS_set_robust_list),
	ALLOW(SYS_rseq),
	ALLOW(SYS_rt_sigprocmask),
	ALLOW(SYS_rt_sigaction),
	ALLOW(SYS_rt_sigreturn),
	ALLOW(SYS_tgkill),
	ALLOW(SYS_getpid),
	ALLOW(SYS_gettid),
	ALLOW(SYS_getrusage),
	ALLOW(SYS_sched_setaffinity),
	ALLOW(SYS_sched_getaffinity),
	ALLOW(SYS_sched_yield),
	ALLOW(SYS_newfstatat),
	ALLOW(SYS_fstat),
	ALLOW(SYS_lseek),
	ALLOW(SYS_writev),
	ALLOW(SYS_pwrite64),
	ALLOW(SYS_ftruncate),
	ALLOW(SYS_unlinkat),
	ALLOW(SYS_fcntl),
	ALLOW(SYS_getrandom),
	ALLOW(SYS_restart_syscall),
	ALLOW(SYS_exit),
	ALLOW(SYS_exit_group),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 4),
	LOAD(args[2]),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (uint32_t)WRITES),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, O_RDONLY, 0, 1),
	RETURN(SECCOMP_RET_ALLOW),
	RETURN(SECCOMP_RET_KILL_PROCESS),
};

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	return syscall(SYS_capset, &head, none) ? -errno : 0;
}

static int install_filter(void)
{
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = (struct sock_filter *)filter,
	};

	/* SPEC_ALLOW: on older kernels a filter would slow all of the thread's guest code down.
	 */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		    &program))
		return -errno;
	return 0;
}

int seal(struct problem *problem)
{
	int err = drop_capabilities();

	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (!err)
		err = install_filter();
	if (err)
		return problem_set(problem, err, EXIT_LWVMM_FAILED,
			"seal: the VMM's privileges could not be dropped (%s): this kernel "
			"lacks "
			"seccomp filters, or a container forbids them",
			strerror(-err));
	return 0;
}
