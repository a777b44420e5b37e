/* SPDX-License-Identifier: MIT */
/* The mapping log: a memfd's memory appears and goes at the addresses that the records say. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest-lwk/abi/layout.h"
#include "tests/unit/suite.h"
#include "vmm/proxy/maplog.h"

#define BLOCK ABI_BLOCK_SIZE
#define VA    ABI_PIE_BASE /* clear of a sanitizer's shadow */

static struct abi_proc proc;
static struct abi_log_rec rec[ABI_LOG_RECORDS];
static struct maplog mlog;
static char *ram; /* both extents, as the guest sees them */
static struct problem problem;

static void setup(void)
{
	mlog.proc = &proc;
	mlog.rec = rec;
	mlog.nextents = 2;
	ram = mmap(NULL, 8 * BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < 2; i++) {
		int fd = memfd_create("ram", MFD_CLOEXEC);

		ck_assert_int_eq(ftruncate(fd, 4 * BLOCK), 0);
		mlog.extent[i] = (struct maplog_extent){4 * BLOCK * i, 4 * BLOCK, fd};
		ck_assert_ptr_ne(mmap(ram + 4 * BLOCK * i, 4 * BLOCK, PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_FIXED, fd, 0),
			MAP_FAILED);
	}
	maplog_init(&mlog);
}

static uint64_t append(uint32_t op, uint64_t va, uint64_t len, uint64_t gpa)
{
	rec[proc.log_head % ABI_LOG_RECORDS] =
		(struct abi_log_rec){.va = va, .len = len, .gpa = gpa, .op = op};
	return __atomic_add_fetch(&proc.log_head, 1, __ATOMIC_RELEASE);
}

static bool mapped(uint64_t va)
{
	return !msync((void *)va, 4096, MS_ASYNC);
}

START_TEST(map_and_unmap)
{
	uint64_t pos = append(ABI_LOG_MAP, VA, 2 * BLOCK, BLOCK);

	memcpy(ram + BLOCK, "hello", sizeof("hello"));
	ck_assert(!maplog_reached(&mlog, pos));
	ck_assert_int_eq(maplog_apply(&mlog, pos, &problem), 0);
	ck_assert(maplog_reached(&mlog, pos));
	ck_assert_str_eq((char *)VA, "hello");
	memcpy((char *)VA + BLOCK, "back", sizeof("back"));
	ck_assert_str_eq(ram + 2 * BLOCK, "back");

	/* Only up to the position asked for. */
	pos = append(ABI_LOG_UNMAP, VA, BLOCK, 0);
	append(ABI_LOG_UNMAP, VA + BLOCK, BLOCK, 0);
	ck_assert_int_eq(maplog_apply(&mlog, pos, &problem), 0);
	ck_assert(!mapped(VA));
	ck_assert(mapped(VA + BLOCK));
}
END_TEST

START_TEST(a_run_over_two_extents)
{
	uint64_t pos = append(ABI_LOG_MAP, VA, 2 * BLOCK, 3 * BLOCK);

	ck_assert_int_eq(maplog_apply(&mlog, pos, &problem), 0);
	memcpy(ram + 4 * BLOCK, "second", sizeof("second"));
	ck_assert_str_eq((char *)VA + BLOCK, "second");
}
END_TEST

START_TEST(the_ring_turns)
{
	for (unsigned i = 0; i < 3 * ABI_LOG_RECORDS; i++) {
		uint64_t gpa = BLOCK * (i % 8), pos = append(ABI_LOG_MAP, VA, BLOCK, gpa);

		ram[gpa] = (char)i;
		ck_assert_int_eq(maplog_apply(&mlog, pos, &problem), 0);
		ck_assert_int_eq(*(volatile char *)VA, (char)i);
	}
}
END_TEST

START_TEST(what_the_guest_may_not)
{
	static const struct abi_log_rec bad[] = {
		{.op = ABI_LOG_MAP, .va = ABI_USER_END, .len = BLOCK},
		{.op = ABI_LOG_MAP, .va = ABI_USER_END - BLOCK, .len = 2 * BLOCK},
		{.op = ABI_LOG_UNMAP, .va = 0x7ff000000000ULL, .len = BLOCK},
		{.op = ABI_LOG_UNMAP, .va = VA, .len = -BLOCK},
		{.op = ABI_LOG_MAP, .va = 0, .len = BLOCK},
		{.op = ABI_LOG_MAP, .va = VA, .len = BLOCK, .gpa = 8 * BLOCK},
		{.op = ABI_LOG_MAP, .va = VA, .len = 2 * BLOCK, .gpa = 7 * BLOCK},
		{.op = 77, .va = VA, .len = BLOCK},
	};
	uint64_t pos = append(bad[_i].op, bad[_i].va, bad[_i].len, bad[_i].gpa);

	ck_assert_int_lt(maplog_apply(&mlog, pos, &problem), 0);
	ck_assert_int_eq(problem.status, EXIT_LWVMM_FAILED);
	ck_assert(!maplog_reached(&mlog, pos));
}
END_TEST

START_TEST(a_position_that_is_not_there)
{
	ck_assert_int_eq(maplog_apply(&mlog, 1, &problem), -EPROTO);
}
END_TEST

