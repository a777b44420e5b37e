/* SPDX-License-Identifier: MIT */
#include "vmm/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/base/filelock.h"
#include "vmm/lease.h"

#define BACKLOG  64
#define TRIES    16 /* a file may be removed by its last owner while we open it */
#define FILE_MAX (CONTROL_NAME_SIZE + 16)

struct file_name {
	char text[FILE_MAX];
};

static struct file_name file_name(const char *name, const char *end)
{
	struct file_name file;

	snprintf(file.text, sizeof(file.text), "guest-%.63s%s", name, end);
	return file;
}

/* Sticky and open to all users, as the leases want it (lease.c); root's own is open to none. */
static int dir_open(const char *dir, struct problem *problem)
{
	mode_t mode = strcmp(dir, CONTROL_ROOT_DIR) ? 01777 : 0755;
	int fd = -1;

	if (mkdir(dir, mode) || !chmod(dir, mode)) /* the umask took bits away */
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"%s: cannot keep the guest's socket there (%s): as root: install -d -m "
			"%o %s",
			dir, strerror(errno), mode, dir);
	return fd;
}

/* Where nobody else can make files, all are ours. */
static bool is_ours(int dir_fd, int fd)
{
	struct stat st, dir;

	return !fstat(fd, &st) && !fstat(dir_fd, &dir) && S_ISREG(st.st_mode) &&
	       (st.st_uid == geteuid() ||
		       (dir.st_uid == geteuid() && !(dir.st_mode & (S_IWGRP | S_IWOTH))));
}

static bool is_still_there(int dir_fd, const char *file, int fd)
{
	struct stat st, now;

	return !fstat(fd, &st) && !fstatat(dir_fd, file, &now, AT_SYMLINK_NOFOLLOW) &&
	       st.st_ino == now.st_ino && st.st_dev == now.st_dev;
}

/* Our file, locked; -EBUSY: its guest lives (*held is open then); -EPERM: it is another user's.
 */
static int lock_take(int dir_fd, const char *name, int flags, int *held)
{
	struct file_name file = file_name(name, "");

	for (int try = 0; try < TRIES; try++) {
		int fd = openat(dir_fd, file.text,
			flags | O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);

		if (fd < 0)
			return errno == EACCES || errno == ELOOP ? -EPERM : -errno;
		if (!is_ours(dir_fd, fd)) {
			close(fd);
			return -EPERM;
		}
		/* Who looks for the dead (ps) has their locks for a moment. */
		if (filelock_try(fd) && (usleep(1000), filelock_try(fd))) {
			if (filelock_held(fd)) {
				*held = fd;
				return -EBUSY;
			}
			/* A reader's lock, of whoever; no guest has such a one. Away with it.
			 */
			unlinkat(dir_fd, file.text, 0);
		}
		if (is_still_there(dir_fd, file.text, fd))
			return fd;
		close(fd);
	}
	return -EAGAIN;
}

static int holder_pid(int fd)
{
	char text[16] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? atoi(text) : 0;
}

static int taken(int err, const char *name, int held, struct problem *problem)
{
	int pid;

	if (err == -EPERM)
		return problem_set(problem, err, EXIT_LWVMM_FAILED,
			"guest %s: the name is in use by another user: choose another --name",
			name);
	if (err != -EBUSY)
		return problem_set(problem, err, EXIT_LWVMM_FAILED,
			"guest %s: its name cannot be taken (%s): choose another --name", name,
			strerror(-err));
	pid = holder_pid(held);
	close(held);
	return problem_set(problem, err, EXIT_LWVMM_FAILED,
		"guest %s: the name is in use (pid %d): choose another --name, or end that "
		"guest: lwvmm stop %s",
		name, pid, name);
}

/* By way of the folder's descriptor: whatever became of its path, it is this folder. */
static int sock_listen(const struct control *c)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct file_name file = file_name(c->name, ".sock");
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int err;

	if (sock < 0)
		return -errno;
	snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%s", c->dir_fd, file.text);
	unlinkat(c->dir_fd, file.text, 0);
	mask = umask(0177);
	err = bind(sock, (struct sockaddr *)&at, sizeof(at)) || listen(sock, BACKLOG) ? -errno
										      : 0;
	umask(mask);
	if (!err)
		return sock;
	close(sock);
	return err;
}

