/* SPDX-License-Identifier: MIT */
/*
 * eintr_many N: N interruptions of blocking calls, none lost. First ppoll, where the mask opens
 * with the call: every signal is one EINTR. Then read, where a signal may fall just before the
 * call (its handler runs, the call blocks): the sender repeats it then, and a byte that was
 * written is always read.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "check.h"

static int ends[2];
static long wanted;
static volatile int handled; /* handlers run, counted modulo 2^31 */
static volatile int ended;   /* calls that came back with EINTR */
static pthread_t main_thread;

static void on_signal(int sig)
{
	(void)sig;
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELEASE);
}

/* Spins a little, then sleeps: both sides may have to share a core. False after ten seconds. */
static int wait_change(const volatile int *word, int from)
{
	uint64_t end = check_now_ns() + 10000000000u;

	for (long i = 0; __atomic_load_n(word, __ATOMIC_ACQUIRE) == from; i++) {
		if (i < 2000)
			__builtin_ia32_pause();
		else if (check_now_ns() > end)
			return 0;
		else
			sched_yield();
	}
	return 1;
}

static void *send_for_ppoll(void *arg)
{
	(void)arg;
	for (int i = 0; i < wanted; i++) {
		CHECK_ZERO(pthread_kill(main_thread, SIGUSR1));
		CHECK(wait_change(&ended, i));
	}
	return NULL;
}

static void interrupt_ppoll(void)
{
	struct pollfd pollfd = {ends[0], POLLIN, 0};
	sigset_t open, blocked;
	pthread_t sender;

	sigemptyset(&open);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	CHECK_ZERO(pthread_sigmask(SIG_BLOCK, &blocked, NULL));
	CHECK_ZERO(pthread_create(&sender, NULL, send_for_ppoll, NULL));
	for (int i = 0; i < wanted; i++) {
		CHECK_ERRNO(ppoll(&pollfd, 1, NULL, &open), EINTR);
		CHECK(handled == i + 1);
		__atomic_store_n(&ended, i + 1, __ATOMIC_RELEASE);
	}
	CHECK_ZERO(pthread_join(sender, NULL));
	CHECK_ZERO(pthread_sigmask(SIG_UNBLOCK, &blocked, NULL));
}

/* Sends until `wanted` reads were interrupted; every sixteenth time a byte goes first. */
static long bytes_sent;

static void *send_for_read(void *arg)
{
	unsigned char byte = 0;

	(void)arg;
	while (__atomic_load_n(&ended, __ATOMIC_ACQUIRE) < wanted) {
		int before = __atomic_load_n(&handled, __ATOMIC_ACQUIRE);

		if (before % 16 == 0) {
			CHECK(write(ends[1], &byte, 1) == 1);
			byte++;
			bytes_sent++;
		}
		CHECK_ZERO(pthread_kill(main_thread, SIGUSR1));
		if (!wait_change(&handled, before)) {
			printf("FAIL a signal for a blocked read never came\n");
			fflush(stdout);
			_exit(1);
		}
	}
	CHECK(close(ends[1]) == 0);
	return NULL;
}

static void interrupt_read(void)
{
	unsigned char byte, next = 0;
	long bytes = 0;
	pthread_t sender;
	ssize_t n;

	handled = ended = 0;
	CHECK_ZERO(pthread_create(&sender, NULL, send_for_read, NULL));
	while ((n = read(ends[0], &byte, 1)) != 0) {
		if (n == 1) {
			CHECK(byte == next);
			next++;
			bytes++;
		} else {
			CHECK(n == -1 && errno == EINTR);
			__atomic_add_fetch(&ended, 1, __ATOMIC_RELEASE);
		}
	}
	CHECK_ZERO(pthread_join(sender, NULL));
	CHECK(bytes == bytes_sent && ended >= wanted && handled >= ended);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};

	CHECK(argc == 2 && (wanted = atol(argv[1])) > 0);
	main_thread = pthread_self();
	CHECK(pipe(ends) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
	interrupt_ppoll();
	printf("ok %ld interruptions of ppoll\n", wanted);
	interrupt_read();
	printf("ok %ld interruptions of read\n", wanted);
	return 0;
}
