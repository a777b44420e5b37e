/* SPDX-License-Identifier: MIT */
/* Signals sent and caught: handlers, masks, pending ones, waiting for them, timers that send
 * them. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "check.h"

static volatile sig_atomic_t count;
static volatile sig_atomic_t order[8];
static volatile siginfo_t last;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	last = *info;
	if (count < (int)ARRAY_LEN(order))
		order[count] = sig;
	count++;
}

static void catch_with(int sig, int flags)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};

	count = 0;
	CHECK(sigaction(sig, &action, NULL) == 0);
}

static void mask(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK(sigprocmask(how, &set, NULL) == 0);
}

static void test_raise(void)
{
	catch_with(SIGUSR1, 0);
	for (int i = 1; i <= 100; i++) {
		CHECK(raise(SIGUSR1) == 0);
		CHECK(count == i);
	}
	CHECK(last.si_signo == SIGUSR1 && last.si_code == SI_TKILL);
	CHECK(last.si_pid == getpid() && last.si_uid == getuid());
	CHECK(kill(getpid(), SIGUSR1) == 0 && count == 101 && last.si_code == SI_USER);
	CHECK_ERRNO(kill(getpid(), 65), EINVAL);
	CHECK(kill(getpid(), 0) == 0);
}

static void test_queue(void)
{
	union sigval value = {.sival_int = 0};

	catch_with(SIGRTMIN + 1, 0);
	mask(SIG_BLOCK, SIGRTMIN + 1);
	for (value.sival_int = 1; value.sival_int <= 5; value.sival_int++)
		CHECK(sigqueue(getpid(), SIGRTMIN + 1, value) == 0);
	CHECK(count == 0);
	mask(SIG_UNBLOCK, SIGRTMIN + 1);
	CHECK(count == 5); /* real-time signals queue */
	CHECK(last.si_code == SI_QUEUE);
}

static void test_pending(void)
{
	sigset_t set;

	catch_with(SIGUSR1, 0);
	catch_with(SIGUSR2, 0);
	mask(SIG_BLOCK, SIGUSR1);
	mask(SIG_BLOCK, SIGUSR2);
	raise(SIGUSR2);
	raise(SIGUSR1);
	raise(SIGUSR1);
	CHECK(count == 0 && sigpending(&set) == 0);
	CHECK(sigismember(&set, SIGUSR1) && sigismember(&set, SIGUSR2) &&
		!sigismember(&set, SIGHUP));
	mask(SIG_UNBLOCK, SIGUSR2);
	mask(SIG_UNBLOCK, SIGUSR1);
	CHECK(count == 2 && order[0] == SIGUSR2 &&
		order[1] == SIGUSR1); /* ordinary ones do not */
}

/* A handler interrupted by another signal; its own is blocked in it, unless SA_NODEFER. */
static volatile int depth, deepest, left;

static void nest(int sig)
{
	depth++;
	deepest = depth > deepest ? depth : deepest;
	if (sig == SIGUSR1)
		raise(SIGUSR2);
	if (sig == SIGUSR2 && left-- > 0)
		raise(SIGUSR2);
	depth--;
	count++;
}

static void test_nested(void)
{
	struct sigaction action = {.sa_handler = nest};

	count = 0;
	left = 2;
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK(sigaction(SIGUSR2, &action, NULL) == 0);
	raise(SIGUSR1);
	/* USR1 -> USR2; each further USR2 waits until the one before has returned. */
	CHECK(depth == 0 && deepest == 2 && count == 4);
	action.sa_flags = SA_NODEFER;
	deepest = count = 0;
	left = 2;
	CHECK(sigaction(SIGUSR2, &action, NULL) == 0);
	raise(SIGUSR1);
	CHECK(depth == 0 && deepest == 4 && count == 4);
	action.sa_flags = 0;
	sigaddset(&action.sa_mask, SIGUSR2);
	deepest = 0;
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK(sigaction(SIGUSR2, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) == 0);
	raise(SIGUSR1);
	CHECK(deepest == 1);
}

static void test_flags(void)
{
	struct sigaction old;

	catch_with(SIGUSR1, SA_RESETHAND);
	raise(SIGUSR1);
	CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
	CHECK(signal(SIGUSR1, SIG_IGN) == SIG_DFL);
	raise(SIGUSR1);
	raise(SIGCHLD);
	raise(SIGWINCH);
	CHECK(count == 1);
	CHECK_ERRNO(sigaction(SIGKILL, &old, NULL), EINVAL);
	CHECK_ERRNO(sigaction(SIGSTOP, &old, NULL), EINVAL);
}

static void test_altstack(void)
{
	static char stack[64 * 1024];
	stack_t alt = {.ss_sp = stack, .ss_size = sizeof(stack)}, old;

	CHECK(sigaltstack(&alt, NULL) == 0);
	catch_with(SIGUSR1, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(count == 1);
	CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == stack && old.ss_flags == 0);
	alt.ss_size = 100;
	CHECK_ERRNO(sigaltstack(&alt, NULL), ENOMEM);
	alt.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&alt, NULL) == 0);
	CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE);
}

