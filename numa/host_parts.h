/* SPDX-License-Identifier: MIT */
/* Between the files host*.c only: the parts of host_read() and the file readers they share. */
#ifndef NUMA_HOST_PARTS_H
#define NUMA_HOST_PARTS_H

#include <stddef.h>

#include "numa/host.h"

#define HOST_PATH_MAX 4096
#define HOST_TEXT_MAX 16384 /* the longest start of a file that anything here needs */

/* A path below a root path: "" is the real host. */
struct host_path {
	char text[HOST_PATH_MAX];
};

struct host_path host_path(const char *root, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Reads the start of a file as a string without its last newline. -errno if there is no such
 * file. */
int host_file_text(const struct host_path *path, char *text, size_t size);

/* Reads a file that holds one number ("max" is UINT64_MAX). -errno, *value untouched, if it
 * does not. */
int host_file_u64(const struct host_path *path, uint64_t *value);

/* Reads a file that holds a list of CPUs or nodes; no file, or no list in it, is an empty list.
 */
unsigned host_file_list(const struct host_path *path, uint16_t *list, unsigned max);

/* The number behind "KEY" and blanks or a colon in a text of lines ("MemFree:  12 kB").
 * -ENOENT. */
int host_text_u64(const char *text, const char *key, uint64_t *value);

/* The text from behind "KEY" to the end of its line, into `value`. -ENOENT. */
int host_text_line(const char *text, const char *key, char *value, size_t size);

/* CPUs and their topology; needs nothing. Nodes' memory; sets the CPUs' nodes as well. */
int host_cpu_read(const char *root, struct host *host, struct problem *problem);
int host_mem_read(const char *root, struct host *host, struct problem *problem);

/* Distances between the nodes that are online (`n` numbers, as their file names them). */
void host_slit_read(const char *root, struct host *host, const uint16_t *nodes, unsigned n);

/* Memory and huge page limits of our control groups, version 1 and 2. */
void host_cgroup_limits_read(const char *root, struct host *host);

/* The CPUs of our cpuset, whatever our affinity mask is. False: no cpuset says anything. */
bool host_cgroup_cpus_read(const char *root, uint16_t *list, unsigned max, unsigned *n);

#endif
