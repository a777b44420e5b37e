/* SPDX-License-Identifier: MIT */
/* Pools after a crash at any moment: what was taken is found and given back. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/pool_fake.h"

/* A child that grows and shrinks, and is killed by the made-up kernel on the way. */
static void child_crash(enum crash how, unsigned when)
{
	pid_t pid = fake_fork();
	int status;

	if (pid == 0) {
		fake.crash = how;
		fake.crash_in = when;
		if (fake_grow(32, 9) == 0)
			pool_shrink(&fake.growth);
		raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WTERMSIG(status), SIGKILL);
}

/* Every moment: four changes (two pools up, two down), before, within and after each. */
START_TEST(test_crash)
{
	enum crash how = CRASH_BEFORE + _i % 3;
	unsigned when = _i / 3;

	child_crash(how, when);
	ck_assert_int_eq(fake_journals(), 1);
	fake_repair(false);
	ck_assert_int_eq(fake_journals() == 0, strlen(fake.said) == 0);
	ck_assert_int_eq(fake_repair(true), 0);
	fake_pools_are(100, 100);
	ck_assert_int_eq(fake_journals(), 0);
}
END_TEST

/* The next guest settles what the crashed one announced, before it changes the pool itself. */
START_TEST(test_crash_then_grow)
{
	child_crash(CRASH_BEFORE + _i % 3, _i / 3);
	ck_assert_int_eq(fake_grow(4, 4), 0);
	pool_settled(&fake.growth);
	ck_assert_int_eq(fake_repair(true), 0);
	fake_pools_are(104, 104);
	pool_shrink(&fake.growth);
	fake_pools_are(100, 100);
}
END_TEST

/*
 * A living guest gives back between the crash and the repair: it is sealed and settles nothing.
 * With the crashed ones of two, the first is repaired before the second is looked at.
 */
START_TEST(test_crash_then_shrink)
{
	ck_assert_int_eq(fake_grow(20, 20), 0);
	pool_settled(&fake.growth);
	child_crash(CRASH_BEFORE + _i % 3, _i / 3);
	pool_shrink(&fake.growth);
	ck_assert_int_eq(fake_repair(true), 0);
	fake_pools_are(100, 100);
	ck_assert_int_eq(fake_journals(), 0);
}
END_TEST

/* The real kill -9, at moments that nobody chose. */
START_TEST(test_kill_at_random)
{
	srand(1);
	for (int i = 0; i < 60; i++) {
		pid_t pid = fake_fork();

		if (pid == 0)
			for (;;)
				if (fake_grow(32, 9) == 0)
					pool_shrink(&fake.growth);
		usleep(rand() % 3000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		ck_assert_int_eq(fake_repair(true), 0);
		fake_pools_are(100, 100);
	}
}
END_TEST

/* The same beside two that live, and give back between the kill and the repair. */
START_TEST(test_kill_beside_the_living)
{
	int end[2], status;
	pid_t living[2];
	char c;

	srand(2);
	ck_assert_int_eq(pipe(end), 0);
	for (int k = 0; k < 2; k++) {
		living[k] = fake_fork();
		if (living[k])
			continue;
		close(end[1]);
		fcntl(end[0], F_SETFL, O_NONBLOCK);
		while (read(end[0], &c, 1) < 0) {
			if (fake_grow(10 + k, 3))
				_exit(1);
			pool_settled(&fake.growth);
			pool_shrink(&fake.growth);
		}
		_exit(0);
	}
	for (int i = 0; i < 200; i++) {
		pid_t pid = fake_fork();

		if (pid == 0)
			for (;;)
				if (fake_grow(32, 9) == 0)
					pool_shrink(&fake.growth);
		usleep(rand() % 3000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(end[1]);
	for (int k = 0; k < 2; k++) {
		waitpid(living[k], &status, 0);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_int_eq(fake_repair(true), 0);
	fake_pools_are(100, 100);
	ck_assert_int_eq(fake_journals(), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pool_crash");
	TCase *t = tcase_create("pool_crash");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, fake_setup, fake_teardown);
	tcase_add_loop_test(t, test_crash, 0, 12);
	tcase_add_loop_test(t, test_crash_then_grow, 0, 12);
	tcase_add_loop_test(t, test_crash_then_shrink, 0, 12);
	tcase_add_test(t, test_kill_at_random);
	tcase_add_test(t, test_kill_beside_the_living);
	suite_add_tcase(s, t);
	return fake_main(s);
}
