/* SPDX-License-Identifier: MIT */
/* Which file a task's word means, and whether it can be executed. */
#ifndef INTEGRATIONS_SLURM_PROGRAM_H
#define INTEGRATIONS_SLURM_PROGRAM_H

#include <stdbool.h>

#define PROGRAM_HEAD 256 /* bytes in which Linux looks for a script's interpreter */

/*
 * slurmstepd would make the program's word a path now, by PATH or by the working directory,
 * which is what the program then sees as its name. PATH is `dirs`, or NULL. What is not found
 * stays as it is. Valid until the next call.
 */
const char *program_path(const char *program, const char *dirs);

/*
 * What execve() would say: 0, or an errno. `line` becomes what a script that names no
 * interpreter that is there has in its first line behind #!, as slurmstepd tells it; else "".
 * What is an ELF file, or cannot be read, is left to lwvmm.
 */
int program_refused(const char *path, char line[PROGRAM_HEAD]);

/*
 * `srun --multi-prog` gives slurmstepd a file's name and its text instead of a program and its
 * first argument: is it that? `task` is the number among the step's.
 */
bool program_is_multi(const char *path, const char *text, unsigned task);

#endif
