/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/creds.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-lwk/abi/syscalls.h"

static bool sets_ids(uint32_t nr)
{
	switch (nr) {
	case ABI_NR_setuid:
	case ABI_NR_setgid:
	case ABI_NR_setreuid:
	case ABI_NR_setregid:
	case ABI_NR_setresuid:
	case ABI_NR_setresgid:
	case ABI_NR_setgroups:
		return true;
	default:
		return false;
	}
}

bool creds_note(struct creds *creds, uint32_t nr, int64_t ret)
{
	if (ret < 0 || !sets_ids(nr))
		return !ret && nr == ABI_NR_capset;
	pthread_mutex_lock(&creds->lock);
	getresuid(&creds->uid[0], &creds->uid[1], &creds->uid[2]);
	getresgid(&creds->gid[0], &creds->gid[1], &creds->gid[2]);
	creds->ngroups = getgroups(CREDS_GROUPS, creds->group);
	__atomic_store_n(&creds->set, 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&creds->lock);
	return true;
}

/*
 * By number: the library's wrappers would change all threads. Groups first and users last,
 * since the right to the others goes with the user. What is so already needs no right.
 */
static bool groups_take(const struct creds *creds)
{
	gid_t now[256]; /* who has more sets them anew */
	int n = getgroups(sizeof(now) / sizeof(now[0]), now);

	if (n >= 0 && n == creds->ngroups &&
		!memcmp(now, creds->group, (size_t)n * sizeof(now[0])))
		return true;
	return !syscall(SYS_setgroups, creds->ngroups, creds->group);
}

static bool gid_take(const gid_t want[3])
{
	gid_t now[3];

	getresgid(&now[0], &now[1], &now[2]);
	return !memcmp(now, want, sizeof(now)) ||
	       !syscall(SYS_setresgid, want[0], want[1], want[2]);
}

static bool uid_take(const uid_t want[3])
{
	uid_t now[3];

	getresuid(&now[0], &now[1], &now[2]);
	return !memcmp(now, want, sizeof(now)) ||
	       !syscall(SYS_setresuid, want[0], want[1], want[2]);
}

int creds_take(struct creds *creds)
{
	int err = 0;

	/* Acquire: pairs with the release of creds_note(); the rest is under the lock. */
	if (!__atomic_load_n(&creds->set, __ATOMIC_ACQUIRE))
		return 0;
	pthread_mutex_lock(&creds->lock);
	if (creds->ngroups < 0 || !groups_take(creds) || !gid_take(creds->gid) ||
		!uid_take(creds->uid))
		err = -errno;
	pthread_mutex_unlock(&creds->lock);
	return err;
}
