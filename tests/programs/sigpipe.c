/* SPDX-License-Identifier: MIT */
/* printf to a closed pipe. "default": SIGPIPE ends us; "ignore": EPIPE; "catch": both. */
#include <signal.h>

#include "check.h"

static volatile sig_atomic_t caught;

static void on_pipe(int sig)
{
	(void)sig;
	caught++;
}

int main(int argc, char **argv)
{
	int ends[2], result;

	CHECK(argc == 2);
	CHECK(signal(SIGPIPE, argv[1][0] == 'd'   ? SIG_DFL
			      : argv[1][0] == 'i' ? SIG_IGN
						  : on_pipe) != SIG_ERR);
	CHECK(pipe(ends) == 0 && dup2(ends[1], 1) == 1 && close(ends[0]) == 0 &&
		close(ends[1]) == 0);
	printf("to nobody\n");
	result = fflush(stdout);
	fprintf(stderr, "flush %d %s, caught %d\n", result, strerror(errno), (int)caught);
	return 0;
}
