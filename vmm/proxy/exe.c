/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/exe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATH_LOOK 32 /* longer than any name of the link */

/*
 * The program's memory may go away under our hands (another of its threads unmaps it), and a
 * pointer may be a bad one on purpose: so the kernel copies. What was copied, or -1.
 */
static ssize_t program_read(void *to, uint64_t from, size_t len)
{
	struct iovec local = {to, len}, remote = {(void *)from, len};

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

static ssize_t program_write(uint64_t to, const char *from, size_t len)
{
	struct iovec local = {(void *)from, len}, remote = {(void *)to, len};

	return len ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0) : 0;
}

bool exe_is_link(uint64_t path)
{
	char text[PATH_LOOK], own[PATH_LOOK];
	ssize_t n = program_read(text, path, sizeof(text));

	if (n <= 0 || !memchr(text, '\0', (size_t)n))
		return false;
	if (strncmp(text, "/proc/", 6))
		return false;
	snprintf(own, sizeof(own), "/proc/%d/exe", getpid());
	return !strcmp(text, "/proc/self/exe") || !strcmp(text, "/proc/thread-self/exe") ||
	       !strcmp(text, own);
}

/* Which argument is the path of a call that follows links; -1: none. */
static int path_argument(const struct abi_mbox *mbox)
{
	switch (mbox->nr) {
	case SYS_open:
	case SYS_stat:
	case SYS_access:
	case SYS_statfs:
		return 0;
	case SYS_openat:
	case SYS_openat2:
	case SYS_faccessat:
	case SYS_faccessat2:
		return 1;
	case SYS_newfstatat:
		return mbox->arg[3] & AT_SYMLINK_NOFOLLOW ? -1 : 1;
	case SYS_statx:
		return mbox->arg[2] & AT_SYMLINK_NOFOLLOW ? -1 : 1;
	default:
		return -1;
	}
}

static bool readlink_answer(const char *file, struct abi_mbox *mbox, unsigned path)
{
	size_t len = strlen(file), room = mbox->arg[path + 2];

	if (!(int)room || (int)room < 0 || !exe_is_link(mbox->arg[path]))
		return false;
	if (len > room)
		len = room;
	mbox->ret = program_write(mbox->arg[path + 1], file, len) == (ssize_t)len ? (int64_t)len
										  : -EFAULT;
	return true;
}

bool exe_answer(const char *file, struct abi_mbox *mbox)
{
	int path;

	if (mbox->nr == SYS_readlink)
		return readlink_answer(file, mbox, 0);
	if (mbox->nr == SYS_readlinkat)
		return readlink_answer(file, mbox, 1);
	path = path_argument(mbox);
	if (path >= 0 && exe_is_link(mbox->arg[path]))
		mbox->arg[path] = (uint64_t)file;
	return false;
}
