/* SPDX-License-Identifier: MIT */
#include "vmm/monitor_apart.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "vmm/base/problem.h"

int apart_leave(int *sock)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -errno;
	if (fcntl(STDERR_FILENO, F_GETFD) < 0 && dup2(null, STDERR_FILENO) < 0)
		return -errno;
	if (*sock != 3 && dup3(*sock, 3, O_CLOEXEC) < 0)
		return -errno;
	*sock = 3;
	if (close_range(4, ~0u, 0))
		return -errno;
	setsid();
	prctl(PR_SET_NAME, "lwvmm-vmm");
	return 0;
}

int apart_signals(int *signal_fd)
{
	sigset_t all, end;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	sigaddset(&end, SIGHUP);
	*signal_fd = signalfd(-1, &end, SFD_CLOEXEC | SFD_NONBLOCK);
	return *signal_fd < 0 ? -errno : 0;
}

void apart_limits(void)
{
	struct rlimit limit;

	/* The kernel counts a user's descriptors under way against the soft limit, too. */
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		note_print("VMM: the limit on descriptors (%lu) could not be raised: %s",
			(unsigned long)limit.rlim_cur, strerror(errno));
}
