/* SPDX-License-Identifier: MIT */
/*
 * Who has a guest that root keeps: a user, for some jobs (docs/decisions/0010-slurm.md). It is
 * written down in CONTROL_ROOT_DIR/hand-NAME, as
 *
 *	UID GID [between] [unit]
 *	JOB
 *	.
 *
 * or nothing at all, and stays true whoever is killed when: the point says where it ends.
 * `lwvmm start NAME` of root starts the guest for this user, also after a crash within the job.
 */
#ifndef VMM_HAND_H
#define VMM_HAND_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/problem.h"

#define HAND_MAX_JOBS 64
#define HAND_JOB_SIZE 32

struct hand {
	int fd; /* locked; -1: not open */
	uint32_t uid, gid;
	bool between; /* the guest has been ended to be started anew, and was not started yet */
	bool unit;    /* it is systemd's to start */
	unsigned njobs;
	char job[HAND_MAX_JOBS][HAND_JOB_SIZE];
};

/* Opens it, made when it is not there, waits for its lock, and reads it. For root. */
int hand_open(struct hand *hand, const char *name, struct problem *problem);
void hand_close(struct hand *hand);

/* Reads it without the lock; as after hand_open() of an empty one when there is none. */
void hand_look(struct hand *hand, const char *name);

int hand_write(const struct hand *hand, const char *name, struct problem *problem);

bool hand_has(const struct hand *hand, const char *job);

/* -ENOSPC: it has HAND_MAX_JOBS. One that it has is not added twice, nor missed when removed.
 */
int hand_add(struct hand *hand, const char *job);
void hand_remove(struct hand *hand, const char *job);

#endif
