/* SPDX-License-Identifier: MIT */
#include "integrations/slurm/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRIPTS 5 /* that may be one another's interpreters, as for Linux */

const char *program_path(const char *program, const char *dirs)
{
	static char path[PATH_MAX];
	const char *at = dirs;
	struct stat st;

	if (program[0] == '.' && getcwd(path, sizeof(path) - 1)) {
		size_t len = strlen(path);

		snprintf(path + len, sizeof(path) - len, "/%s", program);
		return path;
	}
	if (program[0] == '/')
		return program;
	/* The first of this name, whether it can be executed or not. */
	while (at && *at) {
		int len = (int)strcspn(at, ":");

		snprintf(path, sizeof(path), "%.*s/%s", len, at, program);
		if (!stat(path, &st) && !S_ISDIR(st.st_mode))
			return path;
		at += len + (at[len] == ':');
	}
	return program;
}

/* Its first bytes, as a string; false: it cannot be read. */
static bool head_read(const char *path, char head[PROGRAM_HEAD])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, head, PROGRAM_HEAD - 1);

	if (fd >= 0)
		close(fd);
	head[len > 0 ? len : 0] = '\0';
	return len >= 0;
}

/* The interpreter's name, of which the head becomes the string; NULL: it names none. */
static char *interpreter(char *head)
{
	char *name = head + 2 + strspn(head + 2, " \t");

	name[strcspn(name, " \t\n")] = '\0';
	return *name ? name : NULL;
}

static int refused(const char *path, char line[PROGRAM_HEAD], unsigned depth)
{
	char head[PROGRAM_HEAD], inner[PROGRAM_HEAD];
	struct stat st;
	char *name;
	int err;

	line[0] = '\0';
	if (stat(path, &st))
		return errno;
	if (!S_ISREG(st.st_mode) || access(path, X_OK))
		return EACCES;
	if (!head_read(path, head) || !strncmp(head, "\177ELF", 4))
		return 0;
	if (strncmp(head, "#!", 2) != 0)
		return ENOEXEC;
	snprintf(line, PROGRAM_HEAD, "%.*s", (int)strcspn(head + 2, "\n"), head + 2);
	name = interpreter(head);
	if (!name)
		return ENOEXEC;
	if (depth == SCRIPTS)
		return ELOOP;
	err = refused(name, inner, depth + 1);
	if (err != ENOENT)
		line[0] = '\0';
	return err;
}

int program_refused(const char *path, char line[PROGRAM_HEAD])
{
	return refused(path, line, 0);
}

/* "0,2-4" or "*", and a blank behind it: is the task among them? */
static bool ranks_have(const char *at, unsigned task)
{
	bool among = false;

	if (*at == '*')
		return at[1] == ' ' || at[1] == '\t';
	while (*at >= '0' && *at <= '9') {
		char *end;
		unsigned long from = strtoul(at, &end, 10), to = from;

		if (*end == '-')
			to = strtoul(end + 1, &end, 10);
		among |= from <= task && task <= to;
		at = end + (*end == ',');
	}
	return among && (*at == ' ' || *at == '\t');
}

/* What can be executed is a program, but for one whose text stands behind it. */
bool program_is_multi(const char *path, const char *text, unsigned task)
{
	char head[PROGRAM_HEAD];

	if (!program_refused(path, head) &&
		(!head_read(path, head) || !head[0] || strncmp(text, head, strlen(head)) != 0))
		return false;
	for (; text; text = strchr(text, '\n')) {
		text += strspn(text, " \t\n");
		if (ranks_have(text, task))
			return true;
	}
	return false;
}
