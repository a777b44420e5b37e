/* SPDX-License-Identifier: MIT */
/* fork(): a copy that has everything and shares only what is to be shared. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <xmmintrin.h>

#include "check.h"

#define PAGE 4096

static int status_of(pid_t pid)
{
	int status = -1;

	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

/* In the child, what fails is its exit status; 0 is good. */
static int run_child(int (*fn)(void))
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(fn());
	status = status_of(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int global = 1;
static char *heap;
static char large[5 << 20];

static int write_all(void)
{
	int here = global == 1 && heap[9 << 20] == 'h' && large[4 << 20] == 'b';

	global = 2;
	memset(heap, 'x', 10 << 20);
	memset(large, 'x', sizeof(large));
	return here ? 0 : 1;
}

static void isolation(void)
{
	heap = malloc(10 << 20);
	memset(heap, 'h', 10 << 20);
	memset(large, 'b', sizeof(large));
	CHECK(run_child(write_all) == 0);
	CHECK(global == 1 && heap[9 << 20] == 'h' && large[0] == 'b' && large[4 << 20] == 'b');
	free(heap);
}

static pid_t parent;

static int identity_child(void)
{
	return getppid() == parent && getpid() != parent && gettid() == getpid() ? 0 : 1;
}

static void identity(void)
{
	parent = getpid();
	CHECK(run_child(identity_child) == 0);
	CHECK(getpid() == parent);
}

static char *area;

static int protections_child(void)
{
	int pipes[2];

	if (area[0] != 'r' || area[2 * PAGE] != 'w' || pipe(pipes))
		return 1;
	area[2 * PAGE] = 'W';
	/* Still read-only, and still not there. */
	if (read(open("/dev/zero", O_RDONLY), area, 1) != -1 || errno != EFAULT)
		return 2;
	return write(pipes[1], area + PAGE, 1) == -1 && errno == EFAULT ? 0 : 3;
}

static void protections(void)
{
	area = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED);
	area[0] = 'r';
	area[2 * PAGE] = 'w';
	CHECK(mprotect(area, PAGE, PROT_READ) == 0);
	CHECK(mprotect(area + PAGE, PAGE, PROT_NONE) == 0);
	CHECK(run_child(protections_child) == 0);
	CHECK(area[2 * PAGE] == 'w');
	CHECK(munmap(area, 3 * PAGE) == 0);
}

static int maps_child(void)
{
	char *p =
		mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *q = malloc(3 << 20);

	memset(p, 1, 8 << 20);
	memset(q, 2, 3 << 20);
	return p[8 << 19] == 1 && q[3 << 19] == 2 && !munmap(p, 8 << 20) ? 0 : 1;
}

static void maps(void)
{
	CHECK(run_child(maps_child) == 0);
}

static int depth;

static int nested_child(void)
{
	if (++depth == 4)
		return 4;
	return run_child(nested_child);
}

static void nested(void)
{
	CHECK(run_child(nested_child) == 4 && depth == 0);
}

static volatile int stop;

