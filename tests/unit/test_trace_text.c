/* SPDX-License-Identifier: MIT */
/* Lines of --trace: numbers with names, results, and what is cut off. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest-lwk/abi/syscalls.h"
#include "tests/unit/suite.h"
#include "vmm/trace/trace_text.h"

static char line[TRACE_LINE_MAX];

static const char *shown(struct trace_call call)
{
	call.tid = 7;
	call.ns = 1000123456;
	ck_assert_uint_eq(trace_line(&call, line), strlen(line));
	ck_assert_int_eq(line[strlen(line) - 1], '\n');
	line[strlen(line) - 1] = '\0';
	return line;
}

START_TEST(looks_like_strace)
{
	char *text[6] = {[1] = "\"/etc/passwd\""};

	ck_assert_str_eq(shown((struct trace_call){.nr = ABI_NR_openat,
				 .arg = {(uint64_t)-100, 0x1000, 02000000, 0777},
				 .text = text,
				 .forwarded = true,
				 .ret = 3}),
		"[7] openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY|O_CLOEXEC) = 3 <1.000123> "
		"forwarded");
	ck_assert_str_eq(shown((struct trace_call){.nr = ABI_NR_openat,
				 .arg = {0xffffff9c, 0x1000, 02000102, 0640},
				 .forwarded = true,
				 .ret = -EACCES}),
		"[7] openat(AT_FDCWD, 0x1000, O_RDWR|O_CREAT|O_CLOEXEC, 0640) = -1 EACCES "
		"(Permission denied) <1.000123> forwarded");
	ck_assert_str_eq(shown((struct trace_call){.nr = ABI_NR_mmap,
				 .arg = {0, 4096, 3, 0x22, (uint64_t)-1, 0},
				 .ret = 0x7000}),
		"[7] mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) "
		"= 0x7000 <1.000123> local");
}
END_TEST

START_TEST(says_who_served)
{
	ck_assert_ptr_nonnull(
		strstr(shown((struct trace_call){.nr = ABI_NR_getpid}), "> local"));
	ck_assert_str_eq(shown((struct trace_call){.nr = ABI_NR_ptrace, .ret = -EPERM}),
		"[7] ptrace(...) = -1 EPERM (Operation not permitted) <1.000123> refused");
	ck_assert_str_eq(shown((struct trace_call){
				 .nr = ABI_NR_pread64, .arg = {3, 0x2000, 9, 1}, .own = true}),
		"[7] pread64(3, 0x2000, 9, 1) = 0 <1.000123> forwarded by the LWK");
	/* Beyond the list, and beyond the table. */
	ck_assert_str_eq(
		shown((struct trace_call){.nr = 479, .arg = {1, 2, 3}, .ret = -ENOSYS}),
		"[7] syscall_479(0x1, 0x2, 0x3) = -1 ENOSYS (Function not implemented) "
		"<1.000123> refused");
	ck_assert_str_eq(shown((struct trace_call){
				 .nr = 490, .arg = {17, 0x1000}, .ret = 44, .own = true}),
		"[7] lwk_fork(0x11, 0x1000, 0) = 44 <1.000123> forwarded by the LWK");
	ck_assert_ptr_nonnull(
		strstr(shown((struct trace_call){.nr = UINT32_MAX}), "syscall_4294967295("));
}
END_TEST

START_TEST(shows_what_has_no_result)
{
	ck_assert_str_eq(
		shown((struct trace_call){.nr = ABI_NR_exit_group, .arg = {3}, .left = true}),
		"[7] exit_group(3) = ? <1.000123> local");
	ck_assert_str_eq(shown((struct trace_call){.nr = ABI_NR_pause, .left = true}),
		"[7] pause( <unfinished ...>) = ? <1.000123> local");
	ck_assert_str_eq(shown((struct trace_call){.nr = ABI_NR_pause, .ret = -514}),
		"[7] pause() = ? ERESTARTNOHAND (To be restarted if no handler) <1.000123> "
		"local");
}
END_TEST

START_TEST(counts_arguments_by_others)
{
	ck_assert_ptr_nonnull(strstr(shown((struct trace_call){.nr = ABI_NR_futex,
					     .arg = {0x1000, 129, 1, 5, 6, 7}}),
		"futex(0x1000, FUTEX_WAKE_PRIVATE, 1) ="));
	ck_assert_ptr_nonnull(strstr(shown((struct trace_call){.nr = ABI_NR_futex,
					     .arg = {0x1000, 128, 1, 0, 6, 7}}),
		"futex(0x1000, FUTEX_WAIT_PRIVATE, 1, NULL) ="));
	ck_assert_ptr_nonnull(
		strstr(shown((struct trace_call){.nr = ABI_NR_fcntl, .arg = {3, 1, 9}}),
			"fcntl(3, F_GETFD) ="));
	ck_assert_ptr_nonnull(
		strstr(shown((struct trace_call){.nr = ABI_NR_fcntl, .arg = {3, 0, 9}}),
			"fcntl(3, F_DUPFD, 9) ="));
}
END_TEST

START_TEST(keeps_numbers_without_names)
{
	ck_assert_ptr_nonnull(strstr(
		shown((struct trace_call){.nr = ABI_NR_kill, .arg = {1, 40}}), "kill(1, 40)"));
	ck_assert_ptr_nonnull(
		strstr(shown((struct trace_call){.nr = ABI_NR_kill, .arg = {1, 9}}),
			"kill(1, SIGKILL)"));
	ck_assert_ptr_nonnull(strstr(shown((struct trace_call){.nr = ABI_NR_mmap,
					     .arg = {0, 0, 0x80000003, 0x80000022}}),
		"PROT_READ|PROT_WRITE|0x80000000, MAP_PRIVATE|MAP_ANONYMOUS|0x80000000,"));
	ck_assert_ptr_nonnull(strstr(
		shown((struct trace_call){.nr = ABI_NR_lseek, .arg = {3, 1ULL << 40, 9}}),
		"lseek(3, 1099511627776, 9)"));
}
END_TEST

START_TEST(escapes_bytes)
{
	char text[64];
	struct trace_out out = {text, text + sizeof(text)};

	trace_put_bytes(&out, "a\n\t\"\\\0001\0x\377", 10, true);
	ck_assert_str_eq(text, "\"a\\n\\t\\\"\\\\\\0001\\0x\\377\"...");
}
END_TEST

START_TEST(cuts_what_is_too_long)
{
	static char big[3 * TRACE_LINE_MAX];
	char *text[6] = {big, big, big};

	memset(big, 'x', sizeof(big) - 1);
	ck_assert_uint_le(strlen(shown((struct trace_call){
				  .nr = ABI_NR_openat, .arg = {0}, .text = text})),
		TRACE_LINE_MAX - 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trace_text");
	TCase *tc = tcase_create("line");

	tcase_add_test(tc, looks_like_strace);
	tcase_add_test(tc, says_who_served);
	tcase_add_test(tc, shows_what_has_no_result);
	tcase_add_test(tc, counts_arguments_by_others);
	tcase_add_test(tc, keeps_numbers_without_names);
	tcase_add_test(tc, escapes_bytes);
	tcase_add_test(tc, cuts_what_is_too_long);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
