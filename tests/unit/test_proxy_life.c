/* SPDX-License-Identifier: MIT */
/* A proxy's life: what it tells the LWK, what it puts into memory, signals, stops, and all its
 * ends. */
#include <check.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy_fake.h"
#include "tests/unit/suite.h"

static struct fake f;

static char *stack_memory(uint64_t va)
{
	return f.ram + (va - (ABI_STACK_TOP - ABI_BLOCK_SIZE));
}

START_TEST(exec_is_described)
{
	struct rlimit limit;

	fake_init(&f);
	fake_start(&f);
	getrlimit(RLIMIT_STACK, &limit);
	ck_assert_uint_eq(f.proc->pid, (unsigned)f.pid);
	ck_assert_uint_eq(f.proc->ppid, (unsigned)getpid());
	ck_assert_uint_eq(f.proc->uid, getuid());
	ck_assert_uint_eq(f.proc->exec.nsegs, 2);
	ck_assert_uint_eq(f.proc->exec.seg[0].va, ABI_PIE_BASE);
	ck_assert_uint_eq(f.proc->exec.seg[0].file_len, 0x800);
	ck_assert_uint_eq(f.proc->exec.seg[0].len, 0x1000);
	ck_assert_uint_eq(f.proc->exec.seg[1].va, ABI_PIE_BASE + 0x1000);
	ck_assert_uint_eq(f.proc->exec.seg[1].file_len, 0x900);
	ck_assert_uint_eq(f.proc->exec.seg[1].len, 0x2000);
	ck_assert_uint_eq(f.proc->exec.seg[1].prot, 3);
	ck_assert_uint_eq(f.proc->exec.brk, ABI_PIE_BASE + 0x3000);
	ck_assert_uint_eq(f.proc->exec.entry, ABI_PIE_BASE + 0x1234);
	if (limit.rlim_cur <= 1UL << 30)
		ck_assert_uint_eq(f.proc->exec.stack_max, limit.rlim_cur);
	getrlimit(RLIMIT_NPROC, &limit);
	ck_assert_uint_eq(f.proc->exec.limit[ABI_LIMIT_NPROC].soft, limit.rlim_cur);
	ck_assert_uint_eq(f.proc->exec.limit[ABI_LIMIT_NPROC].hard, limit.rlim_max);
	getrlimit(RLIMIT_DATA, &limit);
	ck_assert_uint_eq(f.proc->exec.limit[ABI_LIMIT_DATA].soft, limit.rlim_cur);
	ck_assert_uint_eq(f.proc->exec.limit[ABI_LIMIT_AS].hard, RLIM_INFINITY);
	ck_assert_uint_gt(f.proc->exec.stack_need, 0);
	kill(f.pid, SIGKILL);
	fake_wait(&f);
}
END_TEST

START_TEST(memory_is_filled)
{
	const uint64_t *word;
	uint64_t rsp;
	bool found = false;

	setenv("OLD", "1", 1);
	fake_init(&f);
	f.opt.env[0] = "OLD=2";
	f.opt.nenv = 1;
	fake_run(&f);
	for (unsigned i = 0; i < 0x900; i++) {
		char want = (char)(i * 7 + i / 256);

		if (i < 0x800)
			ck_assert_int_eq(*(char *)fake_memory(&f, FAKE_VA + i), want);
		/* The second segment begins in the middle of a page; the page is the file's. */
		ck_assert_int_eq(*(char *)fake_memory(&f, FAKE_VA + 0x1000 + i), want);
	}
	rsp = f.proc->exec.rsp;
	ck_assert_uint_eq(rsp % 16, 0);
	ck_assert_uint_ge(rsp, ABI_STACK_TOP - f.proc->exec.stack_need);
	word = (uint64_t *)(uintptr_t)stack_memory(rsp);
	ck_assert_uint_eq(word[0], 2);
	ck_assert_str_eq(stack_memory(word[1]), "./program");
	ck_assert_str_eq(stack_memory(word[2]), "arg");
	for (word += 4; *word; word++)
		found |= !strcmp(stack_memory(*word), "OLD=2");
	ck_assert(found);
	for (word++; word[0] != AT_NULL; word += 2) {
		if (word[0] == AT_PHDR)
			ck_assert_uint_eq(word[1], ABI_PIE_BASE + 64);
		if (word[0] == AT_ENTRY)
			ck_assert_uint_eq(word[1], ABI_PIE_BASE + 0x1234);
		ck_assert_uint_ne(word[0], AT_SYSINFO_EHDR);
	}
	fake_exit(&f, 0);
	fake_bye(&f);
	ck_assert_int_eq(fake_wait(&f), 0);
}
END_TEST

