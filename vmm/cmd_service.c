/* SPDX-License-Identifier: MIT */
/*
 * A guest as a service: `lwvmm start NAME` is `lwvmm run --detach` with the words of a file,
 * `lwvmm status NAME` tells the three states that an operator, or systemd, asks for.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "numa/options.h"
#include "vmm/cmd.h"
#include "vmm/cmd_ask.h"
#include "vmm/control.h"
#include "vmm/hand.h"

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

static bool names_user(char *const *argv)
{
	for (; *argv; argv++)
		if (!strcmp(*argv, "--user") || !strncmp(*argv, "--user=", 7))
			return true;
	return false;
}

/* A guest that is lent stays its user's, also when it crashes within the job. */
static bool lent_to(const char *name, char user[32])
{
	static struct hand hand;

	if (geteuid())
		return false;
	hand_look(&hand, name);
	if (!hand.njobs || !hand.uid)
		return false;
	snprintf(user, 32, "%u:%u", hand.uid, hand.gid);
	return true;
}

/* The name, which the file must not change, is said last. */
static int start(char *const *argv, struct problem *problem)
{
	static char path[PATH_MAX], user[32];
	unsigned n = 0, given = 0;
	char **words;
	int status;

	if (!control_name_sound(argv[0]))
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--name %s: not a name: use letters, digits, '-', '_' and '.', a "
			"letter "
			"or digit first",
			argv[0]);

	while (argv[given])
		given++;
	words = calloc(given + 9, sizeof(*words));
	if (!words)
		return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
			"start: no memory: free some on the host");
	words[n++] = "--detach";
	if (!names_config(argv)) {
		control_config_path(argv[0], path, sizeof(path));
		words[n++] = "--config";
		words[n++] = path;
	}
	if (!names_user(argv) && lent_to(argv[0], user)) {
		words[n++] = "--user";
		words[n++] = user;
	}
	memcpy(words + n, argv + 1, (given - 1) * sizeof(*words));
	n += given - 1;
	words[n++] = "--name";
	words[n++] = argv[0];
	status = cmd_run(words);
	free(words);
	return status;
}

int cmd_start(char *const *argv)
{
	struct problem problem = {0};
	int result;

	if (*argv && asks_help(*argv)) {
		help_topic_print("start", stdout);
		return 0;
	}
	if (*argv && (*argv)[0] != '-')
		result = start(argv, &problem);
	else
		result = problem_set(&problem, -EINVAL, EXIT_LWVMM_FAILED,
			"start: the guest's name comes first: lwvmm start NAME [OPTIONS]");
	if (!problem.status)
		return result;
	problem_print(&problem);
	return problem.status;
}

/* The last line that a VMM of this name had to say. */
static void last_words_print(const char *name)
{
	char path[256], line[1024], last[1024] = "";
	FILE *log = control_log_read(name, path, sizeof(path));

	if (!log)
		return;
	while (fgets(line, sizeof(line), log))
		memcpy(last, line, sizeof(last));
	fclose(log);
	last[strcspn(last, "\n")] = '\0';
	for (char *c = last; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
	if (last[0])
		printf("  its log (%s) ends: %s\n", path, last);
}

static int status(const char *name, struct problem *problem)
{
	char *const words[] = {(char *)name, NULL};

	if (!control_name_sound(name))
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"%s: not the name of a guest: see lwvmm ps", name);
	if (control_lives(name))
		return cmd_ps(words);
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
