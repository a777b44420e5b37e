/* SPDX-License-Identifier: MIT */
/* What the LWK makes of the table of quiet descriptors, on memory of this process. */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/process.h"
#include "guest-lwk/quiet.h"
#include "tests/unit/suite.h"

/* Below the end of programs: a page, and nothing around it. */
#define BASE 0x200000000000ULL
#define TIME (BASE + 2048)
#define MASK (BASE + 2064)
#define GEN  0x123456789ULL

struct machine machine;
static struct abi_watch *watch;

s64 uaccess_quiet(u64 pollfds, u64 count, const u64 *entry, u64 bare);

static bool mapped(u64 va, u64 len)
{
	return va >= BASE && va < BASE + PAGE_SIZE && len <= BASE + PAGE_SIZE - va;
}

s64 user_read(void *dst, u64 src, u64 len)
{
	if (!mapped(src, len))
		return -EFAULT;
	memcpy(dst, (const void *)src, len);
	return 0;
}

s64 user_write(u64 dst, const void *src, u64 len)
{
	if (!mapped(dst, len))
		return -EFAULT;
	memcpy((void *)dst, src, len);
	return 0;
}

s64 user_quiet(u64 pollfds, u64 count, const u64 *entry, u64 bare)
{
	return mapped(pollfds, count * 8) ? uaccess_quiet(pollfds, count, entry, bare)
					  : -EFAULT;
}

