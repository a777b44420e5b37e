/* SPDX-License-Identifier: MIT */
/* Forwarded calls: the program's descriptors, memory, blocking, interruption, signals, many at
 * once. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "proxy_fake.h"
#include "tests/unit/suite.h"

#define PATH (FAKE_VA + 0x10000)
#define BUF  (FAKE_VA + 0x20000)

static struct fake f;

static void finish(void)
{
	fake_exit(&f, 0);
	fake_bye(&f);
	ck_assert_int_eq(fake_wait(&f), 0);
	ck_assert_str_eq(fake_said(&f), "");
}

static void run(uint32_t poll_us)
{
	fake_init(&f);
	f.poll_us = poll_us;
	fake_run(&f);
}

START_TEST(a_file)
{
	char path[] = "/tmp/test_proxy_XXXXXX";
	int fd = mkstemp(path);
	char text[32] = {0};

	ck_assert_int_eq(write(fd, "old text", 8), 8);
	run((uint32_t)_i);
	memcpy(fake_memory(&f, PATH), path, sizeof(path));
	/* The first open gives 3: none of our own descriptors is to be seen. */
	ck_assert_int_eq(fake_call(&f, 0, SYS_openat, (uint64_t)AT_FDCWD, PATH, O_RDWR, 0), 3);
	ck_assert_int_eq(fake_call(&f, 0, SYS_read, 3, BUF, 100, 0), 8);
	ck_assert_mem_eq(fake_memory(&f, BUF), "old text", 8);
	memcpy(fake_memory(&f, BUF), "new", 3);
	ck_assert_int_eq(fake_call(&f, 0, SYS_pwrite64, 3, BUF, 3, 0), 3);
	ck_assert_int_eq(fake_call(&f, 0, SYS_close, 3, 0, 0, 0), 0);
	ck_assert_int_eq(fake_call(&f, 0, SYS_close, 3, 0, 0, 0), -EBADF);
	ck_assert_int_eq(pread(fd, text, 8, 0), 8);
	ck_assert_str_eq(text, "new text");
	ck_assert_int_eq(fake_call(&f, 0, SYS_close_range, 3, ~0U, 0, 0), 0);
	ck_assert_int_eq(fake_call(&f, 0, SYS_read, 0, 0x1000, 0, 0), 0);
	finish();
	unlink(path);
}
END_TEST

START_TEST(the_leader_serves_the_main_thread)
{
	run(0);
	ck_assert_int_eq(fake_call(&f, 0, SYS_gettid, 0, 0, 0, 0), f.pid);
	ck_assert_int_ne(fake_call(&f, 1, SYS_gettid, 0, 0, 0, 0), f.pid);
	ck_assert_int_eq(fake_call(&f, 1, SYS_getpid, 0, 0, 0, 0), f.pid);
	/* Both use one table. */
	ck_assert_int_eq(fake_call(&f, 1, SYS_dup, 1, 0, 0, 0), 3);
	ck_assert_int_eq(fake_call(&f, 0, SYS_close, 3, 0, 0, 0), 0);
	finish();
}
END_TEST

/* Makes a pipe in the program; fd numbers into p. */
static void pipe_make(uint32_t slot, int p[2])
{
	ck_assert_int_eq(fake_call(&f, slot, SYS_pipe2, BUF, 0, 0, 0), 0);
	memcpy(p, fake_memory(&f, BUF), 2 * sizeof(int));
}

START_TEST(a_blocked_read_blocks_nobody_else_and_is_interrupted)
{
	int p[2];

	run((uint32_t)_i);
	pipe_make(0, p);
	for (unsigned i = 0; i < 300; i++) {
		int64_t ret;

		fake_request(&f, 1, SYS_read, (uint64_t[6]){(uint64_t)p[0], BUF, 1});
		if (i % 3)
			ck_assert_int_eq(fake_call(&f, 0, SYS_getpid, 0, 0, 0, 0), f.pid);
		ck_assert(!fake_take(&f, 1, &ret));
		fake_cancel(&f, 1);
		ret = fake_answer(&f, 1);
		ck_assert(ret == -EINTR || ret == ABI_NOT_BEGUN);
		/* The same slot goes on, and a cancel that comes too late harms nobody. */
		ck_assert_int_eq(fake_call(&f, 0, SYS_write, (uint64_t)p[1], BUF, 1, 0), 1);
		fake_cancel(&f, 1);
		ck_assert_int_eq(fake_call(&f, 1, SYS_read, (uint64_t)p[0], BUF, 1, 0), 1);
	}
	finish();
}
END_TEST

