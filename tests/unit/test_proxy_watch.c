/* SPDX-License-Identifier: MIT */
/* Quiet descriptors: what the proxy says of them in the share area, and when it takes it back.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "proxy_fake.h"
#include "tests/unit/suite.h"

#define BUF  (FAKE_VA + 0x20000)
#define POLL (FAKE_VA + 0x21000)
#define SETS (FAKE_VA + 0x22000)
#define TIME (FAKE_VA + 0x23000)

static struct fake f;
static int writer; /* to the pipe that the program has at f.read_fd */

static void finish(void)
{
	fake_exit(&f, 0);
	fake_bye(&f);
	ck_assert_int_eq(fake_wait(&f), 0);
	ck_assert_str_eq(fake_said(&f), "");
	close(writer);
	close(f.read_fd);
}

/* The program inherits the end of a pipe that the test writes to: another process. */
static void run(void)
{
	int p[2];

	fake_init(&f);
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	f.read_fd = p[0];
	writer = p[1];
	fake_run(&f);
}

static struct abi_watch *watch(void)
{
	return &f.share->watch[f.proc - f.share->proc];
}

/* What the LWK would find; 0: not quiet. */
static unsigned quiet(int fd)
{
	uint64_t gen = __atomic_load_n(&watch()->gen, __ATOMIC_SEQ_CST);
	uint64_t entry = __atomic_load_n(&watch()->entry[fd], __ATOMIC_SEQ_CST);

	return entry >> ABI_WATCH_SHIFT == gen && entry & ABI_WATCH_VALID
		       ? (unsigned)(entry & 0xffff)
		       : 0;
}

static uint64_t gen(void)
{
	return __atomic_load_n(&watch()->gen, __ATOMIC_SEQ_CST);
}

static int64_t ask(int fd, int events)
{
	*(struct pollfd *)fake_memory(&f, POLL) = (struct pollfd){fd, (short)events, 77};
	return fake_call(&f, 0, SYS_poll, POLL, 1, 0, 0);
}

/* Within the time that the watcher may need. */
static void wait_until_loud(int fd)
{
	time_t end = time(NULL) + 10;

	while (quiet(fd)) {
		ck_assert_msg(time(NULL) < end, "descriptor %d stays quiet", fd);
		sched_yield();
	}
}

START_TEST(polled_in_vain_is_quiet_until_something_comes)
{
	int fd;

	run();
	fd = f.read_fd;
	ck_assert_uint_eq(quiet(fd), 0);
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(ask(fd, POLLIN), 0);
		ck_assert_uint_eq(quiet(fd), ABI_WATCH_VALID | POLLIN);
		ck_assert_int_eq(ask(fd, POLLPRI), 0);
		ck_assert_uint_eq(quiet(fd), ABI_WATCH_VALID | POLLIN | POLLPRI);
		ck_assert_int_eq(write(writer, "x", 1), 1);
		wait_until_loud(fd);
		ck_assert_int_eq(ask(fd, POLLIN), 1);
		ck_assert_uint_eq(quiet(fd), 0);
		ck_assert_int_eq(fake_call(&f, 0, SYS_read, (uint64_t)fd, BUF, 9, 0), 1);
	}
	finish();
}
END_TEST

START_TEST(every_way_of_asking)
{
	static const uint64_t none[2];
	uint64_t fd, *sets, epoll;

	run();
	fd = (uint64_t)f.read_fd;
	sets = fake_memory(&f, SETS);
	memcpy(fake_memory(&f, TIME), none, sizeof(none));
	*(struct pollfd *)fake_memory(&f, POLL) = (struct pollfd){(int)fd, POLLIN, 77};
	ck_assert_int_eq(fake_call(&f, 0, SYS_ppoll, POLL, 1, TIME, 0), 0);
	ck_assert_uint_eq(quiet((int)fd), ABI_WATCH_VALID | POLLIN);

	fake_call(&f, 0, SYS_sched_yield, 0, 0, 0, 0);
	ck_assert_uint_eq(quiet((int)fd), 0);
	sets[0] = 1ULL << fd | 1ULL << (fd + 1); /* the second is none of select()'s business */
	fake_request(&f, 0, SYS_select, (uint64_t[6]){fd + 1, SETS, 0, 0, TIME});
	ck_assert_int_eq(fake_answer(&f, 0), 0);
	ck_assert_uint_eq(quiet((int)fd), ABI_WATCH_VALID | POLLIN | 0xc0);
	ck_assert_uint_eq(quiet((int)fd + 1), 0);

	epoll = (uint64_t)fake_call(&f, 0, SYS_epoll_create1, 0, 0, 0, 0);
	*(struct epoll_event *)fake_memory(&f, BUF) = (struct epoll_event){.events = EPOLLIN};
	ck_assert_int_eq(fake_call(&f, 0, SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, fd, BUF), 0);
	ck_assert_int_eq(fake_call(&f, 0, SYS_epoll_wait, epoll, BUF, 1, 0), 0);
	ck_assert_uint_eq(quiet((int)epoll), ABI_WATCH_VALID | ABI_WATCH_EPOLL | POLLIN);
	ck_assert_int_eq(write(writer, "x", 1), 1);
	wait_until_loud((int)epoll);
	ck_assert_int_eq(fake_call(&f, 0, SYS_epoll_wait, epoll, BUF, 1, 0), 1);
	finish();
}
END_TEST

