/* SPDX-License-Identifier: MIT */
/* Who and where we are, limits and random numbers: small calls that every program makes. */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "check.h"

static void test_ids(void)
{
	gid_t groups[1024];
	int n = getgroups(1024, groups);

	printf("uid %u %u gid %u %u\n", getuid(), geteuid(), getgid(), getegid());
	printf("%d groups\n", n);
	CHECK(getpid() > 1 && getpid() == syscall(SYS_getpid) && getpid() == gettid());
	CHECK(getppid() > 0 && getpgrp() > 0 && getsid(0) >= 0);
}

static void *tid_body(void *arg)
{
	*(pid_t *)arg = gettid();
	CHECK(gettid() == syscall(SYS_gettid) && gettid() != getpid());
	return NULL;
}

static void test_tids(void)
{
	pthread_t thread[2];
	pid_t tid[2];

	for (int i = 0; i < 2; i++)
		CHECK_ZERO(pthread_create(&thread[i], NULL, tid_body, &tid[i]));
	for (int i = 0; i < 2; i++)
		CHECK_ZERO(pthread_join(thread[i], NULL));
	CHECK(tid[0] > 0 && tid[1] > 0);
}

static void test_system(void)
{
	struct utsname name;
	struct sysinfo info;
	char host[256];

	CHECK(uname(&name) == 0 && gethostname(host, sizeof(host)) == 0);
	CHECK(strcmp(host, name.nodename) == 0);
	printf("%s %s on %s\n", name.sysname, name.machine, host);
	CHECK(sysinfo(&info) == 0 && info.totalram > 0 && info.uptime > 0);
	CHECK(info.totalram * info.mem_unit >= (size_t)sysconf(_SC_AVPHYS_PAGES) * 4096);
	CHECK(sysconf(_SC_PAGESIZE) == 4096 && sysconf(_SC_CLK_TCK) == 100);
}

static void test_limits(void)
{
	struct rlimit limit, again;

	CHECK(getrlimit(RLIMIT_STACK, &limit) == 0);
	printf("stack limit %lld\n",
		limit.rlim_cur == RLIM_INFINITY ? -1LL : (long long)limit.rlim_cur);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= 64);
	printf("files limit %lld\n", (long long)limit.rlim_cur);
	limit.rlim_cur = 64;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	CHECK(getrlimit(RLIMIT_NOFILE, &again) == 0 && again.rlim_cur == 64);
	for (int i = 0; i < 64 && dup(0) >= 0; i++)
		;
	CHECK_ERRNO(dup(0), EMFILE);
	CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0);
	CHECK_ERRNO(getrlimit(99, &limit), EINVAL);
}

static void test_random(void)
{
	static unsigned char a[4096], b[4096];
	int bits = 0;

	CHECK(getrandom(a, sizeof(a), 0) == sizeof(a));
	CHECK(getrandom(b, sizeof(b), GRND_NONBLOCK) == sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)) != 0);
	for (size_t i = 0; i < sizeof(a); i++)
		bits += __builtin_popcount(a[i]);
	CHECK(bits > 15500 && bits < 17300);
	CHECK(getrandom(a, 0, 0) == 0);
	CHECK_ERRNO(getrandom(a, 1, 0xff00), EINVAL);
	CHECK(getentropy(a, 256) == 0);
}

static void test_name(void)
{
	char name[16] = "";

	CHECK(prctl(PR_SET_NAME, "a-name", 0, 0, 0) == 0);
	CHECK(prctl(PR_GET_NAME, name, 0, 0, 0) == 0 && strcmp(name, "a-name") == 0);
	CHECK_ERRNO(
		prctl(0x4c57564d, 1, 0, 0, 0), EINVAL); /* our mark: nothing to see natively */
}

static void test_cwd(void)
{
	char path[PATH_MAX], again[PATH_MAX];

	CHECK(getcwd(path, sizeof(path)) != NULL && path[0] == '/');
	CHECK(chdir("/usr") == 0 && getcwd(again, sizeof(again)) != NULL);
	CHECK(strcmp(again, "/usr") == 0 && chdir(path) == 0);
	CHECK_ERRNO(syscall(SYS_getcwd, again, 1), ERANGE);
	CHECK_ERRNO(chdir("/nowhere"), ENOENT);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"ids", test_ids},
		{"tids", test_tids},
		{"system", test_system},
		{"limits", test_limits},
		{"random", test_random},
		{"name", test_name},
		{"cwd", test_cwd},
	};

	(void)argc;
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
