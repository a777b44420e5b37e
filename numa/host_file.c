/* SPDX-License-Identifier: MIT */
/* Small files of sysfs, procfs and cgroupfs below a root path. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "numa/host_parts.h"
#include "numa/options.h"

struct host_path host_path(const char *root, const char *fmt, ...)
{
	struct host_path path;
	int len = snprintf(path.text, sizeof(path.text), "%s", root);
	va_list ap;

	/* A path that does not fit is cut, and then names no file: the reader says so. */
	if (len >= (int)sizeof(path.text))
		return path;
	va_start(ap, fmt);
	vsnprintf(path.text + len, sizeof(path.text) - (size_t)len, fmt, ap);
	va_end(ap);
	return path;
}

int host_file_text(const struct host_path *path, char *text, size_t size)
{
	int fd = open(path->text, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = 0;

	text[0] = '\0';
	if (fd < 0)
		return -errno;
	while (used + 1 < size && (n = read(fd, text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	if (n < 0)
		n = -errno;
	close(fd);
	text[used] = '\0';
	if (used && text[used - 1] == '\n')
		text[used - 1] = '\0';
	return n < 0 ? (int)n : 0;
}

int host_file_u64(const struct host_path *path, uint64_t *value)
{
	char text[64], *end;
	int err = host_file_text(path, text, sizeof(text));
	unsigned long long n;

	if (err)
		return err;
	if (strcmp(text, "max") == 0) {
		*value = UINT64_MAX;
		return 0;
	}
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-')
		return -EINVAL;
	*value = n;
	return 0;
}

unsigned host_file_list(const struct host_path *path, uint16_t *list, unsigned max)
{
	char text[HOST_TEXT_MAX];
	unsigned n;

	/* Some kernels write "(null)" where nothing is set. */
	if (host_file_text(path, text, sizeof(text)) || cpulist_parse(text, list, max, &n))
		return 0;
	return n;
}

/* What stands behind "KEY" at the start of a line, blanks and colon skipped. */
static const char *key_find(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (strncmp(line, key, len) == 0 && strchr(": \t", line[len]) && line[len])
			return line + len + strspn(line + len, ": \t");
	}
	return NULL;
}

int host_text_u64(const char *text, const char *key, uint64_t *value)
{
	const char *at = key_find(text, key);
	char *end;
	unsigned long long n;

	if (!at)
		return -ENOENT;
	n = strtoull(at, &end, 10);
	if (end == at)
		return -ENOENT;
	*value = n;
	return 0;
}

int host_text_line(const char *text, const char *key, char *value, size_t size)
{
	const char *at = key_find(text, key);

	if (!at)
		return -ENOENT;
	snprintf(value, size, "%.*s", (int)strcspn(at, "\n"), at);
	return 0;
}
