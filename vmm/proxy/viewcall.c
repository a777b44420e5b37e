/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/viewcall.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/abi/syscalls.h"
#include "vmm/proxy/memory.h"
#include "vmm/proxy/viewer.h"

/* Calls that look at a file by its name. Those that change one are left to the host. */
struct call {
	bool looks;
	bool at;       /* argument 0 is the folder, 1 the path; else 0 is the path */
	uint8_t path;  /* argument */
	uint8_t flags; /* argument with open()'s flags; 0: none */
	bool how;      /* they are in memory (openat2) */
};

static const struct call calls[ABI_MAX_CALLS] = {
	[ABI_NR_open] = {.looks = true, .flags = 1},
	[ABI_NR_stat] = {.looks = true},
	[ABI_NR_lstat] = {.looks = true},
	[ABI_NR_access] = {.looks = true},
	[ABI_NR_chdir] = {.looks = true},
	[ABI_NR_readlink] = {.looks = true},
	[ABI_NR_statfs] = {.looks = true},
	[ABI_NR_getxattr] = {.looks = true},
	[ABI_NR_lgetxattr] = {.looks = true},
	[ABI_NR_listxattr] = {.looks = true},
	[ABI_NR_llistxattr] = {.looks = true},
	[ABI_NR_inotify_add_watch] = {.looks = true, .path = 1},
	[ABI_NR_openat] = {.looks = true, .at = true, .path = 1, .flags = 2},
	[ABI_NR_newfstatat] = {.looks = true, .at = true, .path = 1},
	[ABI_NR_readlinkat] = {.looks = true, .at = true, .path = 1},
	[ABI_NR_faccessat] = {.looks = true, .at = true, .path = 1},
	[ABI_NR_name_to_handle_at] = {.looks = true, .at = true, .path = 1},
	[ABI_NR_statx] = {.looks = true, .at = true, .path = 1},
	[ABI_NR_openat2] = {.looks = true, .at = true, .path = 1, .flags = 2, .how = true},
	[ABI_NR_faccessat2] = {.looks = true, .at = true, .path = 1},
};

/* The path as it is now; false: it cannot be read, or is too long. */
static bool path_read(uint32_t pid, uint64_t at, char path[PATH_MAX])
{
	size_t done = 0, len = 256; /* most are shorter */

	while (done < PATH_MAX) {
		size_t page = ABI_PAGE - (at + done) % ABI_PAGE;
		ssize_t got;

		len = len < page ? len : page;
		len = len < PATH_MAX - done ? len : PATH_MAX - done;
		got = memory_read(pid, at + done, path + done, len);
		if (got <= 0)
			return false;
		if (memchr(path + done, '\0', (size_t)got))
			return true;
		done += (size_t)got;
		len = PATH_MAX;
	}
	return false;
}

/* What of a path lies below the view's root; NULL: nothing. */
static const char *below_root(const struct viewer *v, const char *path)
{
	size_t len = strlen(v->store.root);

	if (viewer_state(v) != VIEWER_READY || strncmp(path, v->store.root, len) != 0 ||
		(path[len] != '/' && path[len] != '\0'))
		return NULL;
	return path[len] ? path + len : "/";
}

