/* SPDX-License-Identifier: MIT */
/*
 * The program that a command line names, as execve would find it: through scripts to an ELF
 * file, and that file's own interpreter (ld.so). Everything is opened and read by the user.
 */
#ifndef VMM_PROGRAM_H
#define VMM_PROGRAM_H

#include <limits.h>

#include "vmm/base/problem.h"
#include "vmm/elf.h"
#include "vmm/script.h"

struct program {
	char path[PATH_MAX];        /* as found, a script's own: AT_EXECFN */
	char file[PATH_MAX];        /* the ELF file, absolute: /proc/self/exe */
	char *const *argv;          /* with what scripts put before it */
	char **made[SCRIPT_DEPTH];  /* lists made for scripts, the last is argv. Owned, */
	size_t words[SCRIPT_DEPTH]; /* and their first words */
	unsigned nmade;
	int fd; /* of the ELF file */
	struct elf_program elf;
	struct elf_program interp; /* if there is interp_image */
	void *interp_image;        /* the interpreter's file; NULL: none. Owned */
};

/*
 * -errno with the problem: 127 where a file is not there, else 126. The first word is looked
 * for in PATH; or the file is named, as for execve. Gives nothing back, also where it fails.
 */
int program_open(char *const *argv, struct program *program, struct problem *problem);
int program_open_file(
	const char *path, char *const *argv, struct program *program, struct problem *problem);

/* The same for what is open already: the ELF file, AT_EXECFN, and words that scripts have had
 * their part in. */
int program_open_fd(int fd, const char *path, char *const *argv, struct program *program,
	struct problem *problem);

/* Gives all back, after a failure as well. `argv`: the words that it was opened with. */
void program_close(struct program *program, char *const *argv);

/* What kind of guest it is, for -v. */
void program_describe(const struct program *program, char *text, size_t size);

#endif
