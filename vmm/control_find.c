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
#include "vmm/lease.h"
#include "vmm/user.h"

#define PREFIX     "guest-"
#define SUFFIX     ".sock"
#define NAMED_MOST 8 /* guests that an error message names */
#define CONNECT_S  5 /* a VMM that is stopped does not take connections off its queue */

/* In which a guest is looked for. */
static const char *const dirs[] = {CONTROL_ROOT_DIR, LEASE_DIR};

#define NDIRS (sizeof(dirs) / sizeof(dirs[0]))

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
	char log[CONTROL_NAME_SIZE + 16];
	int fd = openat(dir_fd, lock, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st, now;

	if (fd < 0)
		return;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) &&
		(st.st_uid == geteuid() || geteuid() == 0) && !filelock_try(fd) &&
		!fstatat(dir_fd, lock, &now, AT_SYMLINK_NOFOLLOW) && now.st_ino == st.st_ino) {
		snprintf(log, sizeof(log), "%s.log", lock);
		if (!fstatat(dir_fd, log, &now, AT_SYMLINK_NOFOLLOW) && !now.st_size)
			unlinkat(dir_fd, log, 0);
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

unsigned control_list_in(const char *dir, char (*names)[CONTROL_NAME_SIZE], unsigned max)
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

static bool is_among(char (*names)[CONTROL_NAME_SIZE], unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* A user's guest that has the name of one of root's cannot be named, except by that user. */
unsigned control_list(char (*names)[CONTROL_NAME_SIZE], unsigned max)
{
	unsigned n = control_list_in(dirs[0], names, max), shown = n < max ? n : max;
	unsigned more = control_list_in(dirs[1], names ? names + shown : NULL, max - shown);
	unsigned last = shown + (more < max - shown ? more : max - shown);

	n += more;
	for (unsigned i = shown, to = shown; i < last; i++) {
		if (is_among(names, shown, names[i])) {
			n--;
			continue;
		}
		if (to != i)
			memcpy(names[to], names[i], CONTROL_NAME_SIZE);
		to++;
	}
	return n;
}

bool control_lives(const char *name)
{
	char lock[CONTROL_NAME_SIZE + 16];
	bool alive = false;

	snprintf(lock, sizeof(lock), PREFIX "%.63s", name);
	for (unsigned i = 0; i < NDIRS && !alive; i++) {
		int dir_fd = open(dirs[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (dir_fd < 0)
			continue;
		alive = lives(dir_fd, lock);
		close(dir_fd);
	}
	return alive;
}

FILE *control_log_read(const char *name, char *path, size_t size)
{
	struct stat st;

	for (unsigned i = 0; i < NDIRS; i++) {
		int fd;

		snprintf(path, size, "%s/" PREFIX "%.63s.log", dirs[i], name);
		fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
			return fdopen(fd, "r");
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

pid_t control_root_vmm(const char *name, uid_t *owner)
{
	char path[sizeof(CONTROL_ROOT_DIR "/" PREFIX SUFFIX) + CONTROL_NAME_SIZE];
	char text[16] = "";
	struct stat st;
	pid_t pid = 0;
	int fd;

	snprintf(path, sizeof(path), CONTROL_ROOT_DIR "/" PREFIX "%.63s", name);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0;
	if (filelock_held(fd) && pread(fd, text, sizeof(text) - 1, 0) > 0)
		pid = atoi(text);
	close(fd);
	snprintf(path, sizeof(path), CONTROL_ROOT_DIR "/" PREFIX "%.63s" SUFFIX, name);
	if (pid && owner && !lstat(path, &st))
		*owner = st.st_uid;
	return pid;
}

void control_config_path(const char *name, char *path, size_t size)
{
	const char *dir = getenv("LWVMM_CONFIG_DIR");

	snprintf(path, size, "%s/%.63s.conf", dir && *dir ? dir : "/etc/lwvmm", name);
}

static int not_there(const char *name, struct problem *problem)
{
	char names[NAMED_MOST][CONTROL_NAME_SIZE];
	char text[NAMED_MOST * (CONTROL_NAME_SIZE + 2) + 8] = "";
	char path[PATH_MAX];
	unsigned n = control_list(names, NAMED_MOST);
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
	char file[CONTROL_NAME_SIZE + 16];
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st = {0};
	char user[USER_TEXT_MAX];
	bool alive;

	snprintf(file, sizeof(file), PREFIX "%s", name);
	alive = dir_fd >= 0 && lives(dir_fd, file);
	/* The socket is whose the guest is: the lock may be root's, who has started it. */
	snprintf(file, sizeof(file), PREFIX "%s" SUFFIX, name);
	if (dir_fd >= 0)
		(void)!fstatat(dir_fd, file, &st, AT_SYMLINK_NOFOLLOW);
	if (dir_fd >= 0)
		close(dir_fd);
	if (err == -EACCES || err == -EPERM)
		return problem_set(problem, err, EXIT_LWVMM_FAILED,
			"guest %s: is another user's (%s): only its owner may use it", name,
			user_text(st.st_uid, user));
	if (err == -EAGAIN)
		return problem_set(problem, -ETIMEDOUT, EXIT_LWVMM_FAILED,
			"guest %s: its VMM does not answer: see `lwvmm ps`, kill its pid if it "
			"stays so",
			name);
	if (alive)
		return problem_set(problem, -EAGAIN, EXIT_LWVMM_FAILED,
			"guest %s: is just starting or ending: try again in a moment", name);
	return not_there(name, problem);
}

bool control_peer(int sock, pid_t *pid, uid_t *uid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	*pid = peer.pid;
	*uid = peer.uid;
	return true;
}

/* The kernel says who listens: a socket of that name may be anybody's. */
static bool owner_is_right(int sock, bool own)
{
	pid_t pid;
	uid_t uid;

	if (!control_peer(sock, &pid, &uid))
		return false;
	return own ? control_may_exec(geteuid(), uid) : control_may_ask(geteuid(), uid);
}

/* A limit for connect() alone (unix(7), socket(7)): it waits while the listener's queue is
 * full. */
static int sock_connect(int sock, const char *dir, const char *name, bool own)
{
	static const struct timeval most = {.tv_sec = CONNECT_S}, none;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int err;

	if (snprintf(at.sun_path, sizeof(at.sun_path), "%s/" PREFIX "%s" SUFFIX, dir, name) >=
		(int)sizeof(at.sun_path))
		return -ENAMETOOLONG;
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
	err = connect(sock, (struct sockaddr *)&at, sizeof(at)) ? -errno : 0;
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
	return err || owner_is_right(sock, own) ? err : -EPERM;
}

int control_connect_in(const char *dir, const char *name, bool own, struct problem *problem)
{
	int sock, err;

	if (!control_name_sound(name))
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"%s: not the name of a guest: see lwvmm ps", name);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"guest %s: no socket could be made (%s): raise `ulimit -n`", name,
			strerror(errno));
	err = sock_connect(sock, dir, name, own);
	if (!err)
		return sock;
	close(sock);
	return not_connected(dir, name, err, problem);
}

/* What root's folder says of the name counts, unless there is nothing or it is not for us. */
int control_connect(const char *name, bool own, struct problem *problem)
{
	struct problem first = {0};
	int sock = control_connect_in(dirs[0], name, own, &first);

	if (sock == -ENOENT || sock == -EACCES || sock == -EPERM) {
		int other = control_connect_in(dirs[1], name, own, problem);

		if (other != -ENOENT || sock == -ENOENT)
			return other;
	}
	if (sock < 0)
		*problem = first;
	return sock;
}
