/* SPDX-License-Identifier: MIT */
/*
 * The check of a forwarded call's arguments, on memory of this process: two pages that may be
 * written, one that may be read, and nothing before or behind them as far as the check is told.
 */
#define _GNU_SOURCE
#include <check.h>
#include <stdlib.h>
#include <asm/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/sysargs.h"
#include "tests/unit/suite.h"

/* Below the end of programs, and where no sanitizer has its shadow. */
#define BASE  0x200000000000ULL
#define WRITE (2 * PAGE_SIZE)
#define READ  (3 * PAGE_SIZE)

static const struct abi_call calls[ABI_MAX_CALLS] = {ABI_SYSCALLS(ABI_CALL_ROW)};
static struct sysargs sa;

bool mm_check(struct process *proc, u64 va, u64 len, u32 prot)
{
	u64 end = BASE + (prot & ABI_PROT_W ? WRITE : READ);

	return !len || (va >= BASE && va < end && len <= end - va);
}

s64 user_read(void *dst, u64 src, u64 len)
{
	if (!mm_check(NULL, src, len, ABI_PROT_R))
		return -EFAULT;
	memcpy(dst, (const void *)src, len);
	return 0;
}

s64 user_read_u32(u32 *value, u64 addr)
{
	return user_read(value, addr, sizeof(*value));
}

s64 user_write(u64 dst, const void *src, u64 len)
{
	if (!mm_check(NULL, dst, len, ABI_PROT_W))
		return -EFAULT;
	memcpy((void *)dst, src, len);
	return 0;
}

/* A core with a thread whose program's stack ends at the end of what may be written. */
static void enter_kernel(void)
{
	static struct thread thread;
	static struct core core = {.self = &core, .current = &thread};
	static u8 kstack[KSTACK_SIZE] __attribute__((aligned(64)));

	thread.kstack = (u64)kstack;
	thread_regs(&thread)->rsp = BASE + WRITE;
	ck_assert_int_eq(syscall(SYS_arch_prctl, ARCH_SET_GS, &core), 0);
}

static s64 check_call(u32 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	sa = (struct sysargs){
		.call = &calls[nr], .nr = nr, .arg = {a, b, c, d, e, f}, .lo = ~0ULL};
	return sysargs_check(&sa);
}

static void setup(void)
{
	void *at = mmap((void *)BASE, READ, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	ck_assert_ptr_eq(at, (void *)BASE);
	enter_kernel();
}

static void put(u64 at, u64 word)
{
	*(u64 *)at = word;
}

START_TEST(leaves_good_arguments_alone)
{
	ck_assert_int_eq(check_call(ABI_NR_read, 3, BASE, 100, 0, 0, 0), 0);
	ck_assert_uint_eq(sa.arg[1], BASE);
	ck_assert_uint_eq(sa.arg[2], 100);
	ck_assert_uint_eq(sa.lo, BASE);
	ck_assert_uint_eq(sa.hi, BASE + 100);
}
END_TEST

START_TEST(takes_what_is_there_of_a_buffer)
{
	check_call(ABI_NR_read, 3, BASE + WRITE - 10, 100, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], BASE + WRITE - 10);
	ck_assert_uint_eq(sa.arg[2], 10);
	check_call(ABI_NR_write, 3, BASE + WRITE - 10, PAGE_SIZE + 100, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[2], PAGE_SIZE + 10);
	ck_assert_uint_eq(sa.hi, BASE + READ);
}
END_TEST

START_TEST(makes_a_bad_address_bad_on_the_host)
{
	check_call(ABI_NR_read, 3, BASE + WRITE, 1, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], SYSARGS_BAD);
	check_call(ABI_NR_read, 3, BASE, ~0ULL, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], SYSARGS_BAD);
	/* The proxy's own memory. */
	check_call(ABI_NR_write, 3, ABI_USER_END + 0x1000, 1, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], SYSARGS_BAD);
	check_call(ABI_NR_fstat, 3, BASE + WRITE - 8, 0, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], SYSARGS_BAD);
	ck_assert_uint_eq(sa.hi, 0);
}
END_TEST

START_TEST(leaves_to_the_host_what_it_refuses_itself)
{
	check_call(ABI_NR_read, 3, 0, 10, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], 0);
	check_call(ABI_NR_read, 3, 0xffff800000000000, 10, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], 0xffff800000000000);
	/* Nothing is read. */
	check_call(ABI_NR_read, 3, 0x5000, 0, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], 0x5000);
}
END_TEST

