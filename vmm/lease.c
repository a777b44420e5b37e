/* SPDX-License-Identifier: MIT */
#include "vmm/lease.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/filelock.h"

#define PATIENCE                                                                               \
	5 /* times 1 ms: another user may be between making a file and opening it to all */

struct holder {
	int pid; /* 0: not known */
	char name[64];
};

static void moment(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/*
 * The folder is sticky and open to all users. Whoever made it could remove the files of others,
 * which is why 0002-leases-and-pools.md lets the administrator make it at boot.
 */
static int dir_open(const char *dir, struct problem *problem)
{
	int fd = -1;

	if (mkdir(dir, 01777) == 0 && chmod(dir, 01777) < 0)
		goto fail; /* chmod because the umask took bits away */
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		return fd;
fail:
	return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
		"%s: cannot keep core leases there: %s: as root: install -d -m 1777 %s", dir,
		strerror(errno), dir);
}

/* Opens without O_CREAT first: fs.protected_regular refuses O_CREAT on a file of another user.
 */
static int file_open(int dir_fd, unsigned core)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	struct stat st;
	char file[24];

	snprintf(file, sizeof(file), "core-%u", core);
	for (int try = 0; try < PATIENCE; try++) {
		int fd = openat(dir_fd, file, flags);

		if (fd < 0 && errno == ENOENT) {
			fd = openat(dir_fd, file, flags | O_CREAT | O_EXCL, 0666);
			if (fd >= 0)
				fchmod(fd, 0666);
		}
		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
			return fd;
		if (fd >= 0) {
			close(fd);
			errno = EINVAL;
		}
		if (errno != EACCES && errno != EEXIST)
			break;
		moment();
	}
	return -errno;
}

/* Anybody may have written the file: nothing of it goes to a terminal unlooked at. */
static void holder_read(int fd, struct holder *holder)
{
	char text[96];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	*holder = (struct holder){.name = "?"};
	if (len <= 0)
		return;
	text[len] = '\0';
	if (sscanf(text, "%d %63[^\n]", &holder->pid, holder->name) != 2)
		*holder = (struct holder){.name = "?"};
	for (char *c = holder->name; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
}

static void holder_write(int fd, const char *name)
{
	char text[96];
	int len = snprintf(text, sizeof(text), "%d %s\n", getpid(), name);

	/* Only the wording of a refusal hangs on it. */
	if (pwrite(fd, text, len, 0) == len && ftruncate(fd, len) < 0)
		return;
}

static int core_take(
	int dir_fd, const char *dir, unsigned core, const char *name, struct problem *problem)
{
	struct holder holder;
	int fd = file_open(dir_fd, core);
	int rc;

	if (fd < 0)
		return problem_set(problem, fd, EXIT_LWVMM_FAILED,
			"core %u: cannot open its lease %s/core-%u: %s: remove that file as "
			"root",
			core, dir, core, strerror(-fd));
	rc = filelock_try(fd);
	if (rc == 0) {
		holder_write(fd, name);
		return fd;
	}
	if (rc == -EAGAIN) {
		moment(); /* a holder that has just come has then written its name */
		holder_read(fd, &holder);
		rc = problem_set(problem, -EBUSY, EXIT_LWVMM_FAILED,
			"core %u: leased by guest %s (pid %d): choose other cores or stop it",
			core, holder.name, holder.pid);
	} else {
		problem_set(problem, rc, EXIT_LWVMM_FAILED,
			"core %u: cannot lock its lease %s/core-%u: %s", core, dir, core,
			strerror(-rc));
	}
	close(fd);
	return rc;
}

static int core_compare(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

int lease_take_in(
	const char *dir, const struct plan *plan, struct lease *lease, struct problem *problem)
{
	uint16_t core[PLAN_MAX_VCPUS];
	int dir_fd = dir_open(dir, problem);
	int rc = 0;

	lease->n = 0;
	if (dir_fd < 0)
		return dir_fd;
	for (unsigned i = 0; i < plan->nvcpus; i++)
		core[i] = plan->vcpu[i].core;
	/* Everybody takes them in ascending order: of two guests that want the same, one
	 * succeeds. */
	qsort(core, plan->nvcpus, sizeof(core[0]), core_compare);
	for (unsigned i = 0; i < plan->nvcpus; i++) {
		rc = core_take(dir_fd, dir, core[i], plan->name, problem);
		if (rc < 0) {
			lease_drop(lease);
			break;
		}
		lease->fd[lease->n++] = rc;
		rc = 0;
	}
	close(dir_fd);
	return rc;
}

int lease_take(const struct plan *plan, struct lease *lease, struct problem *problem)
{
	return lease_take_in(LEASE_DIR, plan, lease, problem);
}

void lease_drop(struct lease *lease)
{
	while (lease->n)
		close(lease->fd[--lease->n]);
}

static int core_files(const struct dirent *entry)
{
	const char *number = entry->d_name + 5;

	return strncmp(entry->d_name, "core-", 5) == 0 && *number &&
	       number[strspn(number, "0123456789")] == '\0';
}

int lease_list_in(const char *dir, FILE *out)
{
	struct dirent **list;
	struct holder holder;
	int n = scandir(dir, &list, core_files, versionsort);
	int held = 0;

	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];
		int fd;

		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0 && filelock_held(fd)) {
			holder_read(fd, &holder);
			fprintf(out, "core %s: leased by guest %s (pid %d)\n",
				list[i]->d_name + 5, holder.name, holder.pid);
			held++;
		}
		if (fd >= 0)
			close(fd);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return held;
}

int lease_list(FILE *out)
{
	return lease_list_in(LEASE_DIR, out);
}
