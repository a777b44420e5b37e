/* SPDX-License-Identifier: MIT */
#include "vmm/base/filelock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int lock_call(int fd, int cmd, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

	while (fcntl(fd, cmd, &lock) < 0) {
		if (errno == EACCES)
			return -EAGAIN;
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int filelock_try(int fd)
{
	return lock_call(fd, F_OFD_SETLK, F_WRLCK);
}

int filelock_wait(int fd)
{
	return lock_call(fd, F_OFD_SETLKW, F_WRLCK);
}

void filelock_drop(int fd)
{
	lock_call(fd, F_OFD_SETLK, F_UNLCK);
}

bool filelock_held(int fd)
{
	/* What is in the way of a read lock: whoever may read a file can hold one of those. */
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
