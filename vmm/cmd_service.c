/* SPDX-License-Identifier: MIT */
/*
 * A guest as a service: `lwvmm start NAME` is `lwvmm run --detach` with the words of a file,
 * `lwvmm status NAME` tells the three states that an operator, or systemd, asks for.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numa/options.h"
#include "vmm/cmd.h"
#include "vmm/cmd_ask.h"
#include "vmm/control.h"
#include "vmm/lease.h"

#define EXIT_STOPPED 3 /* as systemctl's and the LSB's `status` */

static bool asks_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

static bool names_config(char *const *argv)
{
	for (; *argv; argv++)
		if (!strcmp(*argv, "--config") || !strncmp(*argv, "--config=", 9))
			return true;
	return false;
}

/* The name is looked at before the file's path is made of it: it stands first. */
static int start(char *const *argv, struct problem *problem)
{
	static char path[PATH_MAX];
	unsigned n = 0, given = 0;
	char **words;
	int status;

	while (argv[given])
		given++;
	words = calloc(given + 7, sizeof(*words));
	if (!words)
		return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
			"start: no memory: free some on the host");
	words[n++] = "--detach";
	words[n++] = "--name";
	words[n++] = argv[0];
	if (!names_config(argv)) {
		control_config_path(argv[0], path, sizeof(path));
		words[n++] = "--config";
		words[n++] = path;
	}
	memcpy(words + n, argv + 1, given * sizeof(*words));
	status = cmd_run(words);
	free(words);
	return status;
}

int cmd_start(char *const *argv)
{
	struct problem problem = {0};

	if (*argv && asks_help(*argv)) {
		help_topic_print("start", stdout);
		return 0;
	}
	if (*argv && (*argv)[0] != '-')
		return start(argv, &problem);
	problem_set(&problem, -EINVAL, EXIT_LWVMM_FAILED,
		"start: the guest's name comes first: lwvmm start NAME [OPTIONS]");
	problem_print(&problem);
	return problem.status;
}

/* The last line that a VMM of this name had to say. */
static void last_words_print(const char *name)
{
	char path[256], line[1024], last[1024] = "";
	FILE *log;

	snprintf(path, sizeof(path), LEASE_DIR "/guest-%.63s.log", name);
	log = fopen(path, "re");
	if (!log)
		return;
	while (fgets(line, sizeof(line), log))
		memcpy(last, line, sizeof(last));
	fclose(log);
	last[strcspn(last, "\n")] = '\0';
	if (last[0])
		printf("  its log (%s) ends: %s\n", path, last);
}

static int status(const char *name, struct problem *problem)
{
	static char names[CMD_MAX_GUESTS][CONTROL_NAME_SIZE];
	unsigned n;

	if (!control_name_sound(name))
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"%s: not the name of a guest: see lwvmm ps", name);
	n = control_list(LEASE_DIR, names, CMD_MAX_GUESTS);
	for (unsigned i = 0; i < n && i < CMD_MAX_GUESTS; i++) {
		char *const words[] = {(char *)name, NULL};

		if (!strcmp(names[i], name))
			return cmd_ps(words);
	}
	printf("%s: not running: lwvmm start %s\n", name, name);
	last_words_print(name);
	return EXIT_STOPPED;
}

int cmd_status(char *const *argv)
{
	struct problem problem = {0};
	int result;

	if (*argv && asks_help(*argv)) {
		help_topic_print("status", stdout);
		return 0;
	}
	if (!*argv || (*argv)[0] == '-' || argv[1])
		result = problem_set(&problem, -EINVAL, EXIT_LWVMM_FAILED,
			"status: one guest is named: lwvmm status NAME");
	else
		result = status(*argv, &problem);
	if (!problem.status)
		return result;
	problem_print(&problem);
	return problem.status;
}