static void test_wait(void)
{
	sigset_t set, none;
	struct timespec short_time = {0, 20000000};
	siginfo_t info;
	int sig;

	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	catch_with(SIGUSR1, 0);
	mask(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	CHECK_ERRNO(sigsuspend(&none), EINTR);
	CHECK(count == 1);
	raise(SIGUSR1);
	CHECK(sigwait(&set, &sig) == 0 && sig == SIGUSR1 && count == 1);
	CHECK_ERRNO(sigtimedwait(&set, &info, &short_time), EAGAIN);
	raise(SIGUSR1);
	CHECK(sigtimedwait(&set, &info, &short_time) == SIGUSR1 && info.si_pid == getpid());
	mask(SIG_UNBLOCK, SIGUSR1);
	CHECK(count == 1);
}

static void test_alarm(void)
{
	sigset_t all_but_alarm;

	catch_with(SIGALRM, 0);
	CHECK(alarm(100) == 0);
	CHECK(alarm(1) == 100);
	sigfillset(&all_but_alarm);
	sigdelset(&all_but_alarm, SIGALRM);
	CHECK_ERRNO(sigsuspend(&all_but_alarm), EINTR);
	CHECK(count == 1 && alarm(0) == 0);
}

static void test_itimer(void)
{
	struct itimerval timer = {{0, 5000}, {0, 5000}}, old;
	uint64_t start = check_now_ns();

	catch_with(SIGALRM, 0);
	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	while (count < 10)
		pause();
	CHECK(check_now_ns() - start >= 49000000);
	timer = (struct itimerval){0};
	CHECK(setitimer(ITIMER_REAL, &timer, &old) == 0 && old.it_interval.tv_usec == 5000);
	CHECK(getitimer(ITIMER_REAL, &old) == 0 && old.it_value.tv_usec == 0);
}

/* It must also reach a thread that never leaves its computation. */
static void test_itimer_busy(void)
{
	struct itimerval timer = {{0, 2000}, {0, 2000}};
	volatile uint64_t work = 0;

	catch_with(SIGALRM, 0);
	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	while (count < 20)
		work++;
	timer = (struct itimerval){0};
	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	CHECK(work > 0);
}

static void test_timer_create(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGRTMIN + 2,
		.sigev_value = {.sival_int = 77}};
	struct itimerspec spec = {{0, 0}, {0, 10000000}}, left;
	timer_t timer;

	catch_with(SIGRTMIN + 2, 0);
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	CHECK(timer_settime(timer, 0, &spec, NULL) == 0);
	CHECK(timer_gettime(timer, &left) == 0 && left.it_value.tv_sec == 0);
	while (count == 0)
		pause();
	CHECK(last.si_code == SI_TIMER && last.si_value.sival_int == 77);
	CHECK(timer_gettime(timer, &left) == 0 && left.it_value.tv_nsec == 0);
	CHECK(timer_delete(timer) == 0);
}

static volatile int thread_ready, thread_hit;
static pthread_t hit_by;

static void on_thread(int sig)
{
	(void)sig;
	hit_by = pthread_self();
	__atomic_add_fetch(&thread_hit, 1, __ATOMIC_RELEASE);
}

static void *spin_body(void *arg)
{
	__atomic_store_n(&thread_ready, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
	return NULL;
}

/* To one thread of several, which computes on another core. */
static void test_thread(void)
{
	struct sigaction action = {.sa_handler = on_thread};
	pthread_t thread;
	int stop = 0;

	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK_ZERO(pthread_create(&thread, NULL, spin_body, &stop));
	check_wait_for(&thread_ready, 1);
	for (int i = 1; i <= 50; i++) {
		CHECK_ZERO(pthread_kill(thread, SIGUSR1));
		check_wait_for(&thread_hit, i);
		CHECK(pthread_equal(hit_by, thread));
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	CHECK_ZERO(pthread_join(thread, NULL));
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 1, SIGUSR1), ESRCH);
}

/* To the process, while only another thread has it unblocked. */
static void test_process(void)
{
	pthread_t thread;
	int stop = 0;

	thread_ready = thread_hit = 0;
	CHECK_ZERO(pthread_create(&thread, NULL, spin_body, &stop));
	check_wait_for(&thread_ready, 1);
	mask(SIG_BLOCK, SIGUSR1);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	check_wait_for(&thread_hit, 1);
	CHECK(pthread_equal(hit_by, thread));
	mask(SIG_UNBLOCK, SIGUSR1);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	CHECK_ZERO(pthread_join(thread, NULL));
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"raise", test_raise},
		{"queue", test_queue},
		{"pending", test_pending},
		{"nested", test_nested},
		{"flags", test_flags},
		{"altstack", test_altstack},
		{"wait", test_wait},
		{"alarm", test_alarm},
		{"itimer", test_itimer},
		{"itimer_busy", test_itimer_busy},
		{"timer_create", test_timer_create},
		{"thread", test_thread},
		{"process", test_process},
	};

	(void)argc;
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
