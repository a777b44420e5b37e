/* SPDX-License-Identifier: MIT */
/*
 * What /proc and /sys say of the machine agrees with what the calls say, by every way to a
 * file. "view facts" prints what it finds, for a test that knows the guest's plan; "view hold"
 * stays after that.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "check.h"

#define CPU  "/sys/devices/system/cpu"
#define NODE "/sys/devices/system/node"

static char text[1 << 20];

static char *slurp_fd(int fd)
{
	size_t len = 0;
	ssize_t n;

	CHECK(fd >= 0);
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	CHECK(n == 0);
	CHECK(close(fd) == 0);
	text[len] = '\0';
	return text;
}

static char *slurp(const char *path)
{
	return slurp_fd(open(path, O_RDONLY));
}

/* Members of a list as in "0-3,5". */
static unsigned list_count(const char *list)
{
	unsigned n = 0;

	while (*list >= '0' && *list <= '9') {
		char *end;
		unsigned long from = strtoul(list, &end, 10), to = from;

		if (*end == '-')
			to = strtoul(end + 1, &end, 10);
		n += (unsigned)(to - from) + 1;
		list = *end == ',' ? end + 1 : end;
	}
	return n;
}

static unsigned mask_count(const char *mask)
{
	unsigned n = 0;

	for (; *mask && *mask != '\n'; mask++)
		if (*mask != ',')
			n += (unsigned)__builtin_popcountl(
				strtoul((char[]){*mask, '\0'}, NULL, 16));
	return n;
}

static unsigned lines_with(const char *key)
{
	unsigned n = 0;

	for (const char *at = text; at; at = strchr(at, '\n'), at += at != NULL)
		n += strncmp(at, key, strlen(key)) == 0;
	return n;
}

/* The number behind "KEY:" in the text. */
static unsigned long number_of(const char *key)
{
	const char *at = strstr(text, key);

	CHECK(at);
	return strtoul(at + strlen(key) + strspn(at + strlen(key), ": \t"), NULL, 10);
}

static unsigned cpus(void)
{
	return list_count(slurp(CPU "/online"));
}

static void test_cpus(void)
{
	unsigned n = cpus();
	unsigned core, package;
	cpu_set_t set;

	CHECK(n > 0);
	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
	CHECK((unsigned)CPU_COUNT(&set) == n);
	CHECK(sysconf(_SC_NPROCESSORS_ONLN) == (long)n);
	CHECK(list_count(slurp(CPU "/present")) == n);
	CHECK(sysconf(_SC_NPROCESSORS_CONF) >= (long)n);
	for (unsigned i = 0; i < n; i++) {
		char path[100];
		unsigned threads;

		snprintf(path, sizeof(path), CPU "/cpu%u/topology/thread_siblings", i);
		threads = mask_count(slurp(path));
		CHECK(threads >= 1 && threads <= n);
		snprintf(path, sizeof(path), CPU "/cpu%u/topology/thread_siblings_list", i);
		CHECK(list_count(slurp(path)) == threads);
		snprintf(path, sizeof(path), CPU "/cpu%u/topology/core_siblings_list", i);
		CHECK(list_count(slurp(path)) >= threads);
		snprintf(path, sizeof(path), CPU "/cpu%u/topology/core_id", i);
		CHECK(sscanf(slurp(path), "%u", &core) == 1);
		snprintf(path, sizeof(path), CPU "/cpu%u/topology/physical_package_id", i);
		CHECK(sscanf(slurp(path), "%u", &package) == 1);
	}
	CHECK(open(CPU "/cpu1000/topology/core_id", O_RDONLY) == -1 && errno == ENOENT);
}

static void test_caches(void)
{
	unsigned level;
	int shared;

	if (access(CPU "/cpu0/cache", F_OK))
		return;
	CHECK(sscanf(slurp(CPU "/cpu0/cache/index0/level"), "%u", &level) == 1 && level == 1);
	shared = (int)mask_count(slurp(CPU "/cpu0/cache/index0/shared_cpu_map"));
	CHECK(shared >= 1 && shared <= (int)cpus());
	CHECK(strchr(slurp(CPU "/cpu0/cache/index0/size"), 'K'));
}

static void test_proc(void)
{
	unsigned n = cpus();

	slurp("/proc/cpuinfo");
	CHECK(lines_with("processor") == n);
	slurp("/proc/stat");
	CHECK(lines_with("cpu ") == 1);
	CHECK(lines_with("cpu") == n + 1);
	CHECK(lines_with("btime ") == 1);
}

static void test_memory(void)
{
	unsigned long total, free, nodes = 0;
	struct sysinfo info;
	char path[64];

	CHECK(sysinfo(&info) == 0);
	slurp("/proc/meminfo");
	total = number_of("MemTotal");
	free = number_of("MemFree");
	CHECK(total == info.totalram * info.mem_unit / 1024);
	CHECK(free <= total);
	CHECK(number_of("MemAvailable") <= total);
	CHECK(total / 4 == (unsigned long)sysconf(_SC_PHYS_PAGES));
	for (unsigned i = 0; i < list_count(slurp(NODE "/online")); i++) {
		snprintf(path, sizeof(path), NODE "/node%u/meminfo", i);
		slurp(path);
		CHECK(number_of("MemFree") <= number_of("MemTotal"));
		nodes += number_of("MemTotal");
	}
	CHECK(nodes <= total);
	CHECK(nodes >= total / 2); /* a machine may have memory beside its nodes' */
}

