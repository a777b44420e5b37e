/* SPDX-License-Identifier: MIT */
/*
 * Users and groups. The kernel keeps them by host thread, and a program's thread inherits those
 * of its maker. But a service is made by the spawner, or has served a thread that ended: so
 * before the first call of a thread its service takes the ids that the program set last. That
 * is right for programs that change all threads at once, as POSIX has it and the C libraries
 * do.
 */
#ifndef VMM_PROXY_CREDS_H
#define VMM_PROXY_CREDS_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CREDS_GROUPS 65536 /* NGROUPS_MAX */

/* All zero: the program has set nothing yet. Large, and touched by few. */
struct creds {
	uint32_t set; /* published once ids and groups are there */
	pthread_mutex_t lock;
	uid_t uid[3]; /* real, effective, saved */
	gid_t gid[3];
	int ngroups;
	gid_t group[CREDS_GROUPS];
};

/* After a call of the calling thread: was it one that sets ids? Notes them. True: it has
 * changed what the program may do to others. */
bool creds_note(struct creds *creds, uint32_t nr, int64_t ret);
/* The calling thread takes what is noted; 0 or -errno: it may not. */
int creds_take(struct creds *creds);

#endif
