/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/outcome.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A shell shall see the signal. The core dump of the proxy would help nobody. */
static void die_by(int signo)
{
	const struct rlimit none = {0};
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t set;

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	sigaction(signo, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, signo);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), signo);
}

void outcome_leave(const struct outcome *outcome)
{
	int status = (int)outcome->wait_status;

	if (outcome->problem.status) {
		problem_print(&outcome->problem);
		_exit(outcome->problem.status);
	}
	if (WIFSIGNALED(status)) {
		die_by(WTERMSIG(status));
		/* Still here: the first process of a container survives its own signals. */
		_exit(128 + WTERMSIG(status));
	}
	_exit(WEXITSTATUS(status));
}