/* Is any of the guest's memory mapped, or held by a descriptor? */
static unsigned memory_holds(void)
{
	char path[64], line[512];
	unsigned n = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", f.pid);
	maps = fopen(path, "r");
	while (fgets(line, sizeof(line), maps))
		n += strtoul(line, NULL, 16) >= ABI_PIE_BASE &&
		     strtoul(line, NULL, 16) < ABI_USER_END;
	fclose(maps);
	return n;
}

START_TEST(statuses)
{
	static const int statuses[] = {
		0, 42 << 8, 255 << 8, SIGKILL, SIGSEGV | 0x80, SIGPIPE, SIGTERM};
	int want = statuses[_i] & ~0x80;

	fake_init(&f);
	fake_run(&f);
	ck_assert_uint_gt(memory_holds(), 0);
	fake_exit(&f, (uint32_t)statuses[_i]);
	/* END says that nothing of the guest is held any more. */
	ck_assert_uint_eq(memory_holds(), 0);
	fake_bye(&f);
	ck_assert_int_eq(fake_wait(&f), want);
	ck_assert_str_eq(fake_said(&f), "");
}
END_TEST

START_TEST(the_vmm_dies)
{
	int status;

	fake_init(&f);
	if (_i == 0)
		fake_start(&f);
	else
		fake_run(&f);
	if (_i == 2)
		fake_exit(&f, 7 << 8); /* END was read, BYE never comes: the program's status
					  counts */
	close(f.sock);
	status = fake_wait(&f);
	ck_assert_int_eq(WEXITSTATUS(status), _i == 2 ? 7 : 125);
	if (_i < 2)
		ck_assert_ptr_eq(strstr(fake_said(&f), "lwvmm: guest fake: the VMM is gone"),
			fake_said(&f));
}
END_TEST

START_TEST(a_problem_is_told)
{
	struct proto_problem problem = {
		.type = PROTO_PROBLEM, .status = 125, .text = "guest x: bad: do"};

	fake_init(&f);
	fake_run(&f);
	send(f.sock, &problem, sizeof(problem), 0);
	ck_assert_int_eq(WEXITSTATUS(fake_wait(&f)), 125);
	ck_assert_str_eq(fake_said(&f), "lwvmm: guest x: bad: do\n");
}
END_TEST

START_TEST(refused)
{
	fake_init(&f);
	fake_start(&f);
	f.proc->refused = -ENOMEM;
	fake_state(&f, ABI_PROC_REFUSED);
	ck_assert_int_eq(WEXITSTATUS(fake_wait(&f)), 126);
	ck_assert_ptr_nonnull(strstr(fake_said(&f), "./program"));
}
END_TEST

START_TEST(timeout)
{
	char byte;

	fake_init(&f);
	f.opt.timeout_s = 0.2;
	fake_run(&f);
	/* To the VMM it is an end of file; the proxy waits for the VMM's own end. */
	ck_assert_int_eq(recv(f.sock, &byte, 1, 0), 0);
	ck_assert_uint_eq(memory_holds(), 0);
	close(f.sock);
	ck_assert_int_eq(WEXITSTATUS(fake_wait(&f)), 124);
	ck_assert_ptr_nonnull(strstr(fake_said(&f), "--timeout"));
}
END_TEST

