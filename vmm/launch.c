/* SPDX-License-Identifier: MIT */
#include "vmm/launch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_S 10 /* for the ranks, after --timeout, from SIGTERM to SIGKILL */

static const int relayed[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};

/* The launcher's command line: borrowed words, and a few of its own. */
struct words {
	const char **word;
	unsigned n;
	char self[PATH_MAX];
	char ranks[16];
	char hosts[32];
	char *trace; /* allocated; NULL: none */
};

static void add(struct words *w, const char *word)
{
	w->word[w->n++] = word;
}

/* The launcher counts the host's cores; the guest's are ours to deal out. */
static void add_of_launcher(
	struct words *w, enum launch_kind kind, unsigned ranks, unsigned ncores)
{
	if (kind == LAUNCH_OPENMPI) {
		add(w, "--host");
		add(w, w->hosts);
		add(w, "--bind-to");
		add(w, "none");
		if (ranks > ncores) {
			add(w, "--mca");
			add(w, "mpi_yield_when_idle");
			add(w, "1");
		}
	} else if (kind == LAUNCH_MPICH) {
		/* All on this host, also within a batch system's job. */
		add(w, "-rmk");
		add(w, "user");
		add(w, "-launcher");
		add(w, "fork");
	}
	add(w, "-n");
	add(w, w->ranks);
}

static void add_exec(struct words *w, const struct options *opt, const char *name)
{
	add(w, w->self);
	add(w, "exec");
	add(w, name);
	if (opt->bind == BIND_NONE) {
		add(w, "--bind");
		add(w, "none");
	}
	if (opt->verbose)
		add(w, "-v");
	if (w->trace)
		add(w, w->trace);
	for (unsigned i = 0; i < opt->nenv; i++) {
		add(w, "--env");
		add(w, opt->env[i]);
	}
	add(w, "--");
	for (char *const *arg = opt->guest; *arg; arg++)
		add(w, *arg);
	add(w, NULL);
}

/* Each rank opens the file itself, and appends; in which directory, the launcher may know. */
static int trace_make(struct words *w, const char *to)
{
	char cwd[PATH_MAX] = "";
	int n;

	if (!to)
		return 0;
	if (*to && *to != '/' && !getcwd(cwd, sizeof(cwd)))
		return -errno;
	n = *to ? asprintf(&w->trace, "--trace=%s%s%s", cwd, *cwd ? "/" : "", to)
		: asprintf(&w->trace, "--trace");
	if (n >= 0)
		return 0;
	w->trace = NULL;
	return -ENOMEM;
}

static int words_make(struct words *w, const struct launcher *launcher,
	const struct options *opt, const char *name, unsigned ncores, struct problem *problem)
{
	const unsigned own = 32;
	unsigned nargs = 0;
	ssize_t len = readlink("/proc/self/exe", w->self, sizeof(w->self) - 1);
	int err;

	if (len < 0)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"--ranks: /proc/self/exe cannot be read (%s): mount /proc",
			strerror(errno));
	w->self[len] = '\0';
	while (opt->guest[nargs])
		nargs++;
	err = trace_make(w, opt->trace);
	if (err)
		return problem_set(problem, err, EXIT_LWVMM_FAILED,
			"--trace: %s: has no full name (%s): give one that begins with /",
			opt->trace, strerror(-err));
	w->word = calloc(own + 2UL * opt->nenv + nargs, sizeof(*w->word));
	if (!w->word) {
		free(w->trace);
		return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
			"--ranks: no memory for the launcher's words: free some on the host");
	}
	snprintf(w->ranks, sizeof(w->ranks), "%u", opt->ranks);
	snprintf(w->hosts, sizeof(w->hosts), "localhost:%u", opt->ranks);
	add(w, launcher->path);
	add_of_launcher(w, launcher->kind, opt->ranks, ncores);
	add_exec(w, opt, name);
	return 0;
}

static int spawn(
	const struct words *w, const sigset_t *before, pid_t *pid, struct problem *problem)
{
	*pid = fork();
	if (*pid < 0)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"--ranks: no process could be made (%s): raise `ulimit -u`",
			strerror(errno));
	if (*pid)
		return 0;
	sigprocmask(SIG_SETMASK, before, NULL);
	execv(w->word[0], (char *const *)w->word);
	problem_set(problem, -errno, EXIT_LWVMM_NOT_RUNNABLE,
		"%s: cannot be run (%s): check it", w->word[0], strerror(errno));
	problem_print(problem);
	_exit(EXIT_LWVMM_NOT_RUNNABLE);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* The next of the signals in `set`, or 0 when `end` has come; end 0: never. */
static int signal_next(const sigset_t *set, double end, siginfo_t *info)
{
	double left = end > 0 ? end - now_s() : 1e6;
	struct timespec ts;
	int n;

	if (left <= 0)
		return 0;
	ts.tv_sec = (time_t)left;
	ts.tv_nsec = (long)((left - (double)ts.tv_sec) * 1e9);
	n = sigtimedwait(set, info, &ts);
	return n < 0 ? -errno : n;
}

/*
 * Signals to us are for the launcher. Those of the terminal have reached it already, as one of
 * the foreground group: a second SIGINT would make it give up on its ranks at once.
 */
static int wait_end(pid_t pid, const sigset_t *set, double timeout_s, bool *timed_out)
{
	double end = timeout_s > 0 ? now_s() + timeout_s : 0;
	siginfo_t info;
	int status;

	for (;;) {
		int n = signal_next(set, end, &info);

		if (n == 0) {
			kill(pid, *timed_out ? SIGKILL : SIGTERM);
			*timed_out = true;
			end = now_s() + GRACE_S;
		} else if (n == SIGCHLD) {
			if (waitpid(pid, &status, WNOHANG) == pid)
				return status;
		} else if (n > 0 && info.si_code != SI_KERNEL) {
			kill(pid, n);
		}
	}
}

int launch_run(const struct launcher *launcher, const struct options *opt, const char *name,
	unsigned ncores, struct problem *problem)
{
	struct words words = {0};
	sigset_t set, before;
	bool timed_out = false;
	int status, err;
	pid_t pid;

	err = words_make(&words, launcher, opt, name, ncores, problem);
	if (err)
		return err;
	signal(SIGCHLD, SIG_DFL); /* ignored, it would never tell */
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (unsigned i = 0; i < sizeof(relayed) / sizeof(relayed[0]); i++)
		sigaddset(&set, relayed[i]);
	/* Before there is a child: its end stays pending until we look. */
	sigprocmask(SIG_BLOCK, &set, &before);
	err = spawn(&words, &before, &pid, problem);
	if (!err) {
		status = wait_end(pid, &set, opt->timeout_s, &timed_out);
		if (timed_out)
			problem_set(problem, -ETIMEDOUT, EXIT_LWVMM_TIMEOUT,
				"%s: still running after %g s: ended (--timeout)",
				opt->guest[0], opt->timeout_s);
		err = timed_out             ? EXIT_LWVMM_TIMEOUT
		      : WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					    : WEXITSTATUS(status);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(words.word);
	free(words.trace);
	return err;
}
