/* SPDX-License-Identifier: MIT */
/*
 * Around a job, as root: the guest of this node, or the one that --lwvmm has named when the job
 * was submitted, is lent to the job's user, and taken back. What keeps it from that is told by
 * lwvmm, and then to the job by its tasks: a failure here would drain the node.
 */
#include "integrations/slurm/hand.h"

#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integrations/slurm/settings.h"

/* Slurm gives a job's own variables to prolog and epilog with SPANK_ before their names. */
#define CHOSEN "LWVMM_GUEST"

void hand_choose(spank_t spank, const char *guest)
{
	spank_job_control_setenv(spank, CHOSEN, guest, 1);
}

/* To slurmd's log. */
static void tell(const char *job, char *text)
{
	char *rest;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		slurm_error("job %s: %s", job, line);
}

void hand(spank_t spank, bool back)
{
	const char *guest = getenv("SPANK_" CHOSEN);
	char user[32], job[16], text[4096];
	struct passwd account, *entry;
	uint32_t id;
	uid_t uid;
	int status;

	if (!guest)
		guest = getenv("SLURMD_NODENAME");
	if (!guest || settings_describe(guest) != 1 ||
		spank_get_item(spank, S_JOB_ID, &id) != ESPANK_SUCCESS ||
		spank_get_item(spank, S_JOB_UID, &uid) != ESPANK_SUCCESS)
		return;
	if (getpwuid_r(uid, &account, text, sizeof(text), &entry))
		entry = NULL;
	snprintf(user, sizeof(user), "%u:%u", uid, entry ? entry->pw_gid : uid);
	snprintf(job, sizeof(job), "%u", id);
	status = settings_run_lwvmm((char *[]){"lwvmm", "hand", (char *)guest,
					    back ? "--back" : user, "--for", job, NULL},
		text, sizeof(text));
	if (status > 0)
		tell(job, text);
}
