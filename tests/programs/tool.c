/* SPDX-License-Identifier: MIT */
/* tool WHAT [ARG...]: one small deed, for the tests of the command (tests/command.sh). */
#define _GNU_SOURCE
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "check.h"

/* Standard input to standard output, like cat. */
static int do_cat(char **arg)
{
	char data[10000];
	ssize_t n;

	(void)arg;
	while ((n = read(0, data, sizeof(data))) > 0) {
		for (ssize_t done = 0, m; done < n; done += m) {
			m = write(1, data + done, (size_t)(n - done));
			if (m < 0) {
				perror("write");
				return 1;
			}
		}
	}
	return n == 0 ? 0 : 1;
}

static int do_cwd(char **arg)
{
	char path[PATH_MAX];

	(void)arg;
	puts(getcwd(path, sizeof(path)) ? path : "none");
	return 0;
}

static int do_env(char **arg)
{
	for (; *arg; arg++)
		printf("%s=%s\n", *arg, getenv(*arg) ? getenv(*arg) : "(not set)");
	return 0;
}

static int do_error(char **arg)
{
	fprintf(stderr, "%s\n", arg[0]);
	return 0;
}

static int do_exit(char **arg)
{
	return atoi(arg[0]);
}

static int do_raise(char **arg)
{
	raise(atoi(arg[0]));
	return 0;
}

/* Reads what descriptor arg[0] offers, writes it to descriptor arg[1]. */
static int do_copy(char **arg)
{
	char data[1000];
	ssize_t n = read(atoi(arg[0]), data, sizeof(data));

	return n >= 0 && write(atoi(arg[1]), data, (size_t)n) == n ? 0 : 1;
}

/* Says "ready" and goes to sleep; for a signal, or forever. */
static int do_sleep(char **arg)
{
	(void)arg;
	printf("ready %d\n", getpid());
	fflush(stdout);
	for (;;)
		pause();
	return 0;
}

static int do_spin(char **arg)
{
	(void)arg;
	printf("ready %d\n", getpid());
	fflush(stdout);
	for (;;)
		__asm__ volatile("");
	return 0;
}

/* Blocks in a read of standard input, and computes in a handler: reports each signal, ends at
 * SIGTERM. */
static void on_signal(int sig)
{
	printf("SIG%s\n", sigabbrev_np(sig));
	fflush(stdout);
	if (sig == SIGTERM)
		_exit(7);
}

static int do_signals(char **arg)
{
	static const int sig[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};

	(void)arg;
	for (size_t i = 0; i < ARRAY_LEN(sig); i++)
		signal(sig[i], on_signal);
	return do_sleep(arg);
}

/* MiB of memory, held and touched until a signal comes. */
static int do_hold(char **arg)
{
	size_t len = (size_t)atol(arg[0]) << 20;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		puts("no memory");
		return 1;
	}
	memset(p, 1, len);
	return do_sleep(arg);
}

static int do_ignored(char **arg)
{
	struct sigaction action;
	sigset_t blocked;

	(void)arg;
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	for (int sig = 1; sig < 32; sig++) {
		if (sigaction(sig, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			printf("SIG%s is ignored\n", sigabbrev_np(sig));
		if (sigismember(&blocked, sig))
			printf("SIG%s is blocked\n", sigabbrev_np(sig));
	}
	return 0;
}

/* arg[0] system calls of a byte each. */
static int do_writes(char **arg)
{
	int bad = 0;

	for (long i = atol(arg[0]); i > 0; i--)
		bad += write(1, ".", 1) != 1;
	return bad;
}

/* Where it runs and may run, then as sleep. */
static int do_cpu(char **arg)
{
	cpu_set_t set;
	unsigned cpu, node;

	if (syscall(SYS_getcpu, &cpu, &node, NULL) || sched_getaffinity(0, sizeof(set), &set))
		return 1;
	printf("on CPU %u, may use %d\n", cpu, CPU_COUNT(&set));
	return do_sleep(arg);
}

/* Signal arg[1] to process arg[0]. */
static int do_send(char **arg)
{
	return kill(atoi(arg[0]), atoi(arg[1])) ? errno : 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(char **arg);
	} deeds[] = {
		{"cat", do_cat},
		{"copy", do_copy},
		{"cpu", do_cpu},
		{"cwd", do_cwd},
		{"env", do_env},
		{"error", do_error},
		{"exit", do_exit},
		{"hold", do_hold},
		{"ignored", do_ignored},
		{"raise", do_raise},
		{"send", do_send},
		{"signals", do_signals},
		{"sleep", do_sleep},
		{"spin", do_spin},
		{"writes", do_writes},
	};

	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(deeds); i++) {
		if (strcmp(argv[1], deeds[i].name) == 0)
			return deeds[i].run(argv + 2);
	}
	fprintf(stderr, "usage: tool WHAT [ARG...]\n");
	return 2;
}