static void fds_close(struct control *control)
{
	if (control->lock_fd >= 0)
		close(control->lock_fd);
	if (control->dir_fd >= 0)
		close(control->dir_fd);
	control->lock_fd = control->dir_fd = -1;
}

int control_open_in(
	const char *dir, const char *name, struct control *control, struct problem *problem)
{
	struct control *c = control;
	char text[16];
	int held = -1;
	int len;

	*c = (struct control){.lock_fd = -1, .sock = -1};
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->dir_fd = dir_open(dir, problem);
	if (c->dir_fd < 0)
		return c->dir_fd;
	c->lock_fd = lock_take(c->dir_fd, name, O_CREAT, &held);
	if (c->lock_fd < 0) {
		int err = taken(c->lock_fd, name, held, problem);

		fds_close(c);
		return err;
	}
	len = snprintf(text, sizeof(text), "%d\n", getpid());
	c->sock = sock_listen(c);
	if (c->sock < 0 || ftruncate(c->lock_fd, 0) ||
		pwrite(c->lock_fd, text, (size_t)len, 0) != len) {
		problem_set(problem, c->sock < 0 ? c->sock : -errno, EXIT_LWVMM_FAILED,
			"guest %s: its control socket cannot be made in %s (%s): see whether "
			"that file system is full",
			name, dir, strerror(c->sock < 0 ? -c->sock : errno));
		control_close(c);
		return -EIO;
	}
	return 0;
}

/* A name that root's guest has is no other's: `exec` would find the wrong one. */
int control_open(const char *name, struct control *control, struct problem *problem)
{
	bool root = !geteuid();

	*control = (struct control){.dir_fd = -1, .lock_fd = -1, .sock = -1};
	if (!root && control_root_vmm(name, NULL))
		return taken(-EPERM, name, -1, problem);
	return control_open_in(root ? CONTROL_ROOT_DIR : LEASE_DIR, name, control, problem);
}

/* systemd says so by the device and inode of what it has given a service (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long dev, ino;
	struct stat st;

	return text && sscanf(text, "%lu:%lu", &dev, &ino) == 2 && !fstat(STDERR_FILENO, &st) &&
	       st.st_dev == dev && st.st_ino == ino;
}

int control_log(struct control *control, struct problem *problem)
{
	struct file_name file = file_name(control->name, ".log");
	int fd;

	if (stderr_is_journal())
		return 0;
	/* Made anew, so that it is ours whoever had one there before. */
	unlinkat(control->dir_fd, file.text, 0);
	fd = openat(control->dir_fd, file.text,
		O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"%s: cannot be made (%s): remove what is there", file.text,
			strerror(errno));
	close(fd);
	control->log = true;
	return 0;
}

int control_give(struct control *control, uid_t uid, gid_t gid)
{
	struct file_name sock = file_name(control->name, ".sock");

	if (fchownat(control->dir_fd, sock.text, uid, gid, AT_SYMLINK_NOFOLLOW) ||
		(control->log &&
			(fchown(STDERR_FILENO, (uid_t)-1, gid) || fchmod(STDERR_FILENO, 0640))))
		return -errno;
	return 0;
}

int control_listen_again(struct control *control)
{
	return listen(control->sock, BACKLOG) ? -errno : 0;
}

void control_deafen(struct control *control)
{
	if (control->sock < 0)
		return;
	unlinkat(control->dir_fd, file_name(control->name, ".sock").text, 0);
	close(control->sock);
	control->sock = -1;
}

void control_close(struct control *control)
{
	struct stat st;

	if (control->lock_fd < 0)
		return;
	control_deafen(control);
	if (control->log && !fstat(STDERR_FILENO, &st) && !st.st_size)
		unlinkat(control->dir_fd, file_name(control->name, ".log").text, 0);
	/* The name of the lock goes while we hold it: lock_take() looks whether it is there. */
	unlinkat(control->dir_fd, file_name(control->name, "").text, 0);
	fds_close(control);
}

bool control_may_ask(uid_t peer, uid_t owner)
{
	return peer == owner || peer == 0;
}

bool control_may_exec(uid_t peer, uid_t owner)
{
	return peer == owner;
}
