/* SPDX-License-Identifier: MIT */
/*
 * Root writes to a file that belongs to a user. The folder is root's, so the user can neither
 * make nor replace names in it; that is looked at, not believed. A file of the same job number
 * and another user is of a time before Slurm began to count anew: it is put aside.
 */
#include "integrations/slurm/account_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE 0640

static int folder_open(const char *dir)
{
	struct stat st;
	int fd;

	mkdir(dir, 0755);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return fd;
	close(fd);
	return -EPERM;
}

static int file_make(int folder, const char *name, uid_t uid, gid_t gid)
{
	int fd = openat(folder, name, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, MODE);

	if (fd < 0)
		return -errno;
	/* Whatever the umask is. Who comes between sees root's: also an account. */
	if (!fchmod(fd, MODE) && !fchown(fd, uid, gid))
		return fd;
	close(fd);
	return -EPERM;
}

/* O_NONBLOCK: not to wait for the other end of a pipe. */
static int file_open(int folder, const char *name, uid_t uid, bool *others)
{
	int fd =
		openat(folder, name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_nlink == 1) {
		*others = st.st_uid != uid && st.st_uid != geteuid();
		if (!*others)
			return fd;
	}
	close(fd);
	return -EPERM;
}

int account_open(const char *dir, uint32_t job, uid_t uid, gid_t gid)
{
	int folder = folder_open(dir), fd;
	char name[32], aside[40];
	bool others = false;

	if (folder < 0)
		return folder;
	snprintf(name, sizeof(name), "%u.jsonl", job);
	snprintf(aside, sizeof(aside), "%s.old", name);
	fd = file_open(folder, name, uid, &others);
	if (others)
		fd = renameat(folder, name, folder, aside) ? -errno : -ENOENT;
	if (fd == -ENOENT)
		fd = file_make(folder, name, uid, gid);
	/* Another task's step was quicker. */
	if (fd == -EEXIST)
		fd = file_open(folder, name, uid, &others);
	close(folder);
	return fd;
}

void account_quote(const char *text, char *to, size_t size)
{
	size_t n = 0;

	for (; *text && n + 2 < size; text++) {
		if (*text == '"' || *text == '\\')
			to[n++] = '\\';
		to[n++] = *text < ' ' || *text == 0x7f ? '?' : *text;
	}
	to[n] = '\0';
}
