/* SPDX-License-Identifier: MIT */
/* Children that run another program: vfork, posix_spawn, system, popen, exec; and how they are
 * waited for. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

extern char **environ;

static char self[4096];

/* ---- what the children do, by their first word ---- */

static int child_main(char *const *argv)
{
	if (!strcmp(argv[1], "exit"))
		return atoi(argv[2]);
	if (!strcmp(argv[1], "kill"))
		raise(atoi(argv[2]));
	if (!strcmp(argv[1], "fds"))
		for (int fd = 0; fd < 32; fd++)
			if (fcntl(fd, F_GETFD) >= 0)
				printf("descriptor %d\n", fd);
	if (!strcmp(argv[1], "mask")) {
		sigset_t set;
		struct sigaction action;

		sigprocmask(SIG_SETMASK, NULL, &set);
		for (int n = 1; n < 32; n++) {
			sigaction(n, NULL, &action);
			if (sigismember(&set, n) || action.sa_handler != SIG_DFL)
				printf("signal %d: %s %s\n", n,
					sigismember(&set, n) ? "blocked" : "open",
					action.sa_handler == SIG_IGN ? "ignored" : "default");
		}
	}
	if (!strcmp(argv[1], "env"))
		for (char **e = environ; *e; e++)
			puts(*e);
	if (!strcmp(argv[1], "cat")) {
		char text[256];
		ssize_t n;

		while ((n = read(0, text, sizeof(text))) > 0)
			CHECK(write(1, text, (size_t)n) == n);
	}
	if (!strcmp(argv[1], "limit")) {
		struct rlimit limit;

		getrlimit(RLIMIT_DATA, &limit);
		printf("data %lu\n", (unsigned long)limit.rlim_cur);
	}
	if (!strcmp(argv[1], "group"))
		printf("%s %s\n", getpgrp() == getpid() ? "leads" : "follows",
			getsid(0) == getpid() ? "leads" : "follows");
	return 0;
}

static int status_of(pid_t pid)
{
	int status = -1;

	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

static pid_t spawn(const char *a, const char *b)
{
	char *const words[] = {self, (char *)a, (char *)b, NULL};
	pid_t pid;

	fflush(stdout);
	CHECK_ZERO(posix_spawn(&pid, self, NULL, NULL, words, environ));
	return pid;
}

/* ---- cases ---- */

static void exit_codes(void)
{
	int status = status_of(spawn("exit", "0"));

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	status = status_of(spawn("exit", "77"));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 77);
	status = status_of(spawn("kill", "15"));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	status = status_of(spawn("kill", "9"));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_ERRNO(waitpid(-1, &status, 0), ECHILD);
}

static volatile int shared;

