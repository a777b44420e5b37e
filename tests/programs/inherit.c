/* SPDX-License-Identifier: MIT */
/* What a program has from the one before it, and what is told of the time of children. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>

#include "check.h"

#define MS 1000L

static char self[4096];

static int status_of(pid_t pid)
{
	int status = -1;

	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

static struct itimerval timer(long ms, long interval_ms)
{
	return (struct itimerval){
		.it_interval = {interval_ms / 1000, interval_ms % 1000 * MS},
		.it_value = {ms / 1000, ms % 1000 * MS},
	};
}

static long left_ms(long *interval_ms)
{
	struct itimerval now;

	CHECK(getitimer(ITIMER_REAL, &now) == 0);
	*interval_ms = now.it_interval.tv_sec * 1000 + now.it_interval.tv_usec / MS;
	return now.it_value.tv_sec * 1000 + now.it_value.tv_usec / MS;
}

/* As the next program: what is left of 50 seconds; 1 when it is not so. */
static int do_left(void)
{
	long interval, left = left_ms(&interval);

	return left > 0 && left < 50000 && interval == 7000 ? 5 : 1;
}

static int do_none(void)
{
	long interval;

	return left_ms(&interval) == 0 && interval == 0 ? 5 : 1;
}

static int do_wait(void)
{
	check_sleep_ms(10000);
	return 1;
}

/* The status of a child that sets a timer and becomes `role`. */
static int timed(const char *program, const char *role, long ms, long interval)
{
	struct itimerval value = timer(ms, interval);
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		setitimer(ITIMER_REAL, &value, NULL);
		execl("/nonexistent/program", role, NULL);
		execl(program, program, role, NULL);
		_exit(99);
	}
	return status_of(pid);
}

static void timers(void)
{
	struct itimerval value = timer(50000, 7000);
	int status;
	pid_t pid;

	status = timed(self, "left", 50000, 7000);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	CHECK(timed(self, "wait", 300, 0) == SIGALRM);
	/* One that comes before the next program has begun. */
	CHECK(timed(self, "wait", 1, 0) == SIGALRM);
	/* Not for a child, whoever runs in it. */
	CHECK(setitimer(ITIMER_REAL, &value, NULL) == 0);
	pid = vfork();
	if (!pid) {
		execl(self, self, "none", NULL);
		_exit(99);
	}
	CHECK(WEXITSTATUS(status_of(pid)) == 5);
	value = timer(0, 0);
	CHECK(setitimer(ITIMER_REAL, &value, NULL) == 0);
}

static void burn_ms(long ms)
{
	uint64_t end = check_clock_ns(CLOCK_PROCESS_CPUTIME_ID) + (uint64_t)ms * 1000000;

	while (check_clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
		;
}

static int do_burn(void)
{
	burn_ms(200);
	return 5;
}

static long ms_of(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000 +
	       (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / MS;
}

static long children_ms(void)
{
	struct rusage usage;

	CHECK(getrusage(RUSAGE_CHILDREN, &usage) == 0);
	return ms_of(&usage);
}

static pid_t burning(int nested)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (nested)
			status_of(burning(0));
		else
			burn_ms(200);
		_exit(0);
	}
	return pid;
}

/* At least what a child has burnt, and no more than is likely. */
static void near_200(long ms)
{
	CHECK(ms >= 190 && ms < 450);
}

static void usage(void)
{
	long before = children_ms();
	struct rusage usage;
	struct tms tms;
	siginfo_t info;
	pid_t pid;
	int status;

	/* Not before it has been waited for. */
	pid = burning(0);
	CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
	CHECK(children_ms() == before);
	CHECK(wait4(pid, &status, 0, &usage) == pid);
	near_200(ms_of(&usage));
	near_200(children_ms() - before);
	before = children_ms();
	CHECK(times(&tms) != (clock_t)-1);
	CHECK((tms.tms_cutime + tms.tms_cstime) * 10 >= before - 20);
	/* With what it has waited for itself; by who does not want to know which child it was.
	 */
	pid = burning(1);
	CHECK(syscall(SYS_waitid, P_PID, pid, NULL, WEXITED, NULL) == 0);
	near_200(children_ms() - before);
	before = children_ms();
	/* Of another program. */
	pid = vfork();
	if (!pid) {
		execl(self, self, "burn", NULL);
		_exit(99);
	}
	CHECK(WEXITSTATUS(status_of(pid)) == 5);
	near_200(children_ms() - before);
}

/* What waits to be unblocked is there as often as it came after an execve() that fails. */
static void failed(void)
{
	static char *words[] = {"x", NULL};
	const struct timespec soon = {.tv_nsec = 100000000};
	const int number[] = {SIGRTMIN + 1, SIGUSR1};
	unsigned came = 0;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(number); i++)
		sigaddset(&set, number[i]);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(kill(getpid(), number[0]) == 0 && kill(getpid(), number[0]) == 0);
	CHECK(kill(getpid(), number[1]) == 0);
	for (unsigned i = 0; i < 3; i++)
		CHECK(execv("/does/not/exist", words) == -1 && errno == ENOENT);
	while (sigtimedwait(&set, NULL, &soon) > 0)
		came++;
	CHECK(came == 3);
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} roles[] = {
		{"left", do_left}, {"none", do_none}, {"wait", do_wait}, {"burn", do_burn}};
	static const struct check_case cases[] = {
		{"timers", timers}, {"usage", usage}, {"failed", failed}};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	CHECK(n > 0);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (argc > 1 && !strcmp(argv[1], roles[i].name))
			return roles[i].run();
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