START_TEST(reads_paths_up_to_their_end)
{
	memset((void *)(BASE + READ - 8), 'x', 8);
	check_call(ABI_NR_chdir, BASE + READ - 8, 0, 0, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[0], SYSARGS_BAD);
	*(char *)(BASE + READ - 1) = 0;
	check_call(ABI_NR_chdir, BASE + READ - 8, 0, 0, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[0], BASE + READ - 8);
	check_call(ABI_NR_openat, 3, BASE + READ, 0, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], SYSARGS_BAD);
}
END_TEST

START_TEST(ends_a_vector_before_its_first_bad_buffer)
{
	u64 iov = BASE + 64;

	for (u64 k = 0; k < 20; k++) {
		put(iov + 16 * k, BASE + 1024 + 8 * k);
		put(iov + 16 * k + 8, 8);
	}
	check_call(ABI_NR_readv, 3, iov, 20, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[2], 20);
	ck_assert_uint_eq(sa.hi, BASE + 1024 + 160);
	put(iov + 16 * 11, BASE + READ);
	check_call(ABI_NR_readv, 3, iov, 20, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[2], 11);
	put(iov, 1);
	check_call(ABI_NR_writev, 3, iov, 20, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], SYSARGS_BAD);
	check_call(ABI_NR_writev, 3, iov, 5000, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], iov);
}
END_TEST

static void message(u64 at, u64 iov, u64 base, u64 len)
{
	memset((void *)at, 0, 56);
	put(at + 16, iov);
	put(at + 24, 1);
	put(iov, base);
	put(iov + 8, len);
}

START_TEST(looks_into_messages)
{
	u64 at = BASE + 512, iov = BASE + 128;

	message(at, iov, BASE + 2048, 64);
	check_call(ABI_NR_recvmsg, 3, at, 0, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], at);
	ck_assert_uint_eq(sa.lo, iov);
	ck_assert_uint_eq(sa.hi, BASE + 2048 + 64);
	message(at, iov, BASE + WRITE, 64);
	check_call(ABI_NR_recvmsg, 3, at, 0, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], SYSARGS_BAD);
	check_call(ABI_NR_sendmsg, 3, at, 0, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], at);
	put(at + 32, 0x3000); /* control */
	put(at + 40, 16);
	check_call(ABI_NR_sendmsg, 3, at, 0, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], SYSARGS_BAD);
}
END_TEST

START_TEST(measures_socket_addresses_by_their_length)
{
	put(BASE, 16);
	check_call(ABI_NR_accept, 3, BASE + WRITE - 16, BASE, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], BASE + WRITE - 16);
	put(BASE, 17);
	check_call(ABI_NR_accept, 3, BASE + WRITE - 16, BASE, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[1], SYSARGS_BAD);
	ck_assert_uint_eq(sa.arg[2], BASE);
}
END_TEST

START_TEST(counts_descriptors_and_items)
{
	check_call(ABI_NR_select, 65536, BASE + WRITE - 128, 0, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[0], 1024);
	ck_assert_uint_eq(sa.arg[1], BASE + WRITE - 128);
	check_call(ABI_NR_poll, BASE + WRITE - 16, 3, 0, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[0], SYSARGS_BAD);
	check_call(ABI_NR_epoll_wait, 3, BASE + WRITE - 30, 1000, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[2], 2);
}
END_TEST

START_TEST(keeps_signal_masks_from_the_host)
{
	put(BASE, 0x1234);
	ck_assert_int_eq(check_call(ABI_NR_ppoll, 0, 0, 0, BASE, 8, 0), 0);
	ck_assert(sa.masked);
	ck_assert_uint_eq(sa.mask, 0x1234);
	ck_assert_uint_eq(sa.arg[3], 0);
	ck_assert_int_eq(check_call(ABI_NR_ppoll, 0, 0, 0, BASE, 4, 0), -EINVAL);
	ck_assert_int_eq(check_call(ABI_NR_ppoll, 0, 0, 0, BASE + READ, 8, 0), -EFAULT);
	put(BASE + 8, BASE);
	put(BASE + 16, 8);
	ck_assert_int_eq(check_call(ABI_NR_pselect6, 0, 0, 0, 0, 0, BASE + 8), 0);
	ck_assert(sa.masked);
	ck_assert_uint_eq(sa.mask, 0x1234);
	ck_assert_int_eq(check_call(ABI_NR_ppoll, 0, 0, 0, 0, 0, 0), 0);
	ck_assert(!sa.masked);
}
END_TEST

