/* SPDX-License-Identifier: MIT */
/*
 * `lwvmm hand NAME UID[:GID] --for JOB` and `lwvmm hand NAME --back --for JOB`: root lends a
 * guest that it keeps to the user of a job. Whoever had a guest may still hold its memory: a
 * proxy has descriptors of all of it, and may have passed them on. So no memory ever changes
 * hands: the guest is ended and started anew, its memory being the kernel's, zeroed.
 *
 * Killed between the end and the start, it has left a mark: the next hand, out or back, starts
 * the guest. Two at a time have the file's lock between them; a `start` that a killed hand left
 * behind still runs, and then the second start of the same name is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "numa/options.h"
#include "vmm/base/filelock.h"
#include "vmm/cmd.h"
#include "vmm/cmd_ask.h"
#include "vmm/control.h"
#include "vmm/lease.h"

#define HAND_DIR "/run/lwvmm"
#define MAX_JOBS 64
#define JOB_SIZE 32

/* Who has it, as its file says: a user, and the jobs for which. "!": ended, not started yet. */
struct hand {
	int fd;
	unsigned uid;
	bool between;
	unsigned njobs;
	char job[MAX_JOBS][JOB_SIZE];
};

struct request {
	const char *name, *user, *job;
	uint32_t uid; /* of user */
	bool back;
};

static union answer answer; /* large */

static int hand_open(struct hand *hand, const char *name, struct problem *problem)
{
	char path[sizeof(HAND_DIR) + CONTROL_NAME_SIZE + 8], mark[2];
	FILE *file;

	*hand = (struct hand){.fd = -1};
	snprintf(path, sizeof(path), HAND_DIR "/hand-%.63s", name);
	mkdir(HAND_DIR, 0755);
	hand->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (hand->fd < 0 || filelock_wait(hand->fd))
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"%s: cannot be used (%s): only root hands guests over", path,
			strerror(errno));
	file = fdopen(dup(hand->fd), "r");
	if (!file)
		return 0;
	hand->between = fscanf(file, "%1[!]", mark) == 1;
	if (fscanf(file, "%u", &hand->uid) == 1)
		while (hand->njobs < MAX_JOBS &&
			fscanf(file, "%31s", hand->job[hand->njobs]) == 1)
			hand->njobs++;
	fclose(file);
	return 0;
}

static int hand_write(const struct hand *hand, const struct request *r, struct problem *problem)
{
	char text[MAX_JOBS * JOB_SIZE + 16];
	int len = sprintf(text, "%s", hand->between ? "!" : "");

	if (hand->njobs)
		len += sprintf(text + len, "%u\n", hand->uid);
	for (unsigned i = 0; i < hand->njobs; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%s\n", hand->job[i]);
	if (!ftruncate(hand->fd, 0) && pwrite(hand->fd, text, (size_t)len, 0) == len)
		return 0;
	return problem_set(problem, -EIO, EXIT_LWVMM_FAILED,
		HAND_DIR "/hand-%s: cannot be written: is the file system full?", r->name);
}

/* One of our own commands; what it has to say it says itself. */
static int command(const struct request *r, const char *word, const char *user)
{
	char *words[] = {"lwvmm", (char *)word, (char *)r->name, user ? "--user" : NULL,
		(char *)user, NULL};
	int status = 0;
	pid_t pid;

	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, words, environ))
		return EXIT_LWVMM_FAILED;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_LWVMM_FAILED;
}

/* Before a guest is ended: is what its file says still a guest? */
static int description_check(const struct request *r, struct problem *problem)
{
	static struct options opt;
	char path[PATH_MAX];
	char *words[] = {"--detach", "--name", (char *)r->name, "--config", path, NULL};

	control_config_path(r->name, path, sizeof(path));
	return options_parse(words, OPTIONS_RUN, &opt, problem);
}

/* Whatever fails: a guest that root had is root's again, if it can be started at all. */
static int start_anew(struct hand *hand, const struct request *r, struct problem *problem)
{
	int status = 0, err = description_check(r, problem);

	if (err)
		return err;
	if (!hand->between) {
		hand->between = true;
		err = hand_write(hand, r, problem);
		if (err)
			return err;
		status = command(r, "stop", NULL);
	}
	if (!status) {
		status = command(r, "start", r->user);
		hand->between = status && (!r->user || command(r, "start", NULL));
	}
	return status ? problem_set(problem, -EIO, status,
				"guest %s: could not be started anew: see the line before",
				r->name)
		      : 0;
}

