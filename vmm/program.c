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
	if (n)
		memcpy(list + add + 1, p->argv + 1, n * sizeof(*list));
	p->made[p->nmade] = list;
	p->words[p->nmade++] = add + 1;
	p->argv = list;
	return list[0] && list[1] && list[add] ? list[0] : NULL;
}

static void argv_free(struct program *p, char *const *argv)
{
	while (p->nmade--) {
		for (size_t i = 0; i < p->words[p->nmade]; i++)
			free(p->made[p->nmade][i]);
		free(p->made[p->nmade]);
	}
	p->nmade = 0;
	p->argv = argv;
}

/* One step from a script to its interpreter's name in *name; NULL: it is no script. -errno. */
static int script_step(
	struct program *p, int fd, const char *path, const char **name, struct problem *problem)
{
	char head[SCRIPT_HEAD];
	struct script script = {0};
	int err = head_read(fd, head);
	int is = err ? 0 : script_parse(head, &script);

	*name = NULL;
	if (err)
		return problem_set(problem, err, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: cannot be read (%s): check the file system", path, strerror(-err));
	if (is < 0)
		return problem_set(problem, is, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: is a script whose first line names no interpreter: write "
			"#!/bin/sh there",
			path);
	if (!is)
		return 0;
	if (p->nmade == SCRIPT_DEPTH)
		return problem_set(problem, -ELOOP, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: its interpreters are scripts, more than %d deep: name a "
			"program in the first line",
			p->path, SCRIPT_DEPTH);
	*name = script_argv(p, &script, path);
	return *name ? 0 : no_memory(problem);
}

/* From scripts to the file that is none; the answer is its descriptor. */
static int scripts_follow(struct program *p, int fd, struct problem *problem)
{
	const char *path = p->path, *name;

	while (fd >= 0) {
		int err = script_step(p, fd, path, &name, problem);

		if (!err && !name)
			break;
		close(fd);
		fd = err ? err : run_open_interpreter(name, path, problem);
		path = name;
	}
	return fd;
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

/* p->path, p->argv and p->fd are there, the last perhaps as -errno with the problem. */
static int program_read(struct program *p, struct problem *problem)
{
	int err;

	if (p->fd < 0)
		return p->fd;
	file_name(p);
	err = elf_inspect(p->fd, &p->elf, problem);
	if (!err && p->elf.kind == ELF_KIND_LINUX && p->elf.interp[0])
		err = interp_open(p, problem);
	return err;
}

int program_open(char *const *argv, struct program *p, struct problem *problem)
{
	p->argv = argv;
	p->fd = run_find(argv[0], p->path, sizeof(p->path), problem);
	if (p->fd >= 0)
		p->fd = scripts_follow(p, p->fd, problem);
	return program_read(p, problem);
}

int program_open_file(
	const char *path, char *const *argv, struct program *p, struct problem *problem)
{
	p->argv = argv;
	p->fd = run_open(path, p->path, sizeof(p->path), problem);
	if (p->fd >= 0)
		p->fd = scripts_follow(p, p->fd, problem);
	return program_read(p, problem);
}

int program_open_fd(
	int fd, const char *path, char *const *argv, struct program *p, struct problem *problem)
{
	p->argv = argv;
	p->fd = fd;
	snprintf(p->path, sizeof(p->path), "%s", path);
	return program_read(p, problem);
}

void program_close(struct program *p, char *const *argv)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	free(p->interp_image);
	p->interp_image = NULL;
	argv_free(p, argv);
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
