/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest-lwk/abi/layout.h"

/* The user's soft limit on the stack travels to the second execution here. */
#define SETTLE_ENV   "LWVMM_STACK_LIMIT"
#define SETTLE_STACK (8UL << 20)

/* The lowest address of anything of ours: /proc/self/maps is sorted. 0: cannot tell. */
static uintptr_t lowest_mapping(void)
{
	unsigned long low = 0;
	FILE *maps = fopen("/proc/self/maps", "re");

	if (!maps)
		return 0;
	if (fscanf(maps, "%lx-", &low) != 1)
		low = 0;
	fclose(maps);
	return low;
}

/* Everything of ours high, and what we map from now on too? */
static bool settled(void)
{
	void *probe = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (probe == MAP_FAILED)
		return false;
	munmap(probe, 4096);
	return (uintptr_t)probe >= ABI_USER_END && lowest_mapping() >= ABI_USER_END;
}

/* The second time: nothing of the detour is to be seen by the program. */
static int limit_restore(const char *text, const char *name, struct problem *problem)
{
	struct rlimit limit;

	getrlimit(RLIMIT_STACK, &limit);
	limit.rlim_cur = strtoul(text, NULL, 0);
	unsetenv(SETTLE_ENV);
	/* The name in ps, which became "exe". */
	prctl(PR_SET_NAME, strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
	if (setrlimit(RLIMIT_STACK, &limit))
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"stack limit: cannot be set back: %s: start with a smaller ulimit -s",
			strerror(errno));
	return 0;
}

static int again(char *const *argv, struct problem *problem)
{
	struct rlimit limit;
	char text[32];

	getrlimit(RLIMIT_STACK, &limit);
	snprintf(text, sizeof(text), "%lu", (unsigned long)limit.rlim_cur);
	limit.rlim_cur = limit.rlim_max < SETTLE_STACK ? limit.rlim_max : SETTLE_STACK;
	if (!setenv(SETTLE_ENV, text, 1) && !setrlimit(RLIMIT_STACK, &limit)) {
		/* `setarch -L` has the same effect as an unlimited stack. */
		personality((unsigned long)personality(0xffffffff) &
			    ~(unsigned long)ADDR_COMPAT_LAYOUT);
		execv("/proc/self/exe", argv);
	}
	return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
		"address layout: cannot start again with a bounded stack: %s: set ulimit -s "
		"8192",
		strerror(errno));
}

int proxy_settle(char *const *argv, struct problem *problem)
{
	const char *text = getenv(SETTLE_ENV);
	struct rlimit limit;

	if (!getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY)
		return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
			"address space: limited to %lu KiB, but a guest's memory is mapped "
			"too: "
			"lift it with ulimit -v unlimited",
			(unsigned long)limit.rlim_cur >> 10);
	if (text && limit_restore(text, argv[0], problem))
		return -EINVAL;
	if (settled())
		return 0;
	if (!text)
		return again(argv, problem);
	return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
		"address layout: parts of lwvmm lie below %#llx also with a bounded stack: "
		"start it without setarch and without tools that move it",
		ABI_USER_END);
}