/* Where a relative path begins, as the program knows it. */
static bool folder_path(const struct viewer *v, int folder, char path[PATH_MAX])
{
	char link[40];
	const char *below;
	ssize_t len;

	if (folder == AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/self/cwd");
	else
		snprintf(link, sizeof(link), "/proc/self/fd/%d", folder);
	len = readlink(link, path, PATH_MAX - 1);
	if (len <= 0 || path[0] != '/')
		return false;
	path[len] = '\0';
	below = below_root(v, path);
	if (below)
		memmove(path, below, strlen(below) + 1);
	return true;
}

/* Does the call's path lead to a view? */
static bool hit_find(const struct viewer *v, const struct call *call,
	const struct abi_mbox *mbox, struct view_hit *hit)
{
	char path[PATH_MAX], whole[PATH_MAX];
	int folder = call->at ? (int)mbox->arg[0] : AT_FDCWD;
	size_t len;

	if (!path_read(v->pid, mbox->arg[call->path], path))
		return false;
	if (path[0] == '/') {
		if (!view_path_absolute(path))
			return false;
		view_path_find(path, v->pid, hit);
	} else {
		if (!view_path_relative(path) || !folder_path(v, folder, whole))
			return false;
		len = strlen(whole);
		if ((size_t)snprintf(whole + len, PATH_MAX - len, "/%s", path) >=
			PATH_MAX - len)
			return false;
		view_path_find(whole, v->pid, hit);
	}
	return hit->target != VIEW_NOT;
}

/* open()'s flags; false: the call wants the path to be resolved in a way of its own. */
static bool flags_find(const struct viewer *v, const struct call *call,
	const struct abi_mbox *mbox, uint64_t *flags)
{
	struct open_how how = {0};

	*flags = call->flags ? mbox->arg[call->flags] : 0;
	if (!call->how)
		return true;
	if (memory_read(v->pid, *flags, &how, sizeof(how)) != sizeof(how))
		return false;
	*flags = how.flags;
	return !how.resolve;
}

static bool flags_write(uint64_t flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC) ||
	       (flags & O_TMPFILE) == O_TMPFILE;
}

/* Nothing in a view can be written, not even by root: as the kernel says of its own files. */
static int64_t write_refused(const char *path, uint64_t flags)
{
	struct stat st;

	if (stat(path, &st))
		return errno == ENOENT && flags & O_CREAT ? -EACCES : -errno;
	return S_ISDIR(st.st_mode) ? -EISDIR : -EACCES;
}

/* Made with the path of the view; in a frame of its own, as most calls do not need the room. */
static __attribute__((noinline)) int64_t call_looking(struct viewer *v, struct interrupt *it,
	const struct abi_mbox *mbox, const struct call *call)
{
	struct view_hit hit;
	char path[PATH_MAX];
	uint64_t arg[6], flags;

	if (!hit_find(v, call, mbox, &hit) || !flags_find(v, call, mbox, &flags) ||
		!viewer_ask(v, &hit, mbox->core, path))
		return interrupt_call(it, mbox, mbox->arg);
	if (flags_write(flags))
		return write_refused(path, flags);
	memcpy(arg, mbox->arg, sizeof(arg));
	if (call->at)
		arg[0] = (uint64_t)AT_FDCWD;
	arg[call->path] = (uint64_t)path;
	return interrupt_call(it, mbox, arg);
}

/*
 * A call has told the name of a file in the view (the working directory, or what a descriptor
 * stands for): the program shall know it by the name that it used. `end`: the terminating 0 is
 * part of the answer.
 */
static __attribute__((noinline)) int64_t name_mend(
	const struct viewer *v, uint64_t at, int64_t len, bool end)
{
	char path[PATH_MAX];
	const char *below;
	size_t left;

	if (len >= PATH_MAX || memory_read(v->pid, at, path, (size_t)len) != len)
		return len;
	path[len] = '\0';
	below = below_root(v, path);
	if (!below)
		return len;
	left = strlen(below) + end;
	return memory_write(v->pid, at, below, left) == (ssize_t)left ? (int64_t)left : len;
}

int64_t viewcall(struct viewer *v, struct interrupt *it, const struct abi_mbox *mbox)
{
	const struct call *call = &calls[mbox->nr % ABI_MAX_CALLS];
	int64_t ret;

	if (viewer_state(v) == VIEWER_OFF)
		return interrupt_call(it, mbox, mbox->arg);
	ret = call->looks ? call_looking(v, it, mbox, call)
			  : interrupt_call(it, mbox, mbox->arg);
	if (ret <= 0 || viewer_state(v) != VIEWER_READY)
		return ret;
	if (mbox->nr == ABI_NR_getcwd)
		return name_mend(v, mbox->arg[0], ret, true);
	if (mbox->nr == ABI_NR_readlink)
		return name_mend(v, mbox->arg[1], ret, false);
	if (mbox->nr == ABI_NR_readlinkat)
		return name_mend(v, mbox->arg[2], ret, false);
	return ret;
}