START_TEST(what_a_call_may_have_done_counts)
{
	uint64_t before, fd;

	run();
	fd = (uint64_t)f.read_fd;
	ask((int)fd, POLLIN);
	before = gen();
	fake_call(&f, 0, SYS_getuid, 0, 0, 0, 0);
	ask((int)fd, POLLIN);
	ask((int)fd + 900, POLLIN);
	ck_assert_uint_eq(gen(), before + 1); /* POLLNVAL is news */
	ask((int)fd, POLLIN);
	ck_assert_int_eq(write(writer, "xy", 2), 2);
	wait_until_loud((int)fd);
	ck_assert_int_eq(ask((int)fd, POLLIN), 1);
	ck_assert_uint_eq(gen(), before + 2);
	ck_assert_int_eq(fake_call(&f, 0, SYS_read, fd, BUF, 1, 0), 1);
	ck_assert_uint_eq(gen(), before + 3);
	/* Of a signal as well. */
	ck_assert_int_eq(kill(f.pid, SIGUSR1), 0);
	fake_event(&f);
	ck_assert_uint_eq(gen(), before + 4);
	finish();
}
END_TEST

static unsigned files_open(void)
{
	char path[40];
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", f.pid);
	dir = opendir(path);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

START_TEST(the_program_sees_nothing_of_it)
{
	unsigned before;
	int p[2];

	run();
	before = files_open();
	ask(f.read_fd, POLLIN);
	ck_assert_uint_eq(files_open(), before);
	/* And nothing is held open: the reader closed, its writer is told. */
	ck_assert_int_eq(fake_call(&f, 0, SYS_pipe2, BUF, O_NONBLOCK, 0, 0), 0);
	memcpy(p, fake_memory(&f, BUF), sizeof(p));
	ck_assert_int_eq(ask(p[0], POLLIN), 0);
	ck_assert_int_eq(ask(p[1], POLLPRI), 0);
	ck_assert_uint_ne(quiet(p[0]), 0);
	ck_assert_int_eq(fake_call(&f, 0, SYS_close, (uint64_t)p[0], 0, 0, 0), 0);
	ck_assert_int_eq(fake_call(&f, 0, SYS_write, (uint64_t)p[1], BUF, 1, 0), -EPIPE);
	ck_assert_int_eq(ask(p[1], POLLPRI), 1);
	finish();
}
END_TEST

/* A number that gets another file, whose watch is its own. */
START_TEST(numbers_change_their_files)
{
	uint64_t fd, copy, p[2];
	int pair[2];

	run();
	fd = (uint64_t)f.read_fd;
	ck_assert_int_eq(fake_call(&f, 0, SYS_pipe2, BUF, 0, 0, 0), 0);
	memcpy(pair, fake_memory(&f, BUF), sizeof(pair));
	p[0] = (uint64_t)pair[0], p[1] = (uint64_t)pair[1];
	ck_assert_int_eq(ask((int)p[0], POLLIN), 0);
	copy = (uint64_t)fake_call(&f, 0, SYS_dup, fd, 0, 0, 0);
	ck_assert_int_eq(fake_call(&f, 0, SYS_dup2, fd, p[0], 0, 0), (int64_t)p[0]);
	ck_assert_uint_eq(quiet((int)p[0]), 0);
	/* Three numbers of one file. */
	ck_assert_int_eq(ask((int)p[0], POLLIN), 0);
	ck_assert_int_eq(ask((int)fd, POLLIN), 0);
	ck_assert_int_eq(ask((int)copy, POLLIN), 0);
	ck_assert_int_eq(write(writer, "x", 1), 1);
	wait_until_loud((int)p[0]);
	wait_until_loud((int)fd);
	wait_until_loud((int)copy);
	finish();
}
END_TEST

/* What cannot be watched is asked of the host each time. */
START_TEST(not_quiet_what_cannot_be_watched)
{
	char path[] = "/tmp/test_watch_XXXXXX";
	int file = mkstemp(path), p[2];

	unlink(path);
	fake_init(&f);
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	f.read_fd = _i ? p[0] : file;
	writer = p[1];
	fake_run(&f);
	if (_i) {
		*(struct rlimit *)fake_memory(&f, BUF) =
			(struct rlimit){(rlim_t)f.read_fd + 2, (rlim_t)f.read_fd + 2};
		ck_assert_int_eq(fake_call(&f, 0, SYS_prlimit64, 0, RLIMIT_NOFILE, BUF, 0), 0);
	}
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(ask(f.read_fd, POLLPRI), 0);
		ck_assert_uint_eq(quiet(f.read_fd), 0);
	}
	finish();
	close(_i ? file : p[0]);
}
END_TEST