static void test_nodes(void)
{
	unsigned n = list_count(slurp(NODE "/online")), sum = 0;
	unsigned cpu, node;
	char path[64];

	CHECK(n > 0);
	for (unsigned i = 0; i < n; i++) {
		unsigned distances = 0;
		char *word, *at;

		snprintf(path, sizeof(path), NODE "/node%u/cpulist", i);
		sum += list_count(slurp(path));
		snprintf(path, sizeof(path), NODE "/node%u/distance", i);
		for (at = slurp(path); (word = strtok(at, " \n")); at = NULL)
			CHECK(strtoul(word, NULL, 10) >= 10 && ++distances);
		CHECK(distances == n);
	}
	CHECK(sum == cpus());
	CHECK(getcpu(&cpu, &node) == 0);
	snprintf(path, sizeof(path), NODE "/node%u/cpu%u/topology", node, cpu);
	CHECK(access(path, R_OK) == 0);
	snprintf(path, sizeof(path), CPU "/cpu%u/node%u/cpulist", cpu, node);
	CHECK(list_count(slurp(path)) > 0);
}

/* Numbered entries of a folder; each is one, and a folder. */
static unsigned entries(int fd, const char *name)
{
	DIR *list = fdopendir(fd);
	struct dirent *entry;
	unsigned n = 0;

	CHECK(list);
	while ((entry = readdir(list))) {
		struct stat st;
		unsigned i;

		if (strncmp(entry->d_name, name, strlen(name)) != 0 ||
			sscanf(entry->d_name + strlen(name), "%u", &i) != 1)
			continue;
		CHECK(fstatat(dirfd(list), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode));
		n++;
	}
	CHECK(closedir(list) == 0);
	return n;
}

static void test_listing(void)
{
	CHECK(entries(open(CPU, O_RDONLY | O_DIRECTORY), "cpu") == cpus());
	CHECK(entries(open("/sys/bus/cpu/devices", O_RDONLY | O_DIRECTORY), "cpu") == cpus());
	CHECK(entries(open(NODE "/", O_RDONLY | O_DIRECTORY), "node") ==
		list_count(slurp(NODE "/online")));
	CHECK(entries(open(NODE "/node0", O_RDONLY | O_DIRECTORY), "cpu") ==
		list_count(slurp(NODE "/node0/cpulist")));
}

static void test_relative(void)
{
	unsigned n = cpus();
	char before[PATH_MAX], now[PATH_MAX];
	int root = open("/", O_RDONLY | O_DIRECTORY);
	int system = open("/sys/devices/system", O_RDONLY | O_DIRECTORY);
	int cpu = openat(system, "cpu", O_RDONLY | O_DIRECTORY);
	int proc = open("/proc", O_PATH);

	CHECK(list_count(slurp_fd(openat(root, "sys/devices/system/cpu/online", 0))) == n);
	CHECK(list_count(slurp_fd(openat(system, "cpu/online", 0))) == n);
	CHECK(list_count(slurp_fd(openat(cpu, "online", 0))) == n);
	CHECK(list_count(slurp_fd(openat(cpu, "../cpu/online", 0))) == n);
	CHECK(list_count(slurp_fd(openat(cpu, "cpu0/../online", 0))) == n);
	slurp_fd(openat(proc, "cpuinfo", O_RDONLY));
	CHECK(lines_with("processor") == n);
	CHECK(getcwd(before, sizeof(before)));
	CHECK(chdir("/sys//devices/./system/cpu") == 0);
	CHECK(strcmp(getcwd(now, sizeof(now)), CPU) == 0);
	CHECK(list_count(slurp("online")) == n);
	CHECK(list_count(slurp("../node/online")) > 0);
	CHECK(fchdir(system) == 0);
	CHECK(list_count(slurp("cpu/present")) == n);
	CHECK(chdir(before) == 0);
	CHECK(close(root) == 0 && close(system) == 0 && close(cpu) == 0 && close(proc) == 0);
}