START_TEST(knows_commands)
{
	check_call(ABI_NR_ioctl, 0, 0x5401, BASE + WRITE - 36, 0, 0, 0); /* TCGETS */
	ck_assert_uint_eq(sa.arg[2], BASE + WRITE - 36);
	check_call(ABI_NR_ioctl, 0, 0x5401, BASE + WRITE - 35, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[2], SYSARGS_BAD);
	check_call(ABI_NR_ioctl, 0, 0x540b, 2, 0, 0, 0); /* TCFLSH: a number */
	ck_assert_uint_eq(sa.arg[2], 2);
	check_call(
		ABI_NR_ioctl, 0, 0x80105443, BASE + WRITE - 16, 0, 0, 0); /* _IOR, 16 bytes */
	ck_assert_uint_eq(sa.arg[2], BASE + WRITE - 16);
	check_call(ABI_NR_ioctl, 0, 0x80105443, BASE + WRITE, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[2], SYSARGS_BAD);
	check_call(ABI_NR_ioctl, 0, 0x40105443, BASE + WRITE, 0, 0, 0); /* _IOW */
	ck_assert_uint_eq(sa.arg[2], BASE + WRITE);
	check_call(ABI_NR_fcntl, 0, 6, BASE + READ, 0, 0, 0); /* F_SETLK */
	ck_assert_uint_eq(sa.arg[2], SYSARGS_BAD);
	check_call(ABI_NR_fcntl, 0, 4, BASE + READ, 0, 0, 0); /* F_SETFL */
	ck_assert_uint_eq(sa.arg[2], BASE + READ);
	check_call(ABI_NR_fcntl, 0, 99, ABI_USER_END, 0, 0, 0); /* unknown: never the proxy's */
	ck_assert_uint_eq(sa.arg[2], SYSARGS_BAD);
}
END_TEST

START_TEST(hides_smaller_counts)
{
	check_call(ABI_NR_readlink, BASE, BASE + WRITE - 10, 100, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[2], 10);
	ck_assert_int_eq(sysargs_result(&sa, 10), -EFAULT);
	ck_assert_int_eq(sysargs_result(&sa, 9), 9);
	check_call(ABI_NR_getcwd, BASE + WRITE - 10, 100, 0, 0, 0, 0);
	ck_assert_int_eq(sysargs_result(&sa, -ERANGE), -EFAULT);
	check_call(ABI_NR_getcwd, BASE + WRITE - 10, 10, 0, 0, 0, 0);
	ck_assert_int_eq(sysargs_result(&sa, -ERANGE), -ERANGE);
	check_call(ABI_NR_read, 3, BASE + WRITE - 10, 100, 0, 0, 0);
	ck_assert_int_eq(sysargs_result(&sa, 10), 10);
}
END_TEST

START_TEST(copies_read_only_timeouts)
{
	u64 copy = BASE + WRITE - 256;

	put(BASE + 64, 5);
	check_call(ABI_NR_ppoll, 0, 0, BASE + 64, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[2], BASE + 64);
	put(BASE + WRITE, 7);
	put(BASE + WRITE + 8, 8);
	check_call(ABI_NR_ppoll, 0, 0, BASE + WRITE, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[2], copy);
	ck_assert_uint_eq(*(u64 *)copy, 7);
	ck_assert_uint_eq(*(u64 *)(copy + 8), 8);
	check_call(ABI_NR_ppoll, 0, 0, BASE + READ, 0, 0, 0);
	ck_assert_uint_eq(sa.arg[2], SYSARGS_BAD);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sysargs");
	TCase *tc = tcase_create("check");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, leaves_good_arguments_alone);
	tcase_add_test(tc, takes_what_is_there_of_a_buffer);
	tcase_add_test(tc, makes_a_bad_address_bad_on_the_host);
	tcase_add_test(tc, leaves_to_the_host_what_it_refuses_itself);
	tcase_add_test(tc, reads_paths_up_to_their_end);
	tcase_add_test(tc, ends_a_vector_before_its_first_bad_buffer);
	tcase_add_test(tc, looks_into_messages);
	tcase_add_test(tc, measures_socket_addresses_by_their_length);
	tcase_add_test(tc, counts_descriptors_and_items);
	tcase_add_test(tc, keeps_signal_masks_from_the_host);
	tcase_add_test(tc, knows_commands);
	tcase_add_test(tc, hides_smaller_counts);
	tcase_add_test(tc, copies_read_only_timeouts);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