START_TEST(a_signal_before_the_start)
{
	int status;

	fake_init(&f);
	fake_start(&f);
	kill(f.pid, SIGTERM);
	status = fake_wait(&f);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}
END_TEST

static uint64_t signals_take(void)
{
	fake_event(&f);
	return __atomic_exchange_n(&f.proc->sig_pending, 0, __ATOMIC_SEQ_CST);
}

START_TEST(signals_are_relayed)
{
	static const int all[] = {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM,
		SIGTERM, SIGCHLD, SIGTSTP, SIGTTIN, SIGURG, SIGWINCH, SIGSEGV, SIGSYS, 34, 64};

	fake_init(&f);
	fake_run(&f);
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int n = all[i];

		kill(f.pid, n);
		ck_assert_uint_eq(signals_take(), 1ULL << (n - 1));
		ck_assert_int_eq(f.proc->sig[n].signo, n);
		ck_assert_int_eq(f.proc->sig[n].pid, getpid());
		ck_assert_int_eq(f.proc->sig[n].code, SI_USER);
	}
	/* Real-time signals queue, each with its value. */
	for (int i = 1; i <= 5; i++)
		sigqueue(f.pid, 40, (union sigval){.sival_int = i});
	for (uint64_t i = 1; i <= 5; i++) {
		fake_event(&f);
		ck_assert_uint_eq(f.proc->sig[40].value, i);
		__atomic_store_n(&f.proc->sig_pending, 0, __ATOMIC_SEQ_CST);
	}
	fake_exit(&f, 0);
	fake_bye(&f);
	ck_assert_int_eq(fake_wait(&f), 0);
}
END_TEST

static void inherit(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGHUP, SIG_IGN);
}

START_TEST(dispositions_are_inherited)
{
	fake_init(&f);
	f.before = inherit;
	fake_run(&f);
	ck_assert_uint_eq(f.proc->sig_blocked, 1ULL << (SIGUSR2 - 1));
	ck_assert_uint_eq(f.proc->sig_ignored & ~(1ULL << (SIGPIPE - 1)), 1ULL << (SIGHUP - 1));
	/* The program may set a handler any time: it is told nevertheless. */
	kill(f.pid, SIGHUP);
	ck_assert_uint_eq(signals_take(), 1ULL << (SIGHUP - 1));
	kill(f.pid, SIGKILL);
	fake_wait(&f);
}
END_TEST

START_TEST(the_program_stops_itself)
{
	int status;

	fake_init(&f);
	fake_run(&f);
	f.proc->stop_signal = SIGTSTP;
	fake_ring(&f);
	ck_assert_int_eq(waitpid(f.pid, &status, WUNTRACED), f.pid);
	ck_assert(WIFSTOPPED(status));
	ck_assert_uint_eq(f.proc->stop_signal, SIGTSTP);
	kill(f.pid, SIGCONT);
	fake_event(&f);
	while (__atomic_load_n(&f.proc->stop_signal, __ATOMIC_ACQUIRE))
		usleep(1000);
	fake_exit(&f, 0);
	fake_bye(&f);
	ck_assert_int_eq(fake_wait(&f), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_life");
	TCase *tc = tcase_create("life");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, exec_is_described);
	tcase_add_test(tc, memory_is_filled);
	tcase_add_loop_test(tc, statuses, 0, 7);
	tcase_add_loop_test(tc, the_vmm_dies, 0, 3);
	tcase_add_test(tc, a_problem_is_told);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, timeout);
	tcase_add_test(tc, a_signal_before_the_start);
	tcase_add_test(tc, signals_are_relayed);
	tcase_add_test(tc, dispositions_are_inherited);
	tcase_add_test(tc, the_program_stops_itself);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
