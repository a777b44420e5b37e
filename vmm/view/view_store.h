/* SPDX-License-Identifier: MIT */
/*
 * Where a view lies: a folder a guest, beside the leases, in memory (tmpfs). The first process
 * of the guest that needs it makes it, the others join; each holds a shared lock on the folder
 * while it lives. Who finds that nobody holds it removes it: the last process at its end, or
 * after a crash the next lwvmm (view_repair).
 *
 * Folders are the user's own and closed to all others. The owner can change what he sees.
 */
#ifndef VMM_VIEW_VIEW_STORE_H
#define VMM_VIEW_VIEW_STORE_H

#include <stddef.h>

#include "vmm/base/problem.h"
#include "vmm/view/view.h"

#define VIEW_PREFIX   "view-"
#define VIEW_ROOT_MAX 128

struct view_store {
	char root[VIEW_ROOT_MAX]; /* the folder's path, once it is open */
	int dir_fd;               /* of what it lies in */
	int fd;                   /* of the folder, locked; -1: not open */
	uint32_t pid;             /* ours: names what is being made */
};

/*
 * Joins dir/VIEW_PREFIX<key>, or makes it with what `fill` puts into the sink. -errno with the
 * problem.
 */
int view_store_open(struct view_store *store, const char *dir, const char *key,
	int (*fill)(void *arg, struct view_sink *sink), void *arg, struct problem *problem);

/* Puts a file in the place of the one that is there: who has the old one open keeps it. */
int view_store_replace(
	struct view_store *store, const char *path, const char *text, size_t len);

/* Puts what may be there already. */
int view_store_add(
	struct view_store *store, enum view_kind kind, const char *path, const char *text);

/* Removes our own /proc/PID, and if nobody else uses it the whole view. */
void view_store_close(struct view_store *store);

/* Removes the view if nobody uses it, or only looks; true: one that nobody uses is (still)
 * there. */
bool view_store_orphan(int dir_fd, const char *name, bool remove);

/* What killed guests left: removes it or only says so. How many are left. */
int view_repair(bool repair, FILE *out);
int view_repair_in(const char *dir, bool repair, FILE *out);

#endif