#define STRESS 3000

/* Another process writes at any moment of a poll, its watch being armed, or armed still. */
START_TEST(nothing_is_lost_while_arming)
{
	uint64_t state = 88172645463325252u;
	unsigned seen = 0;
	int64_t ret;

	run();
	for (unsigned i = 0; i < STRESS; i++) {
		unsigned turns;

		state ^= state << 13, state ^= state >> 7, state ^= state << 17;
		turns = (unsigned)(state % 30000);
		if (state >> 40 & 1) /* armed still, of an older generation */
			ask(f.read_fd, POLLIN), fake_call(&f, 0, SYS_lseek, 0, 0, 0, 0);
		*(struct pollfd *)fake_memory(&f, POLL) =
			(struct pollfd){f.read_fd, POLLIN, 77};
		fake_request(&f, 0, SYS_poll, (uint64_t[6]){POLL, 1, 0});
		for (unsigned t = 0; t < turns; t++)
			__builtin_ia32_pause();
		ck_assert_int_eq(write(writer, "x", 1), 1);
		ret = fake_answer(&f, 0);
		seen += ret == 1;
		wait_until_loud(f.read_fd);
		ck_assert_int_eq(ask(f.read_fd, POLLIN), 1);
		ck_assert_int_eq(fake_call(&f, 0, SYS_read, (uint64_t)f.read_fd, BUF, 9, 0), 1);
	}
	/* Both sides of the race were met. */
	ck_assert_uint_gt(seen, 0);
	ck_assert_uint_lt(seen, STRESS);
	finish();
}
END_TEST

/* The watcher goes through an epoll's ready list at the very moment the program asks it. */
START_TEST(an_epoll_answers_beside_the_watcher)
{
	uint64_t p[2], epoll;
	int pair[2];

	fake_init(&f);
	f.poll_us = 2000;
	f.read_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	writer = dup(f.read_fd);
	fake_run(&f);
	ck_assert_int_eq(fake_call(&f, 0, SYS_pipe2, BUF, 0, 0, 0), 0);
	memcpy(pair, fake_memory(&f, BUF), sizeof(pair));
	p[0] = (uint64_t)pair[0], p[1] = (uint64_t)pair[1];
	epoll = (uint64_t)fake_call(&f, 0, SYS_epoll_create1, 0, 0, 0, 0);
	*(struct epoll_event *)fake_memory(&f, BUF) = (struct epoll_event){.events = EPOLLIN};
	ck_assert_int_eq(fake_call(&f, 0, SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, p[0], BUF), 0);
	for (unsigned i = 0; i < STRESS; i++) {
		ck_assert_int_eq(fake_call(&f, 0, SYS_epoll_wait, epoll, BUF, 1, 0), 0);
		ck_assert_int_eq(fake_call(&f, 0, SYS_write, p[1], BUF, 1, 0), 1);
		for (int again = 0; again < 4; again++)
			ck_assert_int_eq(fake_call(&f, 0, SYS_epoll_wait, epoll, BUF, 1, 0), 1);
		ck_assert_int_eq(fake_call(&f, 0, SYS_read, p[0], BUF, 9, 0), 1);
	}
	finish();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("proxy_watch");
	TCase *tc = tcase_create("watch");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, polled_in_vain_is_quiet_until_something_comes);
	tcase_add_test(tc, every_way_of_asking);
	tcase_add_test(tc, what_a_call_may_have_done_counts);
	tcase_add_test(tc, the_program_sees_nothing_of_it);
	tcase_add_test(tc, numbers_change_their_files);
	tcase_add_loop_test(tc, not_quiet_what_cannot_be_watched, 0, 2);
	tcase_add_test(tc, nothing_is_lost_while_arming);
	tcase_add_test(tc, an_epoll_answers_beside_the_watcher);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