/* What a killed hand has left: whether the guest runs is what tells how far it came. */
static void between_look(struct hand *hand, const struct request *r)
{
	if (hand->between && !guest_query(r->name, PROTO_QUERY, &answer, &(struct problem){0}))
		hand->between = false;
}

static bool knows(const struct hand *hand, const char *job)
{
	for (unsigned i = 0; i < hand->njobs; i++)
		if (!strcmp(hand->job[i], job))
			return true;
	return false;
}

static int hand_out(struct hand *hand, const struct request *r, struct problem *problem)
{
	int err = hand->between ? 0 : guest_query(r->name, PROTO_QUERY, &answer, problem);

	if (err)
		return err;
	if (hand->njobs && hand->uid != r->uid)
		return problem_set(problem, -EBUSY, EXIT_LWVMM_FAILED,
			"guest %s: user %u has it, for job %s: wait for its end", r->name,
			hand->uid, hand->job[0]);
	if (hand->between || answer.guest.uid != r->uid) {
		if (!hand->between && answer.guest.nprocs)
			return problem_set(problem, -EBUSY, EXIT_LWVMM_FAILED,
				"guest %s: user %u has it and runs programs in it: see lwvmm "
				"ps %s",
				r->name, answer.guest.uid, r->name);
		err = start_anew(hand, r, problem);
	}
	if (err || knows(hand, r->job))
		return err;
	if (hand->njobs == MAX_JOBS)
		return problem_set(problem, -ENOSPC, EXIT_LWVMM_FAILED,
			"guest %s: %u jobs have it already: wait for one to end", r->name,
			MAX_JOBS);
	hand->uid = r->uid;
	snprintf(hand->job[hand->njobs++], JOB_SIZE, "%s", r->job);
	return 0;
}

static int hand_back(struct hand *hand, const struct request *r, struct problem *problem)
{
	unsigned left = 0;

	if (!knows(hand, r->job) && !hand->between)
		return 0;
	for (unsigned i = 0; i < hand->njobs; i++)
		if (strcmp(hand->job[i], r->job) != 0)
			memmove(hand->job[left++], hand->job[i], JOB_SIZE);
	hand->njobs = left;
	if (hand->between)
		return left ? 0 : start_anew(hand, r, problem);
	if (left || hand->uid == geteuid() ||
		guest_query(r->name, PROTO_QUERY, &answer, &(struct problem){0}))
		return 0;
	return answer.guest.uid == geteuid() ? 0 : start_anew(hand, r, problem);
}

static int parse(char *const *argv, struct request *r, struct problem *problem)
{
	uint32_t gid;

	for (; *argv; argv++) {
		if (!strcmp(*argv, "--back"))
			r->back = true;
		else if (!strcmp(*argv, "--for") && argv[1])
			r->job = *++argv;
		else if ((*argv)[0] != '-' && !r->name)
			r->name = *argv;
		else if ((*argv)[0] != '-' && !r->user)
			r->user = *argv;
		else
			return cmd_unknown_word("hand", *argv, problem);
	}
	if (r->user && user_parse(r->user, &r->uid, &gid))
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"hand: %s: not a user: give UID or UID:GID, in numbers (see id)",
			r->user);
	if (r->name && control_name_sound(r->name) && r->back == !r->user && *r->job &&
		strlen(r->job) < JOB_SIZE && !strpbrk(r->job, " \t\n!"))
		return 0;
	return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
		"hand: what is to be done? lwvmm hand NAME UID[:GID] --for JOB, or lwvmm hand "
		"NAME --back --for JOB");
}

static int hand(char *const *argv, struct problem *problem)
{
	struct request r = {.job = "-"};
	static struct hand now;
	int err = parse(argv, &r, problem);

	if (err)
		return err;
	err = hand_open(&now, r.name, problem);
	if (!err) {
		between_look(&now, &r);
		err = r.user ? hand_out(&now, &r, problem) : hand_back(&now, &r, problem);
		/* Also after a failure: what it says of itself must stay true. */
		if (hand_write(&now, &r, err ? &(struct problem){0} : problem))
			err = -EIO;
	}
	if (now.fd >= 0)
		close(now.fd);
	return err;
}

int cmd_hand(char *const *argv)
{
	struct problem problem = {0};

	if (*argv && (!strcmp(*argv, "--help") || !strcmp(*argv, "-h"))) {
		help_topic_print("hand", stdout);
		return 0;
	}
	if (hand(argv, &problem))
		problem_print(&problem);
	return problem.status;
}
