/* SPDX-License-Identifier: MIT */
/* Where accounts of jobs are kept; no Slurm here. */
#ifndef INTEGRATIONS_SLURM_ACCOUNT_FILE_H
#define INTEGRATIONS_SLURM_ACCOUNT_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Opens DIR/JOB.jsonl, the user's, to append a line to it; makes both if need be. -errno:
 * -EPERM where the folder is not ours alone, or what is there is not such a file: a user gets
 * nothing written elsewhere.
 */
int account_open(const char *dir, uint32_t job, uid_t uid, gid_t gid);

/* `text` as it stands between the quotes of JSON; cut off where there is no room. */
void account_quote(const char *text, char *to, size_t size);

#endif
