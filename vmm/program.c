/* SPDX-License-Identifier: MIT */
#include "vmm/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/run.h"
#include "vmm/script.h"

#define INTERP_MAX (256LL << 20) /* it is read into memory: no interpreter comes near */

static int no_memory(struct problem *problem)
{
	return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
		"lwvmm: no memory for the program's name and interpreter: free some on the "
		"host");
}

static int head_read(int fd, char head[SCRIPT_HEAD])
{
	ssize_t n;

	memset(head, 0, SCRIPT_HEAD);
	do
		n = pread(fd, head, SCRIPT_HEAD, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* argv[0] makes room for "interpreter [argument] script". The interpreter's name; NULL: no
 * memory. */
static const char *script_argv(struct program *p, const struct script *script, const char *path)
{
	size_t n = 0, add = script->arg ? 2 : 1;
	char **list;

	while (p->argv[n])
		n++;
	list = calloc(n + add + 1, sizeof(*list));
	if (!list)
		return NULL;
	list[0] = strdup(script->name);
	if (script->arg)
		list[1] = strdup(script->arg);
	list[add] = strdup(path);
	memcpy(list + add + 1, p->argv + 1, n * sizeof(*list));
	p->argv = list;
	return list[1] && list[add] ? list[0] : NULL;
}

/* From scripts to the file that is none; the answer is its descriptor. */
static int scripts_follow(struct program *p, int fd, struct problem *problem)
{
	const char *path = p->path, *name;
	char head[SCRIPT_HEAD];
	struct script script = {0};

	for (int depth = 0;; depth++) {
		int err = head_read(fd, head);
		int is = err ? 0 : script_parse(head, &script);

		if (err)
			return problem_set(problem, err, EXIT_LWVMM_NOT_RUNNABLE,
				"%s: cannot be read (%s): check the file system", path,
				strerror(-err));
		if (!is)
			return fd;
		if (is < 0)
			return problem_set(problem, is, EXIT_LWVMM_NOT_RUNNABLE,
				"%s: is a script whose first line names no interpreter: write "
				"#!/bin/sh there",
				path);
		if (depth == SCRIPT_DEPTH)
			return problem_set(problem, -ELOOP, EXIT_LWVMM_NOT_RUNNABLE,
				"%s: its interpreters are scripts, more than %d deep: name a "
				"program in the first line",
				p->path, SCRIPT_DEPTH);
		name = script_argv(p, &script, path);
		if (!name)
			return no_memory(problem);
		close(fd);
		fd = run_open_interpreter(name, path, problem);
		if (fd < 0)
			return fd;
		path = name;
	}
}

static int image_read(int fd, size_t size, void *image)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, (char *)image + done, size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENODATA;
		done += (size_t)n;
	}
	return 0;
}

static int interp_load(struct program *p, int fd, const char *name, struct problem *problem)
{
	struct stat st;
	int err;

	if (fstat(fd, &st) || st.st_size > INTERP_MAX)
		return problem_set(problem, -EFBIG, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: is larger than 256 MiB: no interpreter is: check the file", name);
	p->interp_image = malloc((size_t)st.st_size + 1);
	if (!p->interp_image)
		return no_memory(problem);
	err = image_read(fd, (size_t)st.st_size, p->interp_image);
	if (err)
		return problem_set(problem, err, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: cannot be read (%s): check the file system", name, strerror(-err));
	return elf_inspect_memory(
		p->interp_image, (size_t)st.st_size, name, &p->interp, problem);
}

/* It must fit beside the program. */
static int interp_check(const struct program *p, const char *name, struct problem *problem)
{
	const struct elf_program *elf = &p->elf, *interp = &p->interp;
	uint64_t bias = elf_bias(elf), interp_bias = elf_interp_bias(interp);

	if (interp->kind != ELF_KIND_LINUX)
		return problem_set(problem, -ENOEXEC, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: is a kernel image, no interpreter: link the program again", name);
	if (elf->low + bias < interp->high + interp_bias &&
		interp->low + interp_bias < elf->high + bias)
		return problem_set(problem, -ENOEXEC, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: wants the same addresses as the program: link one of them "
			"elsewhere",
			name);
	return 0;
}

static int interp_open(struct program *p, struct problem *problem)
{
	char name[256];
	int fd = run_open_interpreter(p->elf.interp, p->path, problem);
	int err;

	if (fd < 0)
		return fd;
	snprintf(name, sizeof(name), "%.160s (interpreter of %.60s)", p->elf.interp, p->path);
	err = interp_load(p, fd, name, problem);
	close(fd);
	return err ? err : interp_check(p, name, problem);
}

static void file_name(struct program *p)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", p->fd);
	n = readlink(link, p->file, sizeof(p->file) - 1);
	p->file[n < 0 ? 0 : n] = '\0';
}

int program_open(char *const *argv, struct program *p, struct problem *problem)
{
	int fd = run_find(argv[0], p->path, sizeof(p->path), problem);
	int err;

	p->argv = argv;
	if (fd >= 0)
		fd = scripts_follow(p, fd, problem);
	if (fd < 0)
		return fd;
	p->fd = fd;
	file_name(p);
	err = elf_inspect(fd, &p->elf, problem);
	if (!err && p->elf.kind == ELF_KIND_LINUX && p->elf.interp[0])
		err = interp_open(p, problem);
	return err;
}

void program_describe(const struct program *p, char *text, size_t size)
{
	if (p->elf.kind == ELF_KIND_LWK)
		snprintf(text, size, "an LWK image");
	else if (p->interp_image)
		snprintf(text, size, "a Linux program (dynamic, %s), run by the built-in LWK",
			p->elf.interp);
	else
		snprintf(text, size, "a Linux program (%s), run by the built-in LWK",
			p->elf.pie ? "static-PIE" : "static");
}
