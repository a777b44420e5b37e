/* SPDX-License-Identifier: MIT */
/* Finding the guest file of `lwvmm run` as a shell would find a program. */
#ifndef VMM_RUN_H
#define VMM_RUN_H

#include <stddef.h>

#include "vmm/base/problem.h"

/*
 * Opens the program `name`: as it is if there is a slash in it, else looked for in PATH, as
 * execvp does. Fills `path` with the name that was opened. Returns the descriptor, or -errno
 * with the problem (status 127 not found, 126 not runnable).
 */
int run_find(const char *name, char *path, size_t size, struct problem *problem);

/* The same for a name that is a path in any case, as for execve. */
int run_open(const char *name, char *path, size_t size, struct problem *problem);

/* The same for the interpreter `name` that the script or program `of` names. */
int run_open_interpreter(const char *name, const char *of, struct problem *problem);

#endif
