/* SPDX-License-Identifier: MIT */
#include "vmm/pool_sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int file_open(const char *folder, const char *file, int flags)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s_hugepages", folder, file);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int pool_files_open(
	const char *root, unsigned node, uint64_t page_size, struct pool_files *files)
{
	unsigned long kib = page_size >> 10;
	char all[PATH_MAX - 32], here[PATH_MAX - 32];
	int rc;

	*files = (struct pool_files){-1, -1, -1, -1, -1};
	snprintf(all, sizeof(all), "%s/sys/kernel/mm/hugepages/hugepages-%lukB", root, kib);
	snprintf(here, sizeof(here),
		"%s/sys/devices/system/node/node%u/hugepages/hugepages-%lukB", root, node, kib);
	/* A kernel without NUMA has only the host's own folder. */
	if (node == 0 && access(here, F_OK) < 0)
		snprintf(here, sizeof(here), "%s", all);

	rc = files->total = file_open(here, "nr", O_RDWR);
	if (rc >= 0)
		rc = files->surplus = file_open(here, "surplus", O_RDONLY);
	if (rc >= 0)
		rc = files->free = file_open(here, "free", O_RDONLY);
	if (rc >= 0)
		rc = files->all_free = file_open(all, "free", O_RDONLY);
	if (rc >= 0)
		rc = files->all_resv = file_open(all, "resv", O_RDONLY);
	if (rc < 0)
		pool_files_close(files);
	return rc < 0 ? rc : 0;
}

void pool_files_close(struct pool_files *files)
{
	const int fds[] = {
		files->total, files->surplus, files->free, files->all_free, files->all_resv};

	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	*files = (struct pool_files){-1, -1, -1, -1, -1};
}

static int number_read(int fd, uint64_t *number)
{
	char text[32];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	char *end;

	if (len < 0)
		return -errno;
	text[len] = '\0';
	*number = strtoull(text, &end, 10);
	return end == text ? -EINVAL : 0;
}

int pool_surplus(const struct pool_files *files, uint64_t *pages)
{
	return number_read(files->surplus, pages);
}

int pool_persistent(const struct pool_files *files, uint64_t *pages)
{
	uint64_t surplus = 0;
	int rc = number_read(files->total, pages);

	if (!rc)
		rc = number_read(files->surplus, &surplus);
	if (!rc)
		*pages -= surplus < *pages ? surplus : *pages;
	return rc;
}

int pool_available(const struct pool_files *files, uint64_t *pages)
{
	uint64_t all = 0, reserved = 0, left;
	int rc = number_read(files->free, pages);

	if (!rc)
		rc = number_read(files->all_free, &all);
	if (!rc)
		rc = number_read(files->all_resv, &reserved);
	if (rc)
		return rc;
	left = all > reserved ? all - reserved : 0;
	if (*pages > left)
		*pages = left;
	return 0;
}

int pool_persistent_set(const struct pool_files *files, uint64_t pages)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%lu\n", pages);
	ssize_t done = pwrite(files->total, text, len, 0);

	return done == len ? 0 : done < 0 ? -errno : -EIO;
}

const char *pool_size_name(uint64_t page_size)
{
	return page_size == 1UL << 30 ? "1G" : "2M";
}