START_TEST(sigpipe_is_reported_to_its_thread)
{
	int p[2];

	run(0);
	pipe_make(0, p);
	ck_assert_int_eq(fake_call(&f, 0, SYS_close, (uint64_t)p[0], 0, 0, 0), 0);
	ck_assert_int_eq(fake_call(&f, 2, SYS_write, (uint64_t)p[1], BUF, 1, 0), -EPIPE);
	ck_assert_uint_eq(f.share->mbox[2].signal, SIGPIPE);
	ck_assert_int_eq(fake_call(&f, 2, SYS_getpid, 0, 0, 0, 0), f.pid);
	ck_assert_uint_eq(f.share->mbox[2].signal, 0);
	ck_assert_uint_eq(f.proc->sig_pending, 0);
	finish();
}
END_TEST

START_TEST(memory_mapped_a_moment_ago)
{
	int p[2];

	run((uint32_t)_i);
	pipe_make(0, p);
	for (unsigned i = 0; i < 200; i++) {
		uint64_t va = FAKE_VA + (16 + i % 5) * ABI_BLOCK_SIZE,
			 gpa = (2 + i % 7) * ABI_BLOCK_SIZE;

		fake_log(&f, ABI_LOG_MAP, va, ABI_BLOCK_SIZE, gpa);
		f.ram[gpa + 77] = (char)i;
		ck_assert_int_eq(fake_call(&f, 0, SYS_write, (uint64_t)p[1], va + 77, 1, 0), 1);
		ck_assert_int_eq(fake_call(&f, 0, SYS_read, (uint64_t)p[0], BUF, 1, 0), 1);
		ck_assert_int_eq(*(char *)fake_memory(&f, BUF), (char)i);
		/* A call that comes after an unmap must not see the memory. */
		fake_log(&f, ABI_LOG_UNMAP, va, ABI_BLOCK_SIZE, 0);
		ck_assert_int_eq(
			fake_call(&f, 0, SYS_write, (uint64_t)p[1], va + 77, 1, 0), -EFAULT);
	}
	finish();
}
END_TEST

START_TEST(the_log_is_acknowledged_when_asked)
{
	uint64_t pos;
	unsigned wait = 0;

	run(0);
	pos = fake_log(&f, ABI_LOG_MAP, FAKE_VA + (64ULL << 20), ABI_BLOCK_SIZE, 0);
	__atomic_store_n(&f.proc->want_ack, 1, __ATOMIC_SEQ_CST);
	fake_ring(&f);
	while (__atomic_load_n(&f.proc->log_applied, __ATOMIC_ACQUIRE) < pos && wait++ < 5000)
		usleep(1000);
	ck_assert_uint_eq(f.proc->log_applied, pos);
	ck_assert_uint_eq(f.proc->want_ack, 0);
	finish();
}
END_TEST

/* A slot that had a service for this process now belongs to another one. */
START_TEST(requests_of_others_are_not_ours)
{
	struct abi_mbox *mbox;

	run(2000);
	mbox = &f.share->mbox[5];
	ck_assert_int_eq(fake_call(&f, 5, SYS_getpid, 0, 0, 0, 0), f.pid);
	mbox->proc = 4;
	__atomic_store_n(&mbox->state, ABI_MBOX_REQUEST, __ATOMIC_RELEASE);
	f.proc->bell[0] = 1 << 5;
	f.proc->bell_words = 1;
	fake_ring(&f);
	usleep(10000);
	ck_assert_uint_eq(mbox->state, ABI_MBOX_REQUEST);
	mbox->state = ABI_MBOX_IDLE;
	ck_assert_int_eq(fake_call(&f, 5, SYS_getpid, 0, 0, 0, 0), f.pid);
	finish();
}
END_TEST

#define MANY   64
#define ROUNDS 300

/* Each slot writes its own numbers into a pipe of its own and reads them back, now and then
 * interrupted. */
