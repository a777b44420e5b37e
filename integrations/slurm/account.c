/* SPDX-License-Identifier: MIT */
/*
 * Slurm's own accounting sees the proxies, which compute nothing. lwvmm-task gives each task's
 * program a label, under which the guest's VMM sums up what it and its children use; when
 * slurmstepd has collected the task, however it ended, the VMM is asked, and a line goes to the
 * job's account. (docs/decisions/0010-slurm.md)
 */
#include "integrations/slurm/account.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "integrations/slurm/account_file.h"
#include "integrations/slurm/settings.h"

#define SLOW_S 1 /* who answers later is not asked for the step's other tasks */

struct task {
	uint32_t job, step, task;
	uid_t uid;
	gid_t gid;
	int status;
	char node[64], program[512];
	char used[512]; /* lwvmm's words: `"wall_s": ..., ...`; "": it does not know of it */
};

static bool ids_read(spank_t spank, struct task *t)
{
	return spank_get_item(spank, S_JOB_ID, &t->job) == ESPANK_SUCCESS &&
	       spank_get_item(spank, S_JOB_STEPID, &t->step) == ESPANK_SUCCESS &&
	       spank_get_item(spank, S_TASK_GLOBAL_ID, &t->task) == ESPANK_SUCCESS;
}

static void label_print(const struct task *t, char *label, size_t size)
{
	snprintf(label, size, "%u.%u.%u", t->job, t->step, t->task);
}

void account_label(spank_t spank, char *label, size_t size)
{
	struct task t;

	label[0] = '\0';
	if (ids_read(spank, &t))
		label_print(&t, label, size);
}

static bool task_read(spank_t spank, struct task *t)
{
	char **words = NULL;
	int nwords = 0;

	if (!ids_read(spank, t) ||
		spank_get_item(spank, S_JOB_UID, &t->uid) != ESPANK_SUCCESS ||
		spank_get_item(spank, S_JOB_GID, &t->gid) != ESPANK_SUCCESS ||
		spank_get_item(spank, S_TASK_EXIT_STATUS, &t->status) != ESPANK_SUCCESS ||
		spank_get_item(spank, S_JOB_ARGV, &nwords, &words) != ESPANK_SUCCESS ||
		!words || !words[0])
		return false;
	account_quote(words[0], t->program, sizeof(t->program));
	account_quote(getenv("SLURMD_NODENAME") ?: "", t->node, sizeof(t->node));
	return true;
}

/* {"ended": true, WORDS}: the words are kept. */
static void used_keep(struct task *t, const char *said)
{
	const char *from = strchr(said, ','), *end = strchr(said, '}');

	if (said[0] == '{' && from && end && end > from &&
		(size_t)(end - from) < sizeof(t->used))
		memcpy(t->used, from, (size_t)(end - from));
}

static void used_ask(struct task *t, const char *guest)
{
	char label[48], said[512];

	label_print(t, label, sizeof(label));
	if (!settings_run_lwvmm((char *[]){"lwvmm", "stat", (char *)guest, "--ended", label,
					"--json", NULL},
		    said, sizeof(said)))
		used_keep(t, said);
}

static void line_write(const struct task *t, const char *guest)
{
	int fd = account_open(settings.account_dir, t->job, t->uid, t->gid);
	char line[2048], when[32] = "", name[160];
	time_t now = time(NULL);
	struct tm utc;
	int len;

	account_quote(guest, name, sizeof(name));
	if (gmtime_r(&now, &utc))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	len = snprintf(line, sizeof(line),
		"{\"job\": %u, \"step\": %u, \"task\": %u, \"node\": \"%s\", \"guest\": "
		"\"%s\", "
		"\"program\": \"%s\", \"ended\": \"%s\", \"status\": %d%s}\n",
		t->job, t->step, t->task, t->node, name, t->program, when,
		WIFSIGNALED(t->status) ? 128 + WTERMSIG(t->status) : WEXITSTATUS(t->status),
		t->used);
	/* One write each: lines of several tasks do not mix. */
	if (fd < 0 || write(fd, line, (size_t)len) != len)
		slurm_error("lwvmm: %s/%u.jsonl: the account cannot be written (%s): is the "
			    "folder root's alone, and room on its file system?",
			settings.account_dir, t->job, strerror(fd < 0 ? -fd : errno));
	if (fd >= 0)
		close(fd);
}

void account_task(spank_t spank, const char *guest)
{
	static bool slow;
	struct task t = {0};
	time_t before = time(NULL);

	if (!settings.account_dir || !task_read(spank, &t))
		return;
	if (!slow)
		used_ask(&t, guest);
	slow |= time(NULL) - before > SLOW_S;
	line_write(&t, guest);
}
