/* SPDX-License-Identifier: MIT */
/*
 * Signals on the way to the LWK when the program executes another: each is either with the LWK,
 * whose list is whole by then, or is given back, or stays in the kernel's queue.
 */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "vmm/proxy/porter.h"
#include "vmm/proxy/relay.h"
#include "vmm/proxy/watch.h"

#define BIT(n) (1ULL << ((n)-1))

static struct abi_proc proc;
static struct abi_watch shared;
static struct watch watch = {.share = &shared};
static struct relay relay;
static atomic_uint events, listed;

void porter_event(struct porter *porter)
{
	events++;
}

static void setup(void)
{
	memset(&proc, 0, sizeof(proc));
	relay = (struct relay){.proc = &proc, .watch = &watch, .fd = -1};
	ck_assert_int_eq(relay_open(&relay), 0);
}

/* As the LWK takes them (signal_from_host); `listed` is when it has them in its own list. */
static void *lwk(void *unused)
{
	while (!__atomic_load_n(&proc.sig_pending, __ATOMIC_ACQUIRE))
		;
	__atomic_store_n(&proc.sig_taking, 1, __ATOMIC_RELAXED);
	__atomic_fetch_and(&proc.sig_pending, ~BIT(SIGTERM), __ATOMIC_SEQ_CST);
	usleep(20000);
	atomic_store(&listed, 1);
	__atomic_store_n(&proc.sig_taking, 0, __ATOMIC_RELEASE);
	return NULL;
}

START_TEST(the_lwk_has_it_in_its_list)
{
	pthread_t thread;

	kill(getpid(), SIGTERM);
	relay_run(&relay);
	ck_assert_uint_eq(proc.sig_pending, BIT(SIGTERM));
	ck_assert_int_eq(pthread_create(&thread, NULL, lwk, NULL), 0);
	ck_assert_uint_eq(relay_stop(&relay), 0);
	ck_assert_uint_eq(listed, 1);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(not_taken_by_the_lwk)
{
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGRTMIN + 1);
	relay_run(&relay);
	/* A second one of a kind that queues is held back. */
	kill(getpid(), SIGRTMIN + 1);
	relay_run(&relay);
	ck_assert(relay.held);
	ck_assert_uint_eq(relay_stop(&relay), BIT(SIGTERM) | BIT(SIGRTMIN + 1));
	ck_assert_uint_eq(proc.sig_pending, 0);
	ck_assert(!relay.held);
}
END_TEST

START_TEST(what_comes_later_stays_in_the_queue)
{
	sigset_t set;

	ck_assert_uint_eq(relay_stop(&relay), 0);
	kill(getpid(), SIGTERM);
	relay_run(&relay);
	ck_assert_uint_eq(proc.sig_pending, 0);
	ck_assert_int_eq(sigpending(&set), 0);
	ck_assert_int_eq(sigismember(&set, SIGTERM), 1);
	/* execve() has failed: nobody tells the helper of it again. */
	relay_go(&relay);
	ck_assert_uint_eq(proc.sig_pending, BIT(SIGTERM));
	ck_assert_uint_eq(events, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_relay");
	TCase *tc = tcase_create("relay");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, the_lwk_has_it_in_its_list);
	tcase_add_test(tc, not_taken_by_the_lwk);
	tcase_add_test(tc, what_comes_later_stays_in_the_queue);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
