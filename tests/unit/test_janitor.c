/* SPDX-License-Identifier: MIT */
/* The reuse rule (guest-lwk/abi/share.h): when a block that was given up may be given out
 * again. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "vmm/janitor.h"

#define RAM_SIZE (4 * BLOCK)
#define BLOCK    0x1000u
#define VA       0x7000000u
#define PROC     3
/* Far from its RAM. */
#define WINDOW_GPA (5ULL << 30)

static struct abi_share *share;
static struct gpa_map map;
static struct janitor *j;
static uint8_t ram[RAM_SIZE];
static int bell[ABI_MAX_PROCS + 1];

static void setup(void)
{
	share = aligned_alloc(ABI_PAGE, sizeof(*share));
	j = calloc(1, sizeof(*j));
	ck_assert_ptr_nonnull(share);
	ck_assert_ptr_nonnull(j);
	memset(share, 0, sizeof(*share));
	memset(ram, 0xff, sizeof(ram));
	ck_assert_int_eq(gpa_map_add(&map, gpa(0), RAM_SIZE, ram), 0);
	for (unsigned i = 0; i <= ABI_MAX_PROCS; i++)
		bell[i] = eventfd(0, EFD_NONBLOCK);
	share->proc[PROC].state = ABI_PROC_RUNNING;
	share->proc[PROC].log_applied = 10;
	janitor_init(j, share, &map, NULL, bell);
}

static void teardown(void)
{
	for (unsigned i = 0; i <= ABI_MAX_PROCS; i++)
		close(bell[i]);
	free(share);
	free(j);
}

/* What the LWK does: block `n`, unmapped by the log's record before `pos`. */
static void reclaim(unsigned n, uint64_t pos)
{
	share->reclaim.rec[share->reclaim.head % ABI_RECLAIM_RECORDS] =
		(struct abi_reclaim_rec){
			.gpa = n * BLOCK,
			.len = BLOCK,
			.va = VA + n * BLOCK,
			.pos = pos,
			.proc = PROC,
		};
	share->reclaim.head++;
}

static void call(unsigned slot, uint32_t state, uint64_t log_pos, uint64_t lo, uint64_t hi)
{
	share->mbox[slot] = (struct abi_mbox){
		.state = state,
		.proc = PROC,
		.log_pos = log_pos,
		.buf_lo = lo,
		.buf_hi = hi,
	};
}

static bool rung(unsigned proc)
{
	uint64_t count;

	return read(bell[proc], &count, sizeof(count)) == sizeof(count);
}

START_TEST(test_clean_at_once)
{
	reclaim(1, 10);
	ck_assert_uint_eq(janitor_step(j), 0);
	ck_assert_uint_eq(share->reclaim.tail, 1);
	ck_assert_uint_eq(share->clean.head, 1);
	ck_assert_uint_eq(share->clean.rec[0].gpa, BLOCK);
	ck_assert_uint_eq(ram[BLOCK - 1], 0xff);
	ck_assert_uint_eq(ram[BLOCK], 0);
	ck_assert_uint_eq(ram[2 * BLOCK - 1], 0);
	ck_assert_uint_eq(ram[2 * BLOCK], 0xff);
	ck_assert(!rung(PROC));
}
END_TEST

