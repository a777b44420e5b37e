/* SPDX-License-Identifier: MIT */
/* The two ways to a SIGBUS: memory beyond a file's end, and a misaligned access under
 * EFLAGS.AC. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include "check.h"

static sigjmp_buf back;
static siginfo_t got;

static void on_bus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	got = *info;
	siglongjmp(back, 1);
}

static void test_beyond_end(void)
{
	int fd = open("bus.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
	volatile char *map;

	CHECK(fd >= 0 && write(fd, "abc", 3) == 3);
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED && map[2] == 'c' && map[3] == 0 && map[4095] == 0);
	if (sigsetjmp(back, 1) == 0) {
		(void)map[4096];
		CHECK(!"a read beyond the end fails");
	}
	CHECK(got.si_signo == SIGBUS && got.si_code == BUS_ADRERR && got.si_addr == map + 4096);
	CHECK(close(fd) == 0 && unlink("bus.tmp") == 0);
}

static void test_alignment(void)
{
	static long words[2];

	if (sigsetjmp(back, 1) == 0) {
		__asm__ volatile("pushf; orl $0x40000, (%%rsp); popf; movl 1(%0), %%eax;"
				 "pushf; andl $~0x40000, (%%rsp); popf"
				 :
				 : "r"(words)
				 : "rax", "memory", "cc");
		CHECK(!"a misaligned read fails");
	}
	__asm__ volatile("pushf; andl $~0x40000, (%%rsp); popf" : : : "memory", "cc");
	CHECK(got.si_signo == SIGBUS && got.si_code == BUS_ADRALN);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"beyond_end", test_beyond_end}, {"alignment", test_alignment}};
	struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};

	(void)argc;
	CHECK(sigaction(SIGBUS, &action, NULL) == 0);
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