static void test_names(void)
{
	char name[PATH_MAX], link[64];
	struct stat st;
	struct statx stx;
	ssize_t n;
	int fd;

	CHECK(stat(CPU "/online", &st) == 0 && S_ISREG(st.st_mode));
	CHECK(lstat(CPU "/cpu0/node0", &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(statx(AT_FDCWD, CPU, 0, STATX_BASIC_STATS, &stx) == 0 && S_ISDIR(stx.stx_mode));
	CHECK(faccessat(AT_FDCWD, "/proc/meminfo", R_OK, AT_EACCESS) == 0);
	n = readlink(CPU "/cpu0/node0", name, sizeof(name));
	CHECK(n == 16 && memcmp(name, "../../node/node0", 16) == 0);
	CHECK(realpath(CPU "/cpu0/node0/cpu0/topology", name));
	CHECK(strcmp(name, CPU "/cpu0/topology") == 0);
	CHECK_ERRNO(readlink(CPU "/online", name, sizeof(name)), EINVAL);
	fd = open(CPU "/cpu0", O_RDONLY | O_DIRECTORY);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name));
	CHECK(n == (ssize_t)strlen(CPU "/cpu0") && memcmp(name, CPU "/cpu0", (size_t)n) == 0);
	CHECK(close(fd) == 0);
	fd = open("/proc/meminfo", O_RDONLY);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name));
	CHECK(n >= 13 && memcmp(name, "/proc/meminfo", 13) == 0);
	CHECK(close(fd) == 0);
}

static void test_refused(void)
{
	CHECK_ERRNO(open(CPU "/nothing", O_RDONLY), ENOENT);
	CHECK_ERRNO(open(CPU "/online/x", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open(CPU "/online", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERRNO(open(CPU, O_RDWR), EISDIR);
	CHECK_ERRNO(open(CPU "/online", O_RDWR), EACCES);
	CHECK_ERRNO(open(CPU "/nothing", O_WRONLY | O_CREAT, 0600), EACCES);
	CHECK_ERRNO(open((const char *)8, O_RDONLY), EFAULT);
	CHECK_ERRNO(stat((const char *)16, &(struct stat){0}), EFAULT);
	CHECK_ERRNO(open("", O_RDONLY), ENOENT);
}

static void test_self(void)
{
	char path[64], name[PATH_MAX];
	cpu_set_t set;
	ssize_t n;

	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
	slurp("/proc/self/status");
	CHECK(list_count(strstr(text, "Cpus_allowed_list:") + 19) == (unsigned)CPU_COUNT(&set));
	CHECK(number_of("Threads") == 1);
	CHECK(number_of("\nPid") == (unsigned long)getpid());
	CHECK(strncmp(strstr(text, "Name:"), "Name:\tview", 10) == 0);
	snprintf(path, sizeof(path), "/proc/%d/status", getpid());
	slurp(path);
	CHECK(number_of("Threads") == 1);
	slurp("/proc/thread-self/status");
	CHECK(number_of("\nTgid") == (unsigned long)getpid());
	slurp("/proc/self/stat");
	CHECK(strtol(text, NULL, 10) == getpid());
	n = readlink("/proc/self/exe", name, sizeof(name) - 1);
	CHECK(n > 0);
	name[n] = '\0';
	CHECK(strncmp(strrchr(name, '/'), "/view", 5) == 0);
	CHECK(memcmp(slurp("/proc/self/exe"), "\177ELF", 4) == 0);
	CHECK(strstr(slurp("/proc/self/cmdline"), "view"));
	CHECK(strlen(text) > 0 && strchr(text, '/'));
}

/* An address of the heap, the stack and of a mapping are each in a line; none is twice. */
static void test_maps(void)
{
	uint64_t seen = 0, before = 0;
	char *heap = malloc(4 << 20);
	uint64_t want[] = {(uint64_t)&seen, (uint64_t)heap};

	memset(heap, 1, 4 << 20);
	for (char *line = strtok(slurp("/proc/self/maps"), "\n"); line;
		line = strtok(NULL, "\n")) {
		uint64_t from, to;

		CHECK(sscanf(line, "%lx-%lx ", &from, &to) == 2);
		CHECK(from < to && from >= before);
		before = to;
		for (unsigned i = 0; i < ARRAY_LEN(want); i++)
			if (want[i] >= from && want[i] < to)
				seen |= 1u << i;
	}
	CHECK(seen == 3);
	slurp("/proc/self/numa_maps");
	CHECK(strstr(text, " N0="));
	free(heap);
}

static void facts(void)
{
	printf("cpus %u nodes %u", cpus(), list_count(slurp(NODE "/online")));
	slurp("/proc/meminfo");
	printf(" memory %lu", number_of("MemTotal") >> 10);
	for (unsigned i = 0, n = list_count(slurp(NODE "/online")); i < n; i++) {
		char path[64];

		snprintf(path, sizeof(path), NODE "/node%u/cpulist", i);
		printf(" node%u=%.*s", i, (int)strcspn(slurp(path), "\n"), text);
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"cpus", test_cpus},
		{"caches", test_caches},
		{"proc", test_proc},
		{"memory", test_memory},
		{"nodes", test_nodes},
		{"listing", test_listing},
		{"relative", test_relative},
		{"names", test_names},
		{"refused", test_refused},
		{"self", test_self},
		{"maps", test_maps},
	};

	if (argc == 2 && (strcmp(argv[1], "facts") == 0 || strcmp(argv[1], "hold") == 0)) {
		facts();
		fflush(stdout);
		return argv[1][0] == 'h' ? pause() : 0;
	}
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
