/* SPDX-License-Identifier: MIT */
/* Views that guests left which were killed with all their processes. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "vmm/lease.h"
#include "vmm/view/view_store.h"

int view_repair_in(const char *dir, bool repair, FILE *out)
{
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = dir_fd < 0 ? NULL : fdopendir(dir_fd);
	const struct dirent *entry;
	int left = 0;

	if (!list && dir_fd >= 0)
		close(dir_fd);
	if (!list)
		return 0; /* no guest was ever here */
	while ((entry = readdir(list))) {
		if (strncmp(entry->d_name, VIEW_PREFIX, strlen(VIEW_PREFIX)) != 0)
			continue;
		if (!view_store_orphan(dir_fd, entry->d_name, repair))
			continue;
		left++;
		if (out)
			fprintf(out,
				"%s/%s: left by a guest that was killed: lwvmm check "
				"--repair\n",
				dir, entry->d_name);
	}
	closedir(list);
	return left;
}

int view_repair(bool repair, FILE *out)
{
	return view_repair_in(LEASE_DIR, repair, out);
}