static void *spinner(void *arg)
{
	volatile char *mine = malloc(1 << 20);

	(void)arg;
	for (size_t i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++)
		mine[i % (1 << 20)]++;
	free((void *)mine);
	return NULL;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int threads_child(void)
{
	pthread_t thread;

	/* A new one of its own, and the allocator works. */
	stop = 1;
	if (pthread_create(&thread, NULL, spinner, NULL) || pthread_join(thread, NULL))
		return 1;
	return pthread_mutex_trylock(&lock) ? 2 : 0;
}

static void threads(void)
{
	pthread_t thread[2];

	stop = 0;
	for (int i = 0; i < 2; i++)
		CHECK_ZERO(pthread_create(&thread[i], NULL, spinner, NULL));
	for (int i = 0; i < 3; i++)
		CHECK(run_child(threads_child) == 0);
	stop = 1;
	for (int i = 0; i < 2; i++)
		CHECK_ZERO(pthread_join(thread[i], NULL));
}

static int hook_calls;

static void hook(void)
{
	hook_calls++;
}

static int hooks_child(void)
{
	return hook_calls == 2 ? 0 : 1;
}

static void hooks(void)
{
	CHECK_ZERO(pthread_atfork(hook, NULL, hook));
	hook_calls = 0;
	CHECK(run_child(hooks_child) == 0);
	CHECK(hook_calls == 1);
	hook_calls = -1000000;
}

static volatile int caught;

static void on_signal(int signo)
{
	caught = signo;
}

static int settings_child(void)
{
	sigset_t set;

	sigprocmask(SIG_SETMASK, NULL, &set);
	raise(SIGUSR1);
	if (caught != SIGUSR1 || !sigismember(&set, SIGUSR2))
		return 1;
	return _MM_GET_ROUNDING_MODE() == _MM_ROUND_UP && alarm(0) == 0 ? 0 : 2;
}

static void settings(void)
{
	sigset_t set;

	signal(SIGUSR1, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	_MM_SET_ROUNDING_MODE(_MM_ROUND_UP);
	alarm(100);
	CHECK(run_child(settings_child) == 0);
	CHECK(alarm(0) > 0 && caught == 0);
	_MM_SET_ROUNDING_MODE(_MM_ROUND_NEAREST);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGUSR1, SIG_DFL);
}

static volatile int *volatile nowhere;

static int fault_child(void)
{
	*nowhere = 1;
	return 0;
}

static void deaths(void)
{
	pid_t pid;

	CHECK(run_child(fault_child) == 1000 + SIGSEGV);
	fflush(stdout);
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	CHECK(kill(pid, SIGTERM) == 0);
	CHECK(status_of(pid) == SIGTERM);
}

static void descriptors(void)
{
	int pipes[2], fd = open("file", O_CREAT | O_RDWR, 0600);
	char text[16] = "";
	pid_t pid;

	CHECK(fd == 3 && pipe(pipes) == 0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(pipes[0]);
		CHECK(write(fd, "abc", 3) == 3 && write(pipes[1], "hello", 5) == 5);
		CHECK(close(0) == 0 && open("/dev/null", O_RDONLY) == 0 && chdir("/") == 0);
		_exit(0);
	}
	close(pipes[1]);
	CHECK(read(pipes[0], text, sizeof(text)) == 5 && read(pipes[0], text, 1) == 0);
	CHECK(status_of(pid) == 0);
	/* The offset is shared, the directory is not. */
	CHECK(lseek(fd, 0, SEEK_CUR) == 3 && unlink("file") == 0);
	close(fd);
	close(pipes[0]);
}

static void orphan(void)
{
	int pipes[2];
	char word = 0;
	pid_t pid;

	CHECK(pipe(pipes) == 0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		pid_t middle = getpid();

		if (fork())
			_exit(0);
		while (getppid() == middle)
			check_sleep_ms(1);
		CHECK(write(pipes[1], "o", 1) == 1);
		_exit(0);
	}
	CHECK(status_of(pid) == 0);
	close(pipes[1]);
	CHECK(read(pipes[0], &word, 1) == 1 && word == 'o');
	CHECK(read(pipes[0], &word, 1) == 0);
	close(pipes[0]);
}

static void groups(void)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		CHECK(setpgid(0, 0) == 0 && getpgrp() == getpid());
		for (int i = 0; i < 2; i++)
			if (!fork())
				for (;;)
					pause();
		for (;;)
			pause();
	}
	while (getpgid(pid) != pid)
		check_sleep_ms(1);
	check_sleep_ms(50);
	CHECK(kill(-pid, SIGKILL) == 0);
	status = status_of(pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Many at once: each gets its own answer. */
static void several(void)
{
	pid_t pid[8];

	fflush(stdout);
	for (int i = 0; i < 8; i++) {
		pid[i] = fork();
		if (!pid[i])
			_exit(i + 1);
	}
	for (int i = 7; i >= 0; i--)
		CHECK(WEXITSTATUS(status_of(pid[i])) == i + 1);
}

static const struct check_case cases[] = {
	{"isolation", isolation},
	{"identity", identity},
	{"protections", protections},
	{"maps", maps},
	{"nested", nested},
	{"threads", threads},
	{"hooks", hooks},
	{"settings", settings},
	{"deaths", deaths},
	{"descriptors", descriptors},
	{"orphan", orphan},
	{"groups", groups},
	{"several", several},
};

int main(int argc, char **argv)
{
	(void)argc;
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
