/* SPDX-License-Identifier: MIT */
/* The side of those who look for a guest: control.h. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/base/filelock.h"
#include "vmm/control.h"

#define PREFIX     "guest-"
#define SUFFIX     ".sock"
#define NAMED_MOST 8 /* guests that an error message names */

bool control_name_sound(const char *name)
{
	if (!isalnum((unsigned char)name[0]) || strlen(name) >= CONTROL_NAME_SIZE)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return false;
	return true;
}

/* What a killed guest has left: only if it is ours to remove, and while we hold its lock. */
static void stale_remove(int dir_fd, const char *lock, const char *sock)
{
	int fd = openat(dir_fd, lock, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st, now;

	if (fd < 0)
		return;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) &&
		(st.st_uid == geteuid() || geteuid() == 0) && !filelock_try(fd) &&
		!fstatat(dir_fd, lock, &now, AT_SYMLINK_NOFOLLOW) && now.st_ino == st.st_ino) {
		unlinkat(dir_fd, sock, 0);
		unlinkat(dir_fd, lock, 0);
	}
	close(fd);
}

static bool lives(int dir_fd, const char *lock)
{
	int fd = openat(dir_fd, lock, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	bool held = fd >= 0 && filelock_held(fd);

	if (fd >= 0)
		close(fd);
	return held;
}

static int sock_files(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name), least = strlen(PREFIX) + strlen(SUFFIX);

	return len > least && len < least + CONTROL_NAME_SIZE &&
	       !strncmp(entry->d_name, PREFIX, strlen(PREFIX)) &&
	       !strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX);
}

unsigned control_list(const char *dir, char (*names)[CONTROL_NAME_SIZE], unsigned max)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, sock_files, versionsort);
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	unsigned found = 0;

	for (int i = 0; i < n; i++) {
		char lock[sizeof(list[i]->d_name)];

		snprintf(lock, sizeof(lock), "%s", list[i]->d_name);
		lock[strlen(lock) - strlen(SUFFIX)] = '\0';
		if (dir_fd >= 0 && control_name_sound(lock + strlen(PREFIX))) {
			bool alive = lives(dir_fd, lock);

			if (!alive)
				stale_remove(dir_fd, lock, list[i]->d_name);
			else if (found++ < max)
				memcpy(names[found - 1], lock + strlen(PREFIX),
					strlen(lock + strlen(PREFIX)) + 1);
		}
		free(list[i]);
	}
	free(list);
	if (dir_fd >= 0)
		close(dir_fd);
	return found;
}

void control_config_path(const char *name, char *path, size_t size)
{
	const char *dir = getenv("LWVMM_CONFIG_DIR");

	snprintf(path, size, "%s/%.63s.conf", dir && *dir ? dir : "/etc/lwvmm", name);
}

static int not_there(const char *dir, const char *name, struct problem *problem)
{
	char names[NAMED_MOST][CONTROL_NAME_SIZE];
	char text[NAMED_MOST * (CONTROL_NAME_SIZE + 2) + 8] = "";
	char path[PATH_MAX];
	unsigned n = control_list(dir, names, NAMED_MOST);
	size_t len = 0;

	control_config_path(name, path, sizeof(path));
	if (!access(path, F_OK))
		return problem_set(problem, -ENOENT, EXIT_LWVMM_FAILED,
			"guest %s: is not running: lwvmm start %s", name, name);
	for (unsigned i = 0; i < n && i < NAMED_MOST; i++)
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "%s%s", i ? ", " : "", names[i]);
	if (n > NAMED_MOST)
		snprintf(text + len, sizeof(text) - len, ", ...");
	if (!n)
		return problem_set(problem, -ENOENT, EXIT_LWVMM_FAILED,
			"guest %s: no such guest, and no other runs: lwvmm run --name %s "
			"--detach",
			name, name);
	return problem_set(problem, -ENOENT, EXIT_LWVMM_FAILED,
		"guest %s: no such guest: these run: %s", name, text);
}

static int not_connected(const char *dir, const char *name, int err, struct problem *problem)
{
	char lock[CONTROL_NAME_SIZE + 16];
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st = {0};
	bool alive;

	snprintf(lock, sizeof(lock), PREFIX "%s", name);
	alive = dir_fd >= 0 && lives(dir_fd, lock) &&
		!fstatat(dir_fd, lock, &st, AT_SYMLINK_NOFOLLOW);
	if (dir_fd >= 0)
		close(dir_fd);
	if (err == -EACCES || err == -EPERM)
		return problem_set(problem, err, EXIT_LWVMM_FAILED,
			"guest %s: is another user's (%u): only its owner may use it", name,
			st.st_uid);
	if (alive)
		return problem_set(problem, -EAGAIN, EXIT_LWVMM_FAILED,
			"guest %s: is just starting or ending: try again in a moment", name);
	return not_there(dir, name, problem);
}

/* The kernel says who listens: a socket of that name may be anybody's. */
static bool owner_is_right(int sock, bool own)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	return own ? control_may_exec(geteuid(), peer.uid)
		   : control_may_ask(geteuid(), peer.uid);
}

int control_connect(const char *dir, const char *name, bool own, struct problem *problem)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int sock, err;

	if (!control_name_sound(name))
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"%s: not the name of a guest: see lwvmm ps", name);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"guest %s: no socket could be made (%s): raise `ulimit -n`", name,
			strerror(errno));
	if (snprintf(at.sun_path, sizeof(at.sun_path), "%s/" PREFIX "%s" SUFFIX, dir, name) >=
		(int)sizeof(at.sun_path))
		err = -ENAMETOOLONG;
	else
		err = connect(sock, (struct sockaddr *)&at, sizeof(at)) ? -errno : 0;
	if (!err && !owner_is_right(sock, own))
		err = -EPERM;
	if (!err)
		return sock;
	close(sock);
	return not_connected(dir, name, err, problem);
}
