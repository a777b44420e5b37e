/* SPDX-License-Identifier: MIT */
/*
 * `lwvmm hand NAME UID[:GID] --for JOB` and `lwvmm hand NAME --back --for JOB`: root lends a
 * guest that it keeps to the user of a job. Whoever had a guest may still hold its memory: a
 * proxy has descriptors of all of it, and may have passed them on. So no memory ever changes
 * hands: the guest is ended and started anew, its memory being the kernel's, zeroed.
 *
 * First it is written down who is to have it (hand.h), then the guest is ended, and `start`
 * reads there for whom to start it: by us, or by systemd where it is a unit's. Killed between
 * end and start, we leave a mark, and the next hand, out or back, starts the guest. A user may
 * do to the VMM of his guest what he likes, kill and stop it too: one that does not answer is
 * killed, one that is gone is started.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "numa/options.h"
#include "vmm/cmd.h"
#include "vmm/cmd_ask.h"
#include "vmm/control.h"
#include "vmm/hand.h"
#include "vmm/user.h"

#define GONE_MS 60000 /* until the memory of a VMM that ends, or was killed, is freed */

struct request {
	const char *name, *user, *job;
	uint32_t uid, gid; /* of user */
	bool back;
};

static union answer answer; /* large */

/* What it has to say it says itself. */
static int run(const char *path, char *const *words)
{
	int status = 0;
	pid_t pid;

	if (posix_spawnp(&pid, path, NULL, NULL, words, environ))
		return EXIT_LWVMM_FAILED;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_LWVMM_FAILED;
}

static int own_command(const struct request *r, const char *word)
{
	char *words[] = {"lwvmm", (char *)word, (char *)r->name, NULL};

	return run("/proc/self/exe", words);
}

/* Is the VMM a process of lwvmm@NAME.service? Then systemd would take our start for a crash. */
static bool is_unit(const struct request *r, pid_t vmm)
{
	char path[32], line[512], unit[CONTROL_NAME_SIZE + 24];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)vmm);
	snprintf(unit, sizeof(unit), "/lwvmm@%s.service\n", r->name);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, unit) != NULL;
	if (file)
		fclose(file);
	return found;
}

/* Its pid as a descriptor; -1: there is none. */
static int vmm_open(const char *name, pid_t *vmm)
{
	int fd;

	*vmm = control_root_vmm(name, NULL);
	fd = *vmm ? (int)syscall(SYS_pidfd_open, *vmm, 0) : -1;
	/* Still the one that has the lock: then the descriptor is no other process'. */
	if (fd < 0 || control_root_vmm(name, NULL) == *vmm)
		return fd;
	close(fd);
	return -1;
}