START_TEST(many_slots_at_once)
{
	static struct {
		int fd[2];
		unsigned round;
		bool reading, cancelled, busy;
	} s[MANY];
	unsigned left = MANY, idle = 0;
	time_t end = time(NULL) + 60;

	run((uint32_t)_i);
	for (uint32_t i = 0; i < MANY; i++)
		pipe_make(i * 15, s[i].fd);
	while (left) {
		bool progress = false;

		ck_assert_msg(time(NULL) < end, "%u slots hang", left);
		for (uint32_t i = 0; i < MANY; i++) {
			uint32_t slot = i * 15;
			uint64_t buf = BUF + i * 64;
			unsigned *word = fake_memory(&f, buf);
			int64_t ret;

			if (s[i].round == ROUNDS)
				continue;
			if (s[i].busy && !fake_take(&f, slot, &ret)) {
				if (s[i].reading && !s[i].cancelled && random() % 4096 == 0)
					fake_cancel(&f, slot);
				continue;
			}
			progress = true;
			if (s[i].busy) {
				if (ret == 4 && s[i].reading) {
					ck_assert_uint_eq(*word, s[i].round);
					left -= ++s[i].round == ROUNDS;
				}
				if (ret == 4)
					s[i].reading = !s[i].reading;
				else
					ck_assert(ret == -EINTR || ret == ABI_NOT_BEGUN);
				s[i].busy = s[i].round == ROUNDS ? false : s[i].busy;
				if (s[i].round == ROUNDS)
					continue;
			}
			*word = s[i].reading ? ~0U : s[i].round;
			s[i].busy = true;
			fake_request(&f, slot, s[i].reading ? SYS_read : SYS_write,
				(uint64_t[6]){(uint64_t)s[i].fd[!s[i].reading], buf, 4});
		}
		idle = progress ? 0 : idle + 1;
		if (idle > 10)
			sched_yield();
	}
	finish();
}
END_TEST

/* Copies 8 bytes from BUF + 100 to BUF + 200. */
static int64_t copy_from(uint64_t pid)
{
	const struct iovec iov[2] = {{(void *)(BUF + 100), 8}, {(void *)(BUF + 200), 8}};

	memcpy(fake_memory(&f, BUF), iov, sizeof(iov));
	memcpy(fake_memory(&f, BUF + 100), "contents", 8);
	fake_request(&f, 1, SYS_process_vm_readv,
		(uint64_t[6]){pid, BUF + sizeof(*iov), 1, BUF, 1, 0});
	return fake_answer(&f, 1);
}

/* The proxy itself stands for the other program. */
START_TEST(a_copy_waits_for_the_peer_s_proxy)
{
	struct abi_proc *peer;

	run((uint32_t)_i);
	peer = &f.share->proc[5];
	peer->state = ABI_PROC_RUNNING;
	peer->log_head = 10;
	peer->log_applied = 9;
	f.share->peer[1] = ABI_PEER(5, 10);
	/* Stopped, say: nothing has been copied, and the LWK may ask again. */
	ck_assert_int_eq(copy_from((uint64_t)f.pid), ABI_NOT_BEGUN);
	ck_assert_mem_ne(fake_memory(&f, BUF + 200), "contents", 8);
	ck_assert_int_eq(copy_from((uint64_t)f.pid), ABI_NOT_BEGUN);
	__atomic_store_n(&peer->log_applied, 10, __ATOMIC_RELEASE);
	ck_assert_int_eq(copy_from((uint64_t)f.pid), 8);
	ck_assert_mem_eq(fake_memory(&f, BUF + 200), "contents", 8);
	/* Nobody is left to apply anything: the host's answer. */
	peer->log_applied = 9;
	peer->state = ABI_PROC_GONE;
	ck_assert_int_eq(copy_from(0x7fffffff), -ESRCH);
	finish();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_calls");
	TCase *tc = tcase_create("calls");

	tcase_set_timeout(tc, 90);
	tcase_add_loop_test(tc, a_file, 0, 2);
	tcase_add_test(tc, the_leader_serves_the_main_thread);
	tcase_add_loop_test(tc, a_blocked_read_blocks_nobody_else_and_is_interrupted, 0, 2);
	tcase_add_test(tc, sigpipe_is_reported_to_its_thread);
	tcase_add_loop_test(tc, memory_mapped_a_moment_ago, 0, 2);
	tcase_add_test(tc, the_log_is_acknowledged_when_asked);
	tcase_add_test(tc, requests_of_others_are_not_ours);
	tcase_add_loop_test(tc, a_copy_waits_for_the_peer_s_proxy, 0, 2);
	tcase_add_loop_test(tc, many_slots_at_once, 0, 2);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