/* A large record comes back in pieces, as far as there is room for them. */
START_TEST(test_in_pieces)
{
	reclaim(0, 10);
	share->reclaim.rec[0].len = 3 * BLOCK;
	share->clean.head = j->given = ABI_RECLAIM_RECORDS - 2;
	ck_assert_uint_eq(janitor_step(j), 1);
	ck_assert_uint_eq(share->clean.head, ABI_RECLAIM_RECORDS);
	ck_assert_uint_eq(share->clean.rec[ABI_RECLAIM_RECORDS - 2].gpa, 0);
	ck_assert_uint_eq(share->clean.rec[ABI_RECLAIM_RECORDS - 2].len, BLOCK);
	ck_assert_uint_eq(share->clean.rec[ABI_RECLAIM_RECORDS - 1].gpa, BLOCK);
	ck_assert_uint_eq(ram[2 * BLOCK - 1], 0);
	ck_assert_uint_eq(ram[2 * BLOCK], 0xff);
	ck_assert(janitor_owes(j, PROC));
	share->clean.tail = 1;
	ck_assert_uint_eq(janitor_step(j), 0);
	ck_assert_uint_eq(share->clean.rec[0].gpa, 2 * BLOCK);
	ck_assert_uint_eq(share->clean.rec[0].len, BLOCK);
	ck_assert_uint_eq(ram[3 * BLOCK - 1], 0);
	ck_assert_uint_eq(ram[3 * BLOCK], 0xff);
	ck_assert(!janitor_owes(j, PROC));
}
END_TEST

START_TEST(test_waits_for_log)
{
	reclaim(1, 11);
	reclaim(2, 12);
	ck_assert_uint_eq(janitor_step(j), 2);
	ck_assert_uint_eq(share->clean.head, 0);
	ck_assert_uint_eq(ram[BLOCK], 0xff);
	ck_assert_uint_eq(share->proc[PROC].want_ack, 1);
	ck_assert(rung(PROC));
	ck_assert_uint_eq(j->nudges, 1); /* once a round, not once a block */
	share->proc[PROC].log_applied = 11;
	ck_assert_uint_eq(janitor_step(j), 1);
	ck_assert_uint_eq(share->clean.rec[0].gpa, BLOCK);
	share->proc[PROC].log_applied = 12;
	ck_assert_uint_eq(janitor_step(j), 0);
	ck_assert_uint_eq(share->clean.head, 2);
}
END_TEST

/* Whatever proxies are stopped, and have in their logs: the LWK need not wait for the ring. */
START_TEST(test_takes_all_that_logs_can_hold)
{
	for (uint64_t pos = 11; pos < 11 + ABI_LOG_RECORDS; pos++) {
		for (unsigned proc = 0; proc < ABI_MAX_PROCS; proc++) {
			reclaim(1, pos);
			share->proc[proc].state = ABI_PROC_RUNNING;
			share->reclaim.rec[(share->reclaim.head - 1) % ABI_RECLAIM_RECORDS]
				.proc = proc;
		}
		if (share->reclaim.head - share->reclaim.tail == ABI_RECLAIM_RECORDS)
			janitor_step(j);
	}
	janitor_step(j);
	ck_assert_uint_eq(share->reclaim.tail, share->reclaim.head);
	ck_assert_uint_eq(share->clean.head, 0);
	for (unsigned proc = 0; proc < ABI_MAX_PROCS; proc++)
		share->proc[proc].state = ABI_PROC_GONE;
	ck_assert_uint_eq(
		janitor_step(j), ABI_MAX_PROCS * ABI_LOG_RECORDS - ABI_RECLAIM_RECORDS);
}
END_TEST

START_TEST(test_waits_for_call)
{
	/* A read blocked in the host into block 1, begun before the block was unmapped. */
	call(700, ABI_MBOX_RUNNING, 9, VA + BLOCK + 8, VA + BLOCK + 16);
	reclaim(1, 10);
	ck_assert_uint_eq(janitor_step(j), 1);
	ck_assert_uint_eq(ram[BLOCK], 0xff);
	share->mbox[700].state = ABI_MBOX_REQUEST;
	ck_assert_uint_eq(janitor_step(j), 1);
	share->mbox[700].state = ABI_MBOX_DONE;
	ck_assert_uint_eq(janitor_step(j), 0);
	ck_assert_uint_eq(ram[BLOCK], 0);
}
END_TEST