static void vfork_itself(void)
{
	pid_t self_pid = getpid(), pid = vfork();
	int status;

	if (!pid) {
		shared = getpid() != self_pid && getppid() == self_pid && getpid() == gettid();
		_exit(5);
	}
	status = status_of(pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	CHECK(shared == 1 && getpid() == self_pid);
}

static int exec_error(const char *path)
{
	pid_t pid = vfork();

	if (!pid) {
		execl(path, path, NULL);
		_exit(errno);
	}
	return WEXITSTATUS(status_of(pid));
}

static void exec_errors(void)
{
	int fd;

	CHECK(exec_error("/nonexistent/program") == ENOENT);
	CHECK(exec_error("/") == EACCES);
	fd = open("text", O_CREAT | O_WRONLY, 0755);
	CHECK(write(fd, "no program\n", 11) == 11);
	close(fd);
	CHECK(exec_error("./text") == ENOEXEC);
	CHECK(exec_error("./text/below") == ENOTDIR);
	CHECK(chmod("text", 0644) == 0);
	CHECK(exec_error("./text") == EACCES);
	unlink("text");
	CHECK(symlink("loop", "loop") == 0);
	CHECK(exec_error("./loop") == ELOOP);
	unlink("loop");
	CHECK_ERRNO(execl("/nonexistent/program", "x", NULL), ENOENT);
	CHECK_ERRNO(syscall(SYS_execve, 8, NULL, NULL), EFAULT);
}

static volatile int *volatile nowhere;

static void signals_in_child(void)
{
	pid_t pid = vfork();
	int status;

	if (!pid) {
		signal(SIGUSR1, SIG_IGN);
		raise(SIGUSR1);
		raise(SIGTERM);
		_exit(1);
	}
	status = status_of(pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	struct sigaction action;

	CHECK(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
	pid = vfork();
	if (!pid) {
		*nowhere = 1;
		_exit(1);
	}
	status = status_of(pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void file_actions(void)
{
	char *const words[] = {self, "cat", NULL};
	posix_spawn_file_actions_t actions;
	int in[2], out[2], status;
	char text[64] = "";
	pid_t pid;

	CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	CHECK_ZERO(posix_spawn_file_actions_init(&actions));
	CHECK_ZERO(posix_spawn_file_actions_adddup2(&actions, in[0], 0));
	CHECK_ZERO(posix_spawn_file_actions_adddup2(&actions, out[1], 1));
	CHECK_ZERO(posix_spawn(&pid, self, &actions, NULL, words, environ));
	close(in[0]);
	close(out[1]);
	CHECK(write(in[1], "through the child", 17) == 17);
	close(in[1]);
	CHECK(read(out[0], text, sizeof(text)) == 17 && !strcmp(text, "through the child"));
	close(out[0]);
	status = status_of(pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	posix_spawn_file_actions_destroy(&actions);
}

static void attributes(void)
{
	char *const words[] = {self, "mask", NULL}, *const group[] = {self, "group", NULL};
	posix_spawnattr_t attr;
	sigset_t set;
	pid_t pid;

	fflush(stdout);
	signal(SIGUSR2, SIG_IGN);
	CHECK_ZERO(posix_spawnattr_init(&attr));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_ZERO(posix_spawnattr_setsigmask(&attr, &set));
	CHECK_ZERO(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK));
	CHECK_ZERO(posix_spawn(&pid, self, NULL, &attr, words, environ));
	CHECK(status_of(pid) == 0);
	CHECK_ZERO(posix_spawnattr_setpgroup(&attr, 0));
	CHECK_ZERO(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP));
	CHECK_ZERO(posix_spawn(&pid, self, NULL, &attr, group, environ));
	CHECK(status_of(pid) == 0);
	signal(SIGUSR2, SIG_DFL);
	posix_spawnattr_destroy(&attr);
}

static void descriptors(void)
{
	int keep = open("/dev/null", O_RDONLY), gone = open("/dev/null", O_RDONLY | O_CLOEXEC);

	CHECK(keep == 3 && gone == 4);
	CHECK(status_of(spawn("fds", NULL)) == 0);
	close(keep);
	close(gone);
}

static void shells(void)
{
	FILE *pipe;
	char text[64] = "";

	fflush(stdout);
	CHECK(system("exit 3") == 3 << 8);
	CHECK(system("echo from the shell; kill -9 $$") == 9);
	CHECK((pipe = popen("echo a line; exit 4", "r")));
	CHECK(fgets(text, sizeof(text), pipe) && !strcmp(text, "a line\n"));
	CHECK(pclose(pipe) == 4 << 8);
	CHECK((pipe = popen("while read -r x; do echo \"got $x\"; done", "w")));
	fputs("one\ntwo\n", pipe);
	CHECK(pclose(pipe) == 0);
	CHECK(system("for i in 1 2 3; do (echo $i; exit $i) | cat; done | sort -r") == 0);
}

static void environment(void)
{
	char *const words[] = {self, "env", NULL};
	char *env[] = {"A=1", "LAST=x y", NULL};
	pid_t pid;

	fflush(stdout);
	CHECK_ZERO(posix_spawn(&pid, self, NULL, NULL, words, env));
	CHECK(status_of(pid) == 0);
}

static void limits(void)
{
	struct rlimit limit, smaller;

	CHECK(getrlimit(RLIMIT_DATA, &limit) == 0);
	smaller = limit;
	smaller.rlim_cur = 1UL << 30;
	CHECK(setrlimit(RLIMIT_DATA, &smaller) == 0);
	CHECK(status_of(spawn("limit", NULL)) == 0);
	CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
}

static volatile int seen_signo, seen_code, seen_status, seen_pid;

static void on_child(int signo, siginfo_t *info, void *context)
{
	(void)context;
	seen_code = info->si_code;
	seen_status = info->si_status;
	seen_pid = info->si_pid;
	__atomic_store_n(&seen_signo, signo, __ATOMIC_RELEASE);
}

static void sigchld(void)
{
	struct sigaction action = {
		.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
	pid_t pid;

	CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
	pid = spawn("exit", "6");
	check_wait_for(&seen_signo, SIGCHLD);
	CHECK(seen_code == CLD_EXITED && seen_status == 6 && seen_pid == pid);
	CHECK(WEXITSTATUS(status_of(pid)) == 6);
	seen_signo = 0;
	pid = spawn("kill", "9");
	check_wait_for(&seen_signo, SIGCHLD);
	CHECK(seen_code == CLD_KILLED && seen_status == SIGKILL && seen_pid == pid);
	status_of(pid);
	signal(SIGCHLD, SIG_IGN);
	pid = spawn("exit", "0");
	CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
	signal(SIGCHLD, SIG_DFL);
}

static void wait_kinds(void)
{
	struct rusage usage;
	siginfo_t info = {0};
	pid_t pid = spawn("cat", NULL);
	int status;

	/* Standard input is /dev/null: it ends by itself. */
	CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
	CHECK(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == 0);
	CHECK(wait4(pid, &status, WNOHANG, &usage) == pid && status == 0);
	CHECK_ERRNO(wait4(pid, &status, WNOHANG, &usage), ECHILD);
	pid = spawn("kill", "19");
	CHECK(waitpid(pid, &status, WUNTRACED) == pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK(waitpid(pid, &status, WNOHANG) == 0);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitid(P_ALL, 0, &info, WCONTINUED | WEXITED) == 0 && info.si_pid == pid);
	if (info.si_code == CLD_CONTINUED)
		status_of(pid);
	CHECK_ERRNO(waitid(P_PID, 1, &info, WEXITED), ECHILD);
	CHECK_ERRNO(waitid(P_ALL, 0, &info, 0), EINVAL);
}

static void *exec_thread(void *arg)
{
	execl(self, self, "exit", (char *)arg, NULL);
	return NULL;
}

static void from_thread(void)
{
	pthread_t thread;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		CHECK_ZERO(pthread_create(&thread, NULL, exec_thread, "21"));
		pthread_join(thread, NULL);
		_exit(1);
	}
	CHECK(WEXITSTATUS(status_of(pid)) == 21);
}

static void by_descriptor(void)
{
	int fd = open(self, O_RDONLY | O_CLOEXEC);
	char *const words[] = {"name", "exit", "8", NULL};
	pid_t pid = vfork();

	if (!pid) {
		syscall(SYS_execveat, fd, "", words, environ, AT_EMPTY_PATH);
		_exit(1);
	}
	CHECK(WEXITSTATUS(status_of(pid)) == 8);
	close(fd);
}

static void many(void)
{
	for (int i = 0; i < 20; i++)
		CHECK(WEXITSTATUS(status_of(spawn("exit", "1"))) == 1);
}

static const struct check_case cases[] = {
	{"exit-codes", exit_codes},
	{"vfork", vfork_itself},
	{"exec-errors", exec_errors},
	{"signals-in-child", signals_in_child},
	{"file-actions", file_actions},
	{"attributes", attributes},
	{"descriptors", descriptors},
	{"shells", shells},
	{"environment", environment},
	{"limits", limits},
	{"sigchld", sigchld},
	{"wait-kinds", wait_kinds},
	{"from-thread", from_thread},
	{"by-descriptor", by_descriptor},
	{"many", many},
};

int main(int argc, char **argv)
{
	static const char *const roles[] = {
		"exit", "kill", "fds", "mask", "env", "cat", "limit", "group"};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	CHECK(n > 0);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (argc > 1 && !strcmp(argv[1], roles[i]))
			return child_main(argv);
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
