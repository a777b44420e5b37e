/* SPDX-License-Identifier: MIT */
#include "vmm/hand.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/filelock.h"
#include "vmm/control.h"

#define TEXT_SIZE (HAND_MAX_JOBS * HAND_JOB_SIZE + 64)
#define PATH_SIZE (sizeof(CONTROL_ROOT_DIR "/hand-") + CONTROL_NAME_SIZE)

static void path_of(const char *name, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, CONTROL_ROOT_DIR "/hand-%.63s", name);
}

static void parse(struct hand *hand, char *text)
{
	char *save = NULL, *line = strtok_r(text, "\n", &save);

	if (!line || sscanf(line, "%u %u", &hand->uid, &hand->gid) != 2)
		return;
	hand->between = strstr(line, " between") != NULL;
	hand->unit = strstr(line, " unit") != NULL;
	while ((line = strtok_r(NULL, "\n", &save)) && strcmp(line, ".") != 0)
		hand_add(hand, line);
}

static void content_read(struct hand *hand)
{
	char text[TEXT_SIZE];
	ssize_t n = pread(hand->fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	parse(hand, text);
}

int hand_open(struct hand *hand, const char *name, struct problem *problem)
{
	char path[PATH_SIZE];

	*hand = (struct hand){.fd = -1};
	path_of(name, path);
	if (!mkdir(CONTROL_ROOT_DIR, 0755)) /* the umask may have taken bits away */
		chmod(CONTROL_ROOT_DIR, 0755);
	hand->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (hand->fd < 0 || filelock_wait(hand->fd))
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"%s: cannot be used (%s): only root hands guests over", path,
			strerror(errno));
	content_read(hand);
	return 0;
}

void hand_close(struct hand *hand)
{
	if (hand->fd >= 0)
		close(hand->fd);
	hand->fd = -1;
}

void hand_look(struct hand *hand, const char *name)
{
	char path[PATH_SIZE];

	*hand = (struct hand){.fd = -1};
	path_of(name, path);
	hand->fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (hand->fd >= 0)
		content_read(hand);
	hand_close(hand);
}

/* The point first, what was longer goes after: a reader stops at the point. */
int hand_write(const struct hand *hand, const char *name, struct problem *problem)
{
	char text[TEXT_SIZE];
	int len = 0;

	if (hand->njobs || hand->between)
		len = sprintf(text, "%u %u%s%s\n", hand->uid, hand->gid,
			hand->between ? " between" : "", hand->unit ? " unit" : "");
	for (unsigned i = 0; i < hand->njobs; i++)
		len += sprintf(text + len, "%s\n", hand->job[i]);
	if (len)
		len += sprintf(text + len, ".\n");
	if (pwrite(hand->fd, text, (size_t)len, 0) == len && !ftruncate(hand->fd, len))
		return 0;
	return problem_set(problem, -EIO, EXIT_LWVMM_FAILED,
		CONTROL_ROOT_DIR "/hand-%s: cannot be written: is the file system full?", name);
}

static unsigned job_index(const struct hand *hand, const char *job)
{
	unsigned i = 0;

	while (i < hand->njobs && strcmp(hand->job[i], job) != 0)
		i++;
	return i;
}

bool hand_has(const struct hand *hand, const char *job)
{
	return job_index(hand, job) < hand->njobs;
}

int hand_add(struct hand *hand, const char *job)
{
	if (hand_has(hand, job))
		return 0;
	if (hand->njobs == HAND_MAX_JOBS)
		return -ENOSPC;
	snprintf(hand->job[hand->njobs++], HAND_JOB_SIZE, "%s", job);
	return 0;
}

void hand_remove(struct hand *hand, const char *job)
{
	unsigned i = job_index(hand, job);

	if (i == hand->njobs)
		return;
	hand->njobs--;
	memmove(hand->job[i], hand->job[i + 1], (hand->njobs - i) * HAND_JOB_SIZE);
}
