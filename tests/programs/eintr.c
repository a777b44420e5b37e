/* SPDX-License-Identifier: MIT */
/* Signals against blocked calls: which are restarted, which end with EINTR, and what is left of
 * the time. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "check.h"

static volatile int handled;
static int ends[2];
static pthread_t main_thread;

static void on_signal(int sig)
{
	(void)sig;
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELEASE);
}

static void catch_with(int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	handled = 0;
}

/* Signals the main thread until a handler has run, and again until it says it is through. */
static volatile int through;

static void *poke(void *arg)
{
	int again = arg == NULL;

	do {
		check_sleep_ms(10);
		if (__atomic_load_n(&through, __ATOMIC_ACQUIRE))
			break;
		CHECK_ZERO(pthread_kill(main_thread, SIGUSR1));
	} while (again);
	if (!again) {
		check_wait_for(&handled, 1);
		check_sleep_ms(10);
		CHECK(write(ends[1], "x", 1) == 1);
	}
	return NULL;
}

static pthread_t start_poking(void *once)
{
	pthread_t thread;

	through = 0;
	CHECK_ZERO(pthread_create(&thread, NULL, poke, once));
	return thread;
}

static void stop_poking(pthread_t thread)
{
	__atomic_store_n(&through, 1, __ATOMIC_RELEASE);
	CHECK_ZERO(pthread_join(thread, NULL));
}

static void test_read(void)
{
	pthread_t poker;
	char byte;

	catch_with(0);
	poker = start_poking(NULL);
	CHECK_ERRNO(read(ends[0], &byte, 1), EINTR);
	stop_poking(poker);
	CHECK(handled >= 1);
}

static void test_restart(void)
{
	pthread_t poker;
	char byte = 0;

	catch_with(SA_RESTART);
	poker = start_poking(&poker);
	CHECK(read(ends[0], &byte, 1) == 1 && byte == 'x');
	stop_poking(poker);
	CHECK(handled == 1);
}

/* These are never restarted, whatever the flags. */
static void test_never_restarted(void)
{
	struct pollfd pollfd = {ends[0], POLLIN, 0};
	struct epoll_event event = {.events = EPOLLIN};
	struct timespec long_time = {100, 0}, left = {0, 0};
	int epoll = epoll_create1(0);
	pthread_t poker;
	sigset_t none;

	sigemptyset(&none);
	CHECK(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
	catch_with(SA_RESTART);
	poker = start_poking(NULL);
	CHECK_ERRNO(poll(&pollfd, 1, -1), EINTR);
	CHECK_ERRNO(ppoll(&pollfd, 1, NULL, &none), EINTR);
	CHECK_ERRNO(epoll_wait(epoll, &event, 1, -1), EINTR);
	CHECK_ERRNO(select(0, NULL, NULL, NULL, NULL), EINTR);
	CHECK_ERRNO(pause(), EINTR);
	CHECK_ERRNO(nanosleep(&long_time, &left), EINTR);
	CHECK(left.tv_sec >= 90 && left.tv_sec < 100);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, NULL) == EINTR);
	stop_poking(poker);
	CHECK(close(epoll) == 0);
}

static void test_socket(void)
{
	int pair[2];
	pthread_t poker;
	char byte;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	catch_with(0);
	poker = start_poking(NULL);
	CHECK_ERRNO(recv(pair[0], &byte, 1, 0), EINTR);
	stop_poking(poker);
	CHECK(close(pair[0]) == 0 && close(pair[1]) == 0);
}

static void test_semaphore(void)
{
	sem_t sem;
	pthread_t poker;

	CHECK(sem_init(&sem, 0, 0) == 0);
	catch_with(0);
	poker = start_poking(NULL);
	CHECK_ERRNO(sem_wait(&sem), EINTR);
	stop_poking(poker);
}

/* A full pipe: the part that was written counts. */
static void test_write(void)
{
	static char data[1 << 20];
	int full[2];
	pthread_t poker;
	ssize_t n;

	CHECK(pipe(full) == 0);
	catch_with(0);
	poker = start_poking(NULL);
	n = write(full[1], data, sizeof(data));
	CHECK(n == 65536);
	CHECK_ERRNO(write(full[1], data, 1), EINTR);
	stop_poking(poker);
	CHECK(close(full[0]) == 0 && close(full[1]) == 0);
}

/* A blocked thread's signal must not disturb the others' calls. */
static void *quiet_reader(void *arg)
{
	char byte;

	CHECK(read(*(int *)arg, &byte, 1) == 1 && byte == 'q');
	return NULL;
}

static void test_others(void)
{
	int quiet[2];
	pthread_t reader, poker;
	char byte;

	CHECK(pipe(quiet) == 0);
	catch_with(0);
	CHECK_ZERO(pthread_create(&reader, NULL, quiet_reader, &quiet[0]));
	poker = start_poking(NULL);
	for (int i = 0; i < 10; i++)
		CHECK_ERRNO(read(ends[0], &byte, 1), EINTR);
	stop_poking(poker);
	CHECK(write(quiet[1], "q", 1) == 1);
	CHECK_ZERO(pthread_join(reader, NULL));
	CHECK(close(quiet[0]) == 0 && close(quiet[1]) == 0);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"read", test_read},
		{"restart", test_restart},
		{"never_restarted", test_never_restarted},
		{"socket", test_socket},
		{"semaphore", test_semaphore},
		{"write", test_write},
		{"others", test_others},
	};

	(void)argc;
	main_thread = pthread_self();
	CHECK(pipe(ends) == 0);
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
