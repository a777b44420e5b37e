/* SPDX-License-Identifier: MIT */
/* Resource limits. */
#include "abi.h"

#include <sys/resource.h>

CASE(limits, getrlimit, setrlimit, prlimit64)
{
	struct rlimit r, old;

	for (int i = 0; i < 16; i++) {
		MUST(SYS(getrlimit, i, &r));
		TELL("%d: %d\n", i, r.rlim_cur <= r.rlim_max);
	}
	SHOW(SYS(getrlimit, 16, &r));
	SHOW(SYS(getrlimit, -1, &r));
	SHOW(SYS(getrlimit, RLIMIT_NOFILE, BAD));
	r = (struct rlimit){50, 60};
	SHOW(SYS(setrlimit, RLIMIT_NOFILE, &r));
	SHOW(prlimit(0, RLIMIT_NOFILE, NULL, &old));
	TELL("%ld %ld\n", (long)old.rlim_cur, (long)old.rlim_max);
	r = (struct rlimit){70, 60};
	SHOW(SYS(setrlimit, RLIMIT_NOFILE, &r));
	SHOW(prlimit(getpid(), RLIMIT_CORE, &(struct rlimit){0, 0}, &old));
	SHOW(prlimit(0x3ffffff, RLIMIT_CORE, NULL, &old));
	SHOW(SYS(prlimit64, 0, RLIMIT_CORE, BAD, NULL));
	SHOW(SYS(prlimit64, 0, RLIMIT_CORE, NULL, BAD));
	SHOW(SYS(prlimit64, 0, 77, NULL, NULL));
}

CASE(limit_file_size, setrlimit, write)
{
	struct rlimit r = {10, RLIM_INFINITY};
	int fd = abi_file("a", "");
	long n[3];

	abi_handler(SIGXFSZ, SIG_IGN, 0);
	MUST(setrlimit(RLIMIT_FSIZE, &r));
	n[0] = write(fd, "0123456789abcdef", 16);
	n[1] = write(fd, "0123456789abcdef", 16) < 0 ? errno : 0;
	n[2] = ftruncate(fd, 20) < 0 ? errno : 0;
	r.rlim_cur = RLIM_INFINITY; /* what is shown goes to a file, too */
	MUST(setrlimit(RLIMIT_FSIZE, &r));
	TELL("%ld %s %s\n", n[0], strerrorname_np((int)n[1]), strerrorname_np((int)n[2]));
}

CASE(limit_file_size_kills, setrlimit, write)
{
	struct rlimit r = {0, 0};

	MUST(setrlimit(RLIMIT_CORE, &r));
	r = (struct rlimit){10, 10};
	MUST(setrlimit(RLIMIT_FSIZE, &r));
	MUST(write(abi_file("a", ""), "0123456789", 10));
	pwrite(3, "x", 1, 10);
	TELL("after\n");
}

CASE(limit_cpu, setrlimit)
{
	struct rlimit r = {1, 1};

	SHOW(setrlimit(RLIMIT_CPU, &r));
	SHOW(getrlimit(RLIMIT_CPU, &r));
	TELL("%ld\n", (long)r.rlim_cur);
}