/* Inherited: a block to be copied, something of the window, and what the copy does not have. */
START_TEST(a_copy)
{
	const uint64_t end = VA + 8 * BLOCK;
	uint64_t pos;

	ck_assert_ptr_ne(mmap((void *)VA, 8 * BLOCK, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		MAP_FAILED);
	memcpy((char *)VA + 2 * BLOCK, "copied", sizeof("copied"));
	memcpy((char *)VA + 5 * BLOCK + 4096, "kept", sizeof("kept"));
	mlog.copies = true;
	mlog.lo = mlog.copied = VA;
	mlog.hi = end;
	append(ABI_LOG_MAP, VA + 2 * BLOCK, BLOCK, BLOCK);
	pos = append(ABI_LOG_KEEP_WINDOW, VA + 5 * BLOCK + 4096, 4096, 0);
	ck_assert_int_eq(maplog_apply(&mlog, pos, &problem), 0);
	ck_assert_str_eq(ram + BLOCK, "copied");
	ck_assert_str_eq((char *)VA + 2 * BLOCK, "copied");
	ck_assert(mapped(end - BLOCK));
	ck_assert_int_eq(maplog_copied(&mlog, &problem), 0);
	ck_assert_str_eq((char *)VA + 5 * BLOCK + 4096, "kept");
	for (uint64_t at = VA; at < end; at += 4096)
		ck_assert_int_eq(mapped(at), (at >= VA + 2 * BLOCK && at < VA + 3 * BLOCK) ||
						     at == VA + 5 * BLOCK + 4096);
	/* From now on nothing else goes. */
	pos = append(ABI_LOG_MAP, VA + 7 * BLOCK, BLOCK, 0);
	ck_assert_int_eq(maplog_apply(&mlog, pos, &problem), 0);
	ck_assert(mapped(VA + 2 * BLOCK) && mapped(VA + 5 * BLOCK + 4096));
}
END_TEST

static void *wait_main(void *arg)
{
	maplog_wait(&mlog, *(uint64_t *)arg);
	return (void *)(uintptr_t) * (volatile char *)VA;
}

START_TEST(waiters_are_woken)
{
	uint64_t pos = append(ABI_LOG_MAP, VA, BLOCK, 0);
	pthread_t thread[8];
	void *seen;

	ram[0] = 'w';
	for (unsigned i = 0; i < 8; i++)
		pthread_create(&thread[i], NULL, wait_main, &pos);
	usleep(2000 * (unsigned)(_i % 3));
	ck_assert_int_eq(maplog_apply(&mlog, pos, &problem), 0);
	for (unsigned i = 0; i < 8; i++) {
		pthread_join(thread[i], &seen);
		ck_assert_int_eq((int)(uintptr_t)seen, 'w');
	}
	ck_assert_uint_eq(mlog.waiters, 0);
}
END_TEST

/* In the child of a vfork(): a record that the LWK may be writing over is not taken for one. */
START_TEST(a_child_follows)
{
	uint64_t pos = append(ABI_LOG_MAP, VA, BLOCK, BLOCK), applied = 0;

	memcpy(ram + BLOCK, "hello", sizeof("hello"));
	ck_assert_int_eq(maplog_follow(&mlog, (uint32_t)getpid(), gettid(), &applied, pos), 0);
	ck_assert_uint_eq(applied, 1);
	ck_assert_uint_eq(proc.log_applied, 0);
	ck_assert_str_eq((char *)VA, "hello");
	for (unsigned i = 0; i < ABI_LOG_RECORDS - 1; i++)
		pos = append(ABI_LOG_UNMAP, VA, BLOCK, 0);
	ck_assert_int_eq(
		maplog_follow(&mlog, (uint32_t)getpid(), gettid(), &applied, applied + 1), 0);
	ck_assert(!mapped(VA));
	/* Its place is the next that is written. */
	append(ABI_LOG_UNMAP, VA, BLOCK, 0);
	append(ABI_LOG_UNMAP, VA, BLOCK, 0);
	ck_assert_int_eq(
		maplog_follow(&mlog, (uint32_t)getpid(), gettid(), &applied, pos), -EFAULT);
	ck_assert_uint_eq(applied, 2);
}
END_TEST

START_TEST(acknowledge_then_close)
{
	append(ABI_LOG_MAP, VA, BLOCK, 0);
	ck_assert_int_eq(maplog_ack(&mlog, &problem), 0);
	ck_assert_uint_eq(proc.log_applied, 0);
	proc.want_ack = 1;
	ck_assert_int_eq(maplog_ack(&mlog, &problem), 0);
	ck_assert_uint_eq(proc.log_applied, 1);
	ck_assert_uint_eq(proc.want_ack, 0);

	maplog_close(&mlog);
	ck_assert(!mapped(VA));
	ck_assert_int_eq(
		maplog_apply(&mlog, append(ABI_LOG_MAP, VA, BLOCK, 0), &problem), -ESHUTDOWN);
	ck_assert_int_eq(problem.status, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_maplog");
	TCase *tc = tcase_create("maplog");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, map_and_unmap);
	tcase_add_test(tc, a_run_over_two_extents);
	tcase_add_test(tc, the_ring_turns);
	tcase_add_loop_test(tc, what_the_guest_may_not, 0, 8);
	tcase_add_test(tc, a_position_that_is_not_there);
	tcase_add_test(tc, a_copy);
	tcase_add_loop_test(tc, waiters_are_woken, 0, 12);
	tcase_add_test(tc, a_child_follows);
	tcase_add_test(tc, acknowledge_then_close);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
