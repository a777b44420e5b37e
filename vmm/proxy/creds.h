/* SPDX-License-Identifier: MIT */
/*
 * Users, groups, capabilities and no_new_privs. The kernel keeps them by host thread, and a
 * program's thread inherits those of its maker. But a service is made by the spawner, or has
 * served a thread that ended: so before the first call of a thread its service takes what a
 * thread of the program had when one set something last. That is right for programs that change
 * all threads at once, as POSIX has it of ids and the C libraries do, or that make their
 * threads afterwards.
 */
#ifndef VMM_PROXY_CREDS_H
#define VMM_PROXY_CREDS_H

#include <limits.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest-lwk/abi/share.h"

#define CREDS_GROUPS 65536 /* NGROUPS_MAX */

/* All zero: the program has set nothing yet. Large, and touched by few. */
struct creds {
	uint32_t set; /* published once all of it is there */
	pthread_mutex_t lock;
	uid_t uid[3]; /* real, effective, saved */
	gid_t gid[3];
	int ngroups;
	gid_t group[CREDS_GROUPS], now[CREDS_GROUPS]; /* now: of who takes them, by then */
	struct creds_caps {
		struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3];
		uint64_t ambient;
	} caps;
	bool keep_caps, no_new_privs;
};

/* After the call in the mailbox, by the calling thread: was it one that sets these? Notes them.
 * True: it has changed what the program may do to others. */
bool creds_note(struct creds *creds, const struct abi_mbox *mbox);
/* The calling thread takes what is noted; 0 or -errno: it may not. */
int creds_take(struct creds *creds);

#endif
