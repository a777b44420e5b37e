/* SPDX-License-Identifier: MIT */
/*
 * launch [-4] [-s] -o FILE COMMAND [ARGS...]: runs COMMAND natively for bench.sh and writes to
 * FILE when it began and ended (CLOCK_MONOTONIC) and, with -s, what pages it had at its end.
 *
 * -4: 4 KiB pages only. This is an attribute of the process, inherited by COMMAND, so that no
 * setting of the machine changes. -s: /proc/PID/smaps is read while COMMAND stands at its exit
 * with its memory still there (ptrace's exit event). Nothing disturbs it before: no stop, no
 * walk through its page tables.
 *
 * Ends with COMMAND's own status (128+N for signal N), 125 when it could not be launched.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FAILED 125
#define BIG_KIB                                                                                \
	(16u << 10) /* mappings with less memory are libc's and the stack: not counted */

struct pages {
	uint64_t rss_kib;  /* resident in big anonymous mappings */
	uint64_t huge_kib; /* of that in pages of 2 MiB and more */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pages_add(struct pages *pages, uint64_t rss, uint64_t huge)
{
	if (rss < BIG_KIB)
		return;
	pages->rss_kib += rss;
	pages->huge_kib += huge;
}

/* Sums up the big mappings of a process. hugetlb memory is not part of Rss, so it is added to
 * both. */
static void pages_read(pid_t pid, struct pages *pages)
{
	uint64_t rss = 0, huge = 0, kib;
	char line[512], key[64];
	FILE *smaps;

	snprintf(line, sizeof(line), "/proc/%d/smaps", pid);
	smaps = fopen(line, "re");
	if (!smaps)
		return;
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%63[A-Za-z_]: %" SCNu64 " kB", key, &kib) != 2)
			continue;
		if (!strcmp(key, "Size")) {
			pages_add(pages, rss, huge);
			rss = huge = 0;
		} else if (!strcmp(key, "Rss")) {
			rss += kib;
		} else if (!strcmp(key, "AnonHugePages")) {
			huge += kib;
		} else if (!strcmp(key, "Private_Hugetlb") || !strcmp(key, "Shared_Hugetlb")) {
			rss += kib;
			huge += kib;
		}
	}
	pages_add(pages, rss, huge);
	fclose(smaps);
}

/* COMMAND waits on the pipe until its tracer is there, and ends when we do. Never returns. */
static void child(char **argv, bool small, int go)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	if (small && prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)) {
		perror("launch: PR_SET_THP_DISABLE");
		_exit(FAILED);
	}
	if (read(go, &byte, 1) != 1)
		_exit(FAILED);
	close(go);
	execv(argv[0], argv);
	fprintf(stderr, "launch: %s: %s\n", argv[0], strerror(errno));
	_exit(FAILED);
}

/* Lets COMMAND run to its end; every stop but that at its exit is a signal to be passed on. */
static int follow(pid_t pid, struct pages *pages)
{
	int status;

	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		int signal = WSTOPSIG(status);

		if (status >> 16 == PTRACE_EVENT_EXIT) {
			pages_read(pid, pages);
			signal = 0;
		} else if (status >> 16) {
			signal = 0;
		}
		ptrace(PTRACE_CONT, pid, NULL, signal);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int launch(char **argv, bool small, bool trace, FILE *out)
{
	uint64_t start = now_ns();
	struct pages pages = {0};
	int go[2], status;
	pid_t pid;

	if (pipe(go))
		return FAILED;
	pid = fork();
	if (!pid) {
		close(go[1]);
		fclose(out);
		child(argv, small, go[0]);
	}
	if (pid < 0 || (trace && ptrace(PTRACE_SEIZE, pid, NULL,
					 PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL))) {
		perror("launch");
		return FAILED;
	}
	if (write(go[1], "", 1) != 1)
		return FAILED;
	close(go[1]);
	status = follow(pid, &pages);
	fprintf(out, "start_ns %" PRIu64 "\nend_ns %" PRIu64 "\n", start, now_ns());
	if (trace)
		fprintf(out, "rss_kib %" PRIu64 "\nhuge_kib %" PRIu64 "\n", pages.rss_kib,
			pages.huge_kib);
	return status;
}

int main(int argc, char **argv)
{
	bool small = false, trace = false;
	FILE *out = NULL;
	int option, status;

	while ((option = getopt(argc, argv, "+4so:")) != -1) {
		if (option == '4')
			small = true;
		else if (option == 's')
			trace = true;
		else if (option == 'o')
			out = fopen(optarg, "we");
	}
	if (!out || optind == argc) {
		fprintf(stderr, "usage: launch [-4] [-s] -o FILE COMMAND [ARGS...]\n");
		return FAILED;
	}
	status = launch(argv + optind, small, trace, out);
	return fclose(out) ? FAILED : status;
}