START_TEST(test_other_calls_do_not_hold)
{
	call(0, ABI_MBOX_RUNNING, 10, VA, VA + RAM_SIZE); /* begun after */
	call(1, ABI_MBOX_RUNNING, 9, VA, VA + BLOCK);     /* ends where the block begins */
	call(2, ABI_MBOX_RUNNING, 9, VA + 2 * BLOCK, VA + 3 * BLOCK);
	call(3, ABI_MBOX_RUNNING, 9, 0, 0); /* touches no memory */
	call(4, ABI_MBOX_RUNNING, 9, VA, VA + RAM_SIZE);
	share->mbox[4].proc = PROC + 1; /* another process at the same addresses */
	reclaim(1, 10);
	ck_assert_uint_eq(janitor_step(j), 0);
}
END_TEST

/* One more reference each, at once, however long those that go must wait. */
START_TEST(test_hold)
{
	const struct abi_reclaim_rec hold = {
		.gpa = WINDOW_GPA, .len = 2 * ABI_PAGE, .op = ABI_RECLAIM_HOLD};
	struct abi_reclaim_rec drop = {
		.gpa = WINDOW_GPA, .len = 2 * ABI_PAGE, .pos = 11, .proc = PROC};
	struct window_file file = {memfd_create("hold", 0), true, 0, 2 * ABI_PAGE};
	struct abi_window_answer at;
	struct problem problem;
	struct window w;

	ck_assert_int_eq(ftruncate(file.fd, 2 * ABI_PAGE), 0);
	ck_assert_int_eq(window_create(&w, WINDOW_GPA, WINDOW_CHUNK, &problem), 0);
	ck_assert_int_eq(window_map(&w, &file, &at), 0);
	ck_assert_uint_eq(at.gpa, WINDOW_GPA);
	janitor_init(j, share, &map, &w, bell);
	share->reclaim.rec[share->reclaim.head++] = hold;
	share->reclaim.rec[share->reclaim.head++] = drop;
	ck_assert_uint_eq(janitor_step(j), 1);
	ck_assert_uint_eq(share->reclaim.tail, 2);
	ck_assert_uint_eq(j->rejected, 0);
	ck_assert(!janitor_owes(j, 0));
	share->proc[PROC].log_applied = 11;
	ck_assert_uint_eq(janitor_step(j), 0);
	ck_assert_uint_eq(window_use(&w).pages, 2); /* the first ones, or the held ones */
	share->reclaim.rec[share->reclaim.head++] = drop;
	ck_assert_uint_eq(janitor_step(j), 0);
	ck_assert_uint_eq(window_use(&w).pages, 0);
	/* What nobody has, or is no page of the window, is not held. */
	share->reclaim.rec[share->reclaim.head++] = hold;
	share->reclaim.rec[share->reclaim.head] = hold;
	share->reclaim.rec[share->reclaim.head++].gpa = 0;
	share->reclaim.rec[share->reclaim.head] = drop;
	share->reclaim.rec[share->reclaim.head++].op = 7;
	ck_assert_uint_eq(janitor_step(j), 0);
	ck_assert_uint_eq(j->rejected, 3);
	ck_assert_uint_eq(window_use(&w).pages, 0);
	window_destroy(&w);
	close(file.fd);
}
END_TEST

START_TEST(test_dead_process)
{
	call(0, ABI_MBOX_RUNNING, 9, VA, VA + RAM_SIZE);
	reclaim(1, 99);
	ck_assert_uint_eq(janitor_step(j), 1);
	ck_assert(janitor_owes(j, PROC));
	share->proc[PROC].state = ABI_PROC_GONE;
	ck_assert_uint_eq(janitor_step(j), 0);
	ck_assert(!janitor_owes(j, PROC));
	reclaim(2, 99);
	ck_assert(janitor_owes(j, PROC)); /* not yet taken */
}
END_TEST

