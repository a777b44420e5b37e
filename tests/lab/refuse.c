/* SPDX-License-Identifier: MIT */
/*
 * refuse CALL=ERRNO... -- PROGRAM...: runs PROGRAM where these system calls do nothing and
 * return this error number, as a container's seccomp profile has it; 0: they only pretend.
 * mbind is what can be refused.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "../programs/check.h"

#define MAX_FILTER 16

static struct sock_filter filter[MAX_FILTER] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
static unsigned short length = 1;

static void refuse(const char *word)
{
	static const struct {
		const char *name;
		unsigned number;
	} calls[] = {{"mbind", SYS_mbind}};

	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		size_t n = strlen(calls[i].name);

		if (strncmp(word, calls[i].name, n) != 0 || word[n] != '=')
			continue;
		CHECK(length + 3 <= MAX_FILTER);
		filter[length++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, 1);
		filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
			SECCOMP_RET_ERRNO | (unsigned)strtoul(word + n + 1, NULL, 0));
		return;
	}
	fprintf(stderr, "refuse: %s: no such call\n", word);
	exit(2);
}

int main(int argc, char **argv)
{
	struct sock_fprog program = {.filter = filter};
	int at = 1;

	for (; at < argc && strcmp(argv[at], "--") != 0; at++)
		refuse(argv[at]);
	filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = length;
	CHECK(at + 1 < argc);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	execvp(argv[at + 1], argv + at + 1);
	perror(argv[at + 1]);
	return 127;
}
