/* SPDX-License-Identifier: MIT */
/*
 * children N: N children in a row, by posix_spawn and by fork, each with the same memory
 * shared. When they have gone nothing of them is left: no descriptor and no mapping of this
 * process, no memory of the machine.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "check.h"

#define SHARED (3L << 20)
#define FIRST  6 /* of them what is made once and kept is made */

extern char **environ;

static char *shared;

static void child(const char *self, int n)
{
	char *const words[] = {(char *)self, "--", NULL};
	int status = -1;
	pid_t pid;

	if (n % 2) {
		CHECK_ZERO(posix_spawn(&pid, self, NULL, NULL, words, environ));
	} else {
		pid = fork();
		if (!pid) {
			shared[SHARED - 1]++;
			_exit(7);
		}
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

struct holds {
	long descriptors, mappings;
	unsigned long memory;
};

/* What the host process of this one has; of the memory, what the machine has. */
static struct holds look(void)
{
	struct holds h = {0};
	struct sysinfo info;
	char path[64], line[512];
	DIR *threads, *fds;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/task", getpid());
	threads = opendir(path);
	CHECK(threads);
	for (const struct dirent *t; (t = readdir(threads));) {
		snprintf(line, sizeof(line), "%s/%s/fd", path, t->d_name);
		fds = t->d_name[0] == '.' ? NULL : opendir(line);
		while (fds && readdir(fds))
			h.descriptors++;
		if (fds)
			closedir(fds);
	}
	closedir(threads);
	/* By this path it is no view. */
	snprintf(path, sizeof(path), "/proc/%d/task/%d/maps", getpid(), getpid());
	maps = fopen(path, "r");
	CHECK(maps);
	while (fgets(line, sizeof(line), maps))
		h.mappings++;
	fclose(maps);
	CHECK(sysinfo(&info) == 0);
	h.memory = info.freeram;
	return h;
}

/* The memory of one that has ended comes back shortly after. */
static struct holds look_again(const struct holds *before)
{
	struct holds now = look();

	for (int i = 0; i < 300 && before && now.memory < before->memory; i++) {
		check_sleep_ms(10);
		now = look();
	}
	return now;
}

int main(int argc, char **argv)
{
	struct holds before, after;

	if (argc < 2 || !strcmp(argv[1], "--"))
		return 7;
	shared = mmap(NULL, SHARED, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	for (int i = 0; i < FIRST; i++)
		child(argv[0], i);
	look();
	check_sleep_ms(200);
	before = look();
	for (int i = 0; i < atoi(argv[1]); i++)
		child(argv[0], i);
	after = look_again(&before);
	if (after.descriptors != before.descriptors || after.mappings > before.mappings ||
		after.memory < before.memory)
		printf("descriptors %ld, %ld; mappings %ld, %ld; free KiB %lu, %lu\n",
			before.descriptors, after.descriptors, before.mappings, after.mappings,
			before.memory >> 10, after.memory >> 10);
	printf("%d children\n", (unsigned char)shared[SHARED - 1]);
	return 0;
}
