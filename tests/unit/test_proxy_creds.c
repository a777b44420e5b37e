/* SPDX-License-Identifier: MIT */
/* What a program's new threads have of users, groups and capabilities. As root. */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proxy_fake.h"
#include "tests/unit/suite.h"

#define BUF (FAKE_VA + 0x20000)

static struct fake f;

static void finish(void)
{
	fake_exit(&f, 0);
	fake_bye(&f);
	ck_assert_int_eq(fake_wait(&f), 0);
	ck_assert_str_eq(fake_said(&f), "");
}

static void run(void)
{
	fake_init(&f);
	fake_run(&f);
}

/* A thread made after them inherits the ids, whoever makes its host thread. */
START_TEST(new_threads_have_the_ids)
{
	static const gid_t groups[2] = {7, 56};

	run();
	ck_assert_int_eq(fake_call(&f, 2, SYS_getuid, 0, 0, 0, 0), 0); /* serves, and ends */
	memcpy(fake_memory(&f, BUF), groups, sizeof(groups));
	ck_assert_int_eq(fake_call(&f, 0, SYS_setgroups, 2, BUF, 0, 0), 0);
	ck_assert_int_eq(fake_call(&f, 0, SYS_setresgid, 56, 57, 58, 0), 0);
	ck_assert_int_eq(fake_call(&f, 0, SYS_setuid, 55, 0, 0, 0), 0);
	for (uint32_t slot = 3; slot < 6; slot++) {
		ck_assert_int_eq(fake_call(&f, slot, SYS_getuid, 0, 0, 0, 0), 55);
		ck_assert_int_eq(fake_call(&f, slot, SYS_geteuid, 0, 0, 0, 0), 55);
		ck_assert_int_eq(fake_call(&f, slot, SYS_getegid, 0, 0, 0, 0), 57);
		ck_assert_int_eq(fake_call(&f, slot, SYS_getgroups, 0, 0, 0, 0), 2);
		ck_assert_int_eq(fake_call(&f, slot, SYS_setuid, 0, 0, 0, 0), -EPERM);
	}
	finish();
}
END_TEST

/* The same of what else a thread inherits: with capabilities that outlive the user. */
START_TEST(new_threads_have_the_capabilities)
{
	const struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct few[2] = {{
		.effective = 1u << CAP_NET_RAW,
		.permitted = 1u << CAP_NET_RAW | 1u << CAP_CHOWN,
		.inheritable = 1u << CAP_NET_RAW,
	}};
	struct __user_cap_data_struct *seen;

	run();
	memcpy(fake_memory(&f, BUF), &head, sizeof(head));
	seen = fake_memory(&f, BUF + 100);
	ck_assert_int_eq(fake_call(&f, 2, SYS_getuid, 0, 0, 0, 0), 0);
	ck_assert_int_eq(fake_call(&f, 0, SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0), 0);
	ck_assert_int_eq(fake_call(&f, 0, SYS_setuid, 55, 0, 0, 0), 0);
	memcpy(seen, few, sizeof(few));
	ck_assert_int_eq(fake_call(&f, 0, SYS_capset, BUF, BUF + 100, 0, 0), 0);
	ck_assert_int_eq(fake_call(&f, 0, SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE,
				 CAP_NET_RAW, 0),
		0);
	/* As the kernel does, which looks at 32 bits. */
	ck_assert_int_eq(
		fake_call(&f, 0, SYS_prctl, 1ULL << 32 | PR_SET_NO_NEW_PRIVS, 1, 0, 0), 0);
	for (uint32_t slot = 3; slot < 5; slot++) {
		memset(seen, 0xff, sizeof(few));
		ck_assert_int_eq(fake_call(&f, slot, SYS_capget, BUF, BUF + 100, 0, 0), 0);
		ck_assert_int_eq(memcmp(seen, few, sizeof(few)), 0);
		ck_assert_int_eq(fake_call(&f, slot, SYS_geteuid, 0, 0, 0, 0), 55);
		ck_assert_int_eq(fake_call(&f, slot, SYS_prctl, PR_CAP_AMBIENT,
					 PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW, 0),
			1);
		ck_assert_int_eq(fake_call(&f, slot, SYS_prctl, PR_GET_KEEPCAPS, 0, 0, 0), 1);
		ck_assert_int_eq(
			fake_call(&f, slot, SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0), 1);
	}
	finish();
}
END_TEST

/* Whatever the kernel takes the right to look into the program away for. */
START_TEST(changes_of_the_ids_are_counted)
{
	const uint64_t calls[][4] = {
		{SYS_prctl, PR_SET_KEEPCAPS, 1},
		{SYS_setfsgid, 56},
		{SYS_setfsuid, 55},
		{SYS_setgid, 56},
		{SYS_setuid, 55},
	};

	run();
	for (uint32_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		ck_assert_int_eq(
			fake_call(&f, 0, (uint32_t)calls[i][0], calls[i][1], calls[i][2], 0, 0),
			0);
		ck_assert_uint_eq(f.share->ids_changes, i + 1);
	}
	ck_assert_int_eq(fake_call(&f, 0, SYS_setuid, 0, 0, 0, 0), -EPERM);
	ck_assert_int_eq(fake_call(&f, 0, SYS_getuid, 0, 0, 0, 0), 55);
	ck_assert_uint_eq(f.share->ids_changes, 5);
	finish();
}
END_TEST

/* What is so already needs no right, however many groups there are. */
START_TEST(new_threads_have_many_groups)
{
	gid_t groups[300];

	for (unsigned i = 0; i < 300; i++)
		groups[i] = 1000 + i;
	/* By number: this thread alone, as the user's login has made it. */
	ck_assert_int_eq(syscall(SYS_setgroups, 300, groups), 0);
	ck_assert_int_eq(syscall(SYS_setresgid, 56, 56, 56), 0);
	ck_assert_int_eq(syscall(SYS_setresuid, 55, 55, 55), 0);
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
	run();
	ck_assert_int_eq(fake_call(&f, 0, SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0), 0);
	for (uint32_t slot = 3; slot < 5; slot++) {
		ck_assert_int_eq(fake_call(&f, slot, SYS_getuid, 0, 0, 0, 0), 55);
		ck_assert_int_eq(fake_call(&f, slot, SYS_getgroups, 0, 0, 0, 0), 300);
		ck_assert_int_eq(
			fake_call(&f, slot, SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0), 1);
	}
	finish();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_creds");
	TCase *tc = tcase_create("creds");

	if (!geteuid()) {
		tcase_add_test(tc, new_threads_have_the_ids);
		tcase_add_test(tc, new_threads_have_the_capabilities);
		tcase_add_test(tc, new_threads_have_many_groups);
		tcase_add_test(tc, changes_of_the_ids_are_counted);
	}
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