/* Another process copies from it: blocks unmapped since then wait, also when it has died. */
START_TEST(test_waits_for_peer)
{
	share->peer[700] = ABI_PEER(PROC, 9);
	share->peer[701] = ABI_PEER(PROC, 10); /* knows of it */
	share->peer[702] = ABI_PEER(PROC + 1, 9);
	share->peer[703] = ABI_PEER(PROC, 9); /* its call has not begun */
	for (unsigned i = 700; i < 703; i++)
		share->mbox[i].state = ABI_MBOX_RUNNING;
	reclaim(1, 10);
	ck_assert_uint_eq(janitor_step(j), 1);
	share->proc[PROC].state = ABI_PROC_GONE;
	ck_assert_uint_eq(janitor_step(j), 1);
	ck_assert_uint_eq(ram[BLOCK], 0xff);
	share->mbox[700].state = ABI_MBOX_DONE;
	ck_assert_uint_eq(janitor_step(j), 0);
	ck_assert_uint_eq(ram[BLOCK], 0);
}
END_TEST

START_TEST(test_clean_ring_full)
{
	share->clean.tail = 0;
	for (unsigned i = 0; i < ABI_RECLAIM_RECORDS; i++)
		reclaim(1, 10);
	ck_assert_uint_eq(janitor_step(j), 0);
	reclaim(2, 10);
	ck_assert_uint_eq(janitor_step(j), 1);
	ck_assert_uint_eq(ram[2 * BLOCK], 0xff);
	share->clean.tail = 1;
	ck_assert_uint_eq(janitor_step(j), 0);
	ck_assert_uint_eq(share->clean.rec[0].gpa, 2 * BLOCK);
}
END_TEST

START_TEST(test_nonsense)
{
	reclaim(1, 10);
	share->reclaim.rec[0].gpa = 1ULL << 50;
	reclaim(1, 10);
	share->reclaim.rec[1].proc = ABI_MAX_PROCS;
	reclaim(1, 10);
	share->reclaim.rec[2].len = UINT64_MAX;
	ck_assert_uint_eq(janitor_step(j), 0);
	ck_assert_uint_eq(j->rejected, 3);
	ck_assert_uint_eq(share->clean.head, 0);
	/* More records than there can be: the ring is broken, nothing is taken from it. */
	share->reclaim.head += ABI_RECLAIM_RECORDS + 1;
	ck_assert_uint_eq(janitor_step(j), 0);
	ck_assert(j->corrupt);
	ck_assert_uint_eq(share->clean.head, 0);
}
END_TEST

START_TEST(test_thread)
{
	struct problem problem = {0};
	uint64_t one = 1;

	ck_assert_int_eq(janitor_start(j, &problem), 0);
	while (!__atomic_load_n(&share->janitor_idle, __ATOMIC_ACQUIRE))
		usleep(1000);
	reclaim(1, 11);
	if (__atomic_exchange_n(&share->janitor_idle, 0, __ATOMIC_SEQ_CST))
		ck_assert_int_eq(write(bell[ABI_BELL_VMM], &one, sizeof(one)), sizeof(one));
	while (!rung(PROC))
		usleep(1000);
	__atomic_store_n(&share->proc[PROC].log_applied, 11, __ATOMIC_RELEASE);
	while (__atomic_load_n(&share->clean.head, __ATOMIC_ACQUIRE) != 1)
		usleep(1000);
	reclaim(2, 12); /* still pending at the end */
	janitor_stop(j);
	ck_assert_uint_eq(ram[BLOCK], 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("janitor");
	TCase *t = tcase_create("janitor");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_clean_at_once);
	tcase_add_test(t, test_in_pieces);
	tcase_add_test(t, test_waits_for_log);
	tcase_add_test(t, test_takes_all_that_logs_can_hold);
	tcase_add_test(t, test_waits_for_call);
	tcase_add_test(t, test_other_calls_do_not_hold);
	tcase_add_test(t, test_waits_for_peer);
	tcase_add_test(t, test_hold);
	tcase_add_test(t, test_dead_process);
	tcase_add_test(t, test_clean_ring_full);
	tcase_add_test(t, test_nonsense);
	tcase_add_test(t, test_thread);
	suite_add_tcase(s, t);
	return suite_run(s);
}
