/* SPDX-License-Identifier: MIT */
/*
 * One pool of huge pages (a size on a node) as the kernel shows it in sysfs. The files stay
 * open, so that pages can be given back after the VMM has dropped its privileges: the kernel
 * looks at them when such a file is opened, not when it is written.
 */
#ifndef VMM_POOL_SYSFS_H
#define VMM_POOL_SYSFS_H

#include <stdint.h>

struct pool_files {
	int total, surplus, free; /* of the node */
	int all_free, all_resv;   /* of the host: the kernel counts reservations only there */
};

/* -errno; -ENOENT when the kernel has no such pool. `root` is "" for the real host. */
int pool_files_open(
	const char *root, unsigned node, uint64_t page_size, struct pool_files *files);
void pool_files_close(struct pool_files *files);

/* Pages that somebody asked for: all but the surplus, which the kernel adds and takes by
 * itself. */
int pool_persistent(const struct pool_files *files, uint64_t *pages);
int pool_surplus(const struct pool_files *files, uint64_t *pages);

/* Pages that nobody uses and nobody has reserved. */
int pool_available(const struct pool_files *files, uint64_t *pages);

/* Asks for a new number of persistent pages. Read it back: the kernel may do less. */
int pool_persistent_set(const struct pool_files *files, uint64_t pages);

/* "2M" or "1G". */
const char *pool_size_name(uint64_t page_size);

#endif