static void setup(void)
{
	static struct process process = {.index = 3};
	static struct thread thread = {.proc = &process};
	static struct core core = {.self = &core, .current = &thread};
	void *at = mmap((void *)BASE, PAGE_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	ck_assert_ptr_eq(at, (void *)BASE);
	ck_assert_int_eq(syscall(SYS_arch_prctl, ARCH_SET_GS, &core), 0);
	machine.share = mmap(NULL, ABI_SHARE_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert_ptr_ne(machine.share, MAP_FAILED);
	watch = &machine.share->watch[3];
	watch->gen = GEN;
}

static void quiet_set(u32 fd, u64 gen, u64 events)
{
	watch->entry[fd] = gen << ABI_WATCH_SHIFT | ABI_WATCH_VALID | events;
}

static bool answers(u32 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	return quiet_answers(nr, (const u64[6]){a, b, c, d, e, f});
}

static u64 random_next(void)
{
	static u64 state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static bool model(const struct pollfd *p)
{
	u64 entry = p->fd >= 0 && p->fd < ABI_WATCH_FDS ? watch->entry[p->fd] : 0;

	return p->fd < 0 || (entry >> ABI_WATCH_SHIFT == GEN && entry & ABI_WATCH_VALID &&
				    !((u16)p->events & ~entry));
}

START_TEST(poll_as_the_model_says)
{
	struct pollfd *p = (struct pollfd *)BASE;
	unsigned quiet = 0;

	for (int round = 0; round < 200000; round++) {
		u32 n = (u32)(random_next() % 4);
		bool all = true;

		for (u32 fd = 0; fd < 4; fd++)
			watch->entry[fd] = random_next() % 4
						   ? GEN << ABI_WATCH_SHIFT | ABI_WATCH_VALID |
							     (random_next() & 7)
						   : random_next() & 0x1ffff;
		for (u32 i = 0; i < n; i++) {
			static const int odd[] = {-1, -2147483647 - 1, 511, 512, 2147483647};
			u64 r = random_next();

			p[i] = (struct pollfd){r % 8 ? (int)(r >> 8 & 3) : odd[r % 5],
				(short)(r >> 20 & (r >> 60 ? 3 : 0xffff)), 77};
			all = all && model(&p[i]);
		}
		ck_assert_int_eq(answers(ABI_NR_poll, BASE, n, 0, 0, 0, 0), all);
		for (u32 i = 0; i < n && all; i++)
			ck_assert_int_eq(p[i].revents, 0);
		quiet += all;
	}
	ck_assert_uint_gt(quiet, 10000);
	ck_assert_uint_lt(quiet, 190000);
}
END_TEST

START_TEST(poll_is_left_to_the_host)
{
	struct pollfd *p = (struct pollfd *)BASE;
	u64 *time = (u64 *)TIME;

	*p = (struct pollfd){5, POLLIN, 77};
	quiet_set(5, GEN, POLLIN);
	ck_assert(answers(ABI_NR_poll, BASE, 1, 0, 0, 0, 0));
	ck_assert(answers(ABI_NR_poll, BASE, 1, 1ULL << 32, 0, 0, 0)); /* an int */
	ck_assert(!answers(ABI_NR_poll, BASE, 1, 1, 0, 0, 0));
	ck_assert(!answers(ABI_NR_poll, BASE, 1, (u32)-1, 0, 0, 0));
	ck_assert(!answers(ABI_NR_poll, BASE, ABI_WATCH_FDS + 1, 0, 0, 0, 0));
	ck_assert(!answers(ABI_NR_poll, BASE + PAGE_SIZE - 4, 1, 0, 0, 0, 0));
	ck_assert(!answers(ABI_NR_poll, 0, 1, 0, 0, 0, 0));
	ck_assert(answers(ABI_NR_poll, 0, 0, 0, 0, 0, 0));
	ck_assert(!answers(ABI_NR_read, BASE, 1, 0, 0, 0, 0));

	ck_assert(answers(ABI_NR_ppoll, BASE, 1, TIME, 0, 0, 0));
	ck_assert(!answers(ABI_NR_ppoll, BASE, 1, 0, 0, 0, 0));
	ck_assert(!answers(ABI_NR_ppoll, BASE, 1, TIME, MASK, 8, 0));
	ck_assert(!answers(ABI_NR_ppoll, BASE, 1, BASE + PAGE_SIZE, 0, 0, 0));
	time[1] = 1;
	ck_assert(!answers(ABI_NR_ppoll, BASE, 1, TIME, 0, 0, 0));
	watch->gen++;
	ck_assert(!answers(ABI_NR_poll, BASE, 1, 0, 0, 0, 0));
}
END_TEST

START_TEST(select_all_or_nothing)
{
	u64 *in = (u64 *)BASE, *out = (u64 *)(BASE + 256), *bad = (u64 *)(BASE + 512);
	u64 *mask = (u64 *)MASK;

	quiet_set(3, GEN, 0x0c1);
	quiet_set(70, GEN, 0x304);
	quiet_set(71, GEN, 0x002);
	in[0] = 1 << 3, out[1] = 1 << 6, bad[1] = 1 << 7 | 1 << 8;
	/* 72 is beyond the first 72. */
	ck_assert(answers(ABI_NR_select, 72, BASE, BASE + 256, BASE + 512, TIME, 0));
	ck_assert_uint_eq(in[0] | out[1] | bad[1], 0);
	in[0] = 1 << 3, out[1] = 1 << 6, bad[1] = 1 << 7 | 1 << 8;
	ck_assert(!answers(ABI_NR_select, 73, BASE, BASE + 256, BASE + 512, TIME, 0));
	ck_assert_uint_eq(in[0], 1 << 3); /* the host is to see it */
	ck_assert(!answers(ABI_NR_select, 72, BASE, BASE + 256, BASE + 512, 0, 0));
	ck_assert(!answers(ABI_NR_select, 72, BASE + 256, 0, 0, TIME, 0));
	ck_assert(!answers(ABI_NR_select, 72, 8, 0, 0, TIME, 0));
	ck_assert(!answers(ABI_NR_select, ABI_WATCH_FDS + 1, 0, 0, 0, TIME, 0));
	ck_assert(!answers(ABI_NR_select, (u64)-1, 0, 0, 0, TIME, 0));
	ck_assert(answers(ABI_NR_select, 0, 8, 8, 8, TIME, 0));
	ck_assert(answers(ABI_NR_select, ABI_WATCH_FDS, 0, 0, 0, TIME, 0));

	ck_assert(answers(ABI_NR_pselect6, 64, BASE, 0, 0, TIME, 0));
	in[0] = 1 << 3;
	ck_assert(answers(ABI_NR_pselect6, 64, BASE, 0, 0, TIME, MASK));
	ck_assert(!answers(ABI_NR_pselect6, 64, BASE, 0, 0, TIME, 8));
	mask[0] = BASE;
	ck_assert(!answers(ABI_NR_pselect6, 64, BASE, 0, 0, TIME, MASK));
}
END_TEST

START_TEST(epoll_must_be_one)
{
	quiet_set(9, GEN, POLLIN);
	ck_assert(!answers(ABI_NR_epoll_wait, 9, BASE, 1, 0, 0, 0));
	quiet_set(9, GEN, POLLIN | ABI_WATCH_EPOLL);
	ck_assert(answers(ABI_NR_epoll_wait, 9, BASE, 1, 0, 0, 0));
	ck_assert(answers(ABI_NR_epoll_wait, 9, BASE, 0x7fffffff / 12, 0, 0, 0));
	ck_assert(!answers(ABI_NR_epoll_wait, 9, BASE, 0x7fffffff / 12 + 1, 0, 0, 0));
	ck_assert(!answers(ABI_NR_epoll_wait, 9, BASE, 0, 0, 0, 0));
	ck_assert(!answers(ABI_NR_epoll_wait, 9, BASE, (u64)-1, 0, 0, 0));
	ck_assert(!answers(ABI_NR_epoll_wait, 9, BASE, 1, 1, 0, 0));
	ck_assert(!answers(ABI_NR_epoll_wait, 9, ABI_USER_END, 1, 0, 0, 0));
	ck_assert(!answers(ABI_NR_epoll_wait, (u64)-1, BASE, 1, 0, 0, 0));
	ck_assert(answers(ABI_NR_epoll_pwait, 9, BASE, 1, 0, 0, 8));
	ck_assert(!answers(ABI_NR_epoll_pwait, 9, BASE, 1, 0, MASK, 8));
	ck_assert(answers(ABI_NR_epoll_pwait2, 9, BASE, 1, TIME, 0, 8));
	ck_assert(!answers(ABI_NR_epoll_pwait2, 9, BASE, 1, 0, 0, 8));
	ck_assert(!answers(ABI_NR_epoll_pwait2, 9, BASE, 1, TIME, MASK, 8));
	watch->entry[9] = 0;
	ck_assert(!answers(ABI_NR_epoll_wait, 9, BASE, 1, 0, 0, 0));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("quiet");
	TCase *tc = tcase_create("quiet");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, poll_as_the_model_says);
	tcase_add_test(tc, poll_is_left_to_the_host);
	tcase_add_test(tc, select_all_or_nothing);
	tcase_add_test(tc, epoll_must_be_one);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