/* It ends after pools and cores are given back. */
static bool is_gone(int vmm, int wait_ms)
{
	struct pollfd end = {.fd = vmm, .events = POLLIN};
	int n;

	do
		n = poll(&end, 1, wait_ms);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

static void vmm_kill(int vmm)
{
	if (is_gone(vmm, 0))
		return;
	(void)syscall(SYS_pidfd_send_signal, vmm, SIGKILL, NULL, 0);
	is_gone(vmm, GONE_MS);
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

/* For whom the record says. */
static int start_anew(
	struct hand *hand, const struct request *r, bool deaf, struct problem *problem)
{
	char unit[CONTROL_NAME_SIZE + 24];
	char *words[] = {"systemctl", "restart", unit, NULL};
	int status, vmm, err = description_check(r, problem);
	pid_t pid;

	if (err)
		return err;
	vmm = vmm_open(r->name, &pid);
	if (vmm >= 0)
		hand->unit = is_unit(r, pid);
	hand->between = true;
	err = hand_write(hand, r->name, problem);
	if (err) {
		close(vmm);
		return err;
	}
	if (vmm >= 0 && !deaf && !hand->unit && !own_command(r, "stop"))
		is_gone(vmm, GONE_MS);
	if (vmm >= 0 && (deaf || !hand->unit))
		vmm_kill(vmm);
	close(vmm);
	snprintf(unit, sizeof(unit), "lwvmm@%s.service", r->name);
	status = hand->unit ? run("systemctl", words) : own_command(r, "start");
	hand->between = status != 0;
	if (!status)
		return hand_write(hand, r->name, problem);
	return problem_set(problem, -EIO, status,
		"guest %s: could not be started anew: see the line before", r->name);
}

/* A guest that root had is root's again, if it can be started at all. */
static int take_back(
	struct hand *hand, const struct request *r, bool deaf, struct problem *problem)
{
	int err;

	hand_remove(hand, r->job);
	if (hand->njobs && !hand->between)
		return hand_write(hand, r->name, problem);
	if (!hand->njobs)
		hand->uid = hand->gid = 0;
	err = start_anew(hand, r, deaf, problem);
	/* Not even begun, as its description is wrong: then nobody has it for a job. */
	if (err && !hand->between)
		hand_write(hand, r->name, problem);
	return err;
}

static int lend(struct hand *hand, const struct request *r, bool deaf, struct problem *problem)
{
	int err;

	hand->uid = r->uid;
	hand->gid = r->gid;
	hand_add(hand, r->job);
	err = start_anew(hand, r, deaf, problem);
	if (!err)
		return 0;
	if (hand->between)
		take_back(hand, r, false, &(struct problem){0});
	else
		hand_remove(hand, r->job);
	hand_write(hand, r->name, problem);
	return err;
}

static int refuse_other(
	const struct hand *hand, const struct request *r, struct problem *problem)
{
	char user[USER_TEXT_MAX];

	return problem_set(problem, -EBUSY, EXIT_LWVMM_FAILED,
		"guest %s: user %s has it, for job %s: wait for its end", r->name,
		user_text(hand->uid, user), hand->job[0]);
}

static int hand_out(struct hand *hand, const struct request *r, struct problem *problem)
{
	struct problem silent = {0};
	int err = guest_query_root(r->name, &answer, &silent);
	uid_t owner = 0;

	control_root_vmm(r->name, &owner);
	if (hand->njobs && hand->uid != r->uid)
		return refuse_other(hand, r, problem);
	if (hand->njobs == HAND_MAX_JOBS && !hand_has(hand, r->job))
		return problem_set(problem, -ENOSPC, EXIT_LWVMM_FAILED,
			"guest %s: %u jobs have it already: wait for one to end", r->name,
			HAND_MAX_JOBS);
	/* A user's that does not answer, or not as it should, is ended whatever it says. */
	if (err && (hand->between || owner))
		return lend(hand, r, err == -ETIMEDOUT, problem);
	if (err) {
		*problem = silent;
		return err;
	}
	hand->between = false;
	if (answer.guest.uid == r->uid) {
		hand->uid = r->uid;
		hand->gid = r->gid;
		hand_add(hand, r->job);
		return hand_write(hand, r->name, problem);
	}
	/* Of a user for none of whose jobs it is, it is ended; root's own work is not. */
	if (answer.guest.nprocs && !answer.guest.uid)
		return problem_set(problem, -EBUSY, EXIT_LWVMM_FAILED,
			"guest %s: user 0 root has it and runs programs in it: see lwvmm ps %s",
			r->name, r->name);
	return lend(hand, r, false, problem);
}

static int hand_back(struct hand *hand, const struct request *r, struct problem *problem)
{
	bool lent = hand->njobs && hand->uid;
	int err;

	if (!hand_has(hand, r->job) && !hand->between)
		return 0;
	err = guest_query_root(r->name, &answer, &(struct problem){0});
	/* Killed when the guest had been started for the user: it is lent, not between. */
	if (!err && answer.guest.uid == hand->uid)
		hand->between = false;
	if (err ? hand->between || lent : lent && answer.guest.uid)
		return take_back(hand, r, err == -ETIMEDOUT, problem);
	hand->between = false;
	hand_remove(hand, r->job);
	return hand_write(hand, r->name, problem);
}

static int parse(char *const *argv, struct request *r, struct problem *problem)
{
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
	if (r->user && user_parse(r->user, &r->uid, &r->gid))
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"hand: %s: not a user: give UID or UID:GID, in numbers (see id)",
			r->user);
	if (r->name && control_name_sound(r->name) && r->back == !r->user && *r->job &&
		strcmp(r->job, ".") != 0 && strlen(r->job) < HAND_JOB_SIZE &&
		!strpbrk(r->job, " \t\n"))
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
	if (!err)
		err = r.user ? hand_out(&now, &r, problem) : hand_back(&now, &r, problem);
	hand_close(&now);
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
