/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/creds.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-lwk/abi/syscalls.h"

/* Of the option the kernel looks at 32 bits. */
static bool sets_prctl(uint32_t option)
{
	return option == PR_SET_NO_NEW_PRIVS || option == PR_SET_KEEPCAPS ||
	       option == PR_CAP_AMBIENT;
}

static bool sets(const struct abi_mbox *mbox)
{
	switch (mbox->nr) {
	case ABI_NR_prctl:
		return sets_prctl((uint32_t)mbox->arg[0]);
	case ABI_NR_capset:
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

/* For files, of this thread alone, and so not noted; but the kernel takes the right to look
 * into the process away. */
static bool sets_for_files(const struct abi_mbox *mbox)
{
	return mbox->nr == ABI_NR_setfsuid || mbox->nr == ABI_NR_setfsgid;
}

static struct __user_cap_header_struct this_thread(void)
{
	return (struct __user_cap_header_struct){.version = _LINUX_CAPABILITY_VERSION_3};
}

static void caps_get(struct creds_caps *caps)
{
	struct __user_cap_header_struct head = this_thread();
	int has;

	memset(caps, 0, sizeof(*caps));
	syscall(SYS_capget, &head, caps->set);
	/* -1: there are no more of them. */
	for (unsigned long cap = 0; cap < 64; cap++) {
		has = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0);
		if (has < 0)
			break;
		caps->ambient |= (uint64_t)has << cap;
	}
}

bool creds_note(struct creds *creds, const struct abi_mbox *mbox)
{
	if (mbox->ret < 0 || !sets(mbox))
		return sets_for_files(mbox);
	pthread_mutex_lock(&creds->lock);
	getresuid(&creds->uid[0], &creds->uid[1], &creds->uid[2]);
	getresgid(&creds->gid[0], &creds->gid[1], &creds->gid[2]);
	creds->ngroups = getgroups(CREDS_GROUPS, creds->group);
	caps_get(&creds->caps);
	creds->keep_caps = prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) == 1;
	creds->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	__atomic_store_n(&creds->set, 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&creds->lock);
	return true;
}

/*
 * By number: the library's wrappers would change all threads. Groups first and users last,
 * since the right to the others goes with the user. What is so already needs no right.
 */
static bool groups_take(struct creds *creds)
{
	int n = getgroups(CREDS_GROUPS, creds->now);

	if (n >= 0 && n == creds->ngroups &&
		!memcmp(creds->now, creds->group, (size_t)n * sizeof(creds->now[0])))
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

static bool ambient_take(uint64_t want)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return false;
	for (; want; want &= want - 1)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE,
			    (unsigned long)__builtin_ctzll(want), 0, 0))
			return false;
	return true;
}

/* The ids are the new ones, and no capability went with the old ones that is wanted. */
static bool caps_take(const struct creds_caps *want)
{
	struct __user_cap_header_struct head = this_thread();
	struct creds_caps now;

	caps_get(&now);
	if (memcmp(now.set, want->set, sizeof(now.set)) != 0 &&
		syscall(SYS_capset, &head, want->set))
		return false;
	return now.ambient == want->ambient || ambient_take(want->ambient);
}

static bool take(struct creds *c)
{
	bool permitted = c->caps.set[0].permitted || c->caps.set[1].permitted;

	/* Else a change of the users takes all capabilities away. */
	if (permitted && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		return false;
	if (c->ngroups < 0 || !groups_take(c) || !gid_take(c->gid) || !uid_take(c->uid) ||
		!caps_take(&c->caps))
		return false;
	if (prctl(PR_SET_KEEPCAPS, c->keep_caps, 0, 0, 0))
		return false;
	return !c->no_new_privs || !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int creds_take(struct creds *creds)
{
	int err = 0;

	/* Acquire: pairs with the release of creds_note(); the rest is under the lock. */
	if (!__atomic_load_n(&creds->set, __ATOMIC_ACQUIRE))
		return 0;
	pthread_mutex_lock(&creds->lock);
	if (!take(creds))
		err = -errno;
	pthread_mutex_unlock(&creds->lock);
	return err;
}
