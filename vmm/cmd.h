/* SPDX-License-Identifier: MIT */
/*
 * The subcommands: `argv` is the words after the subcommand, NULL-terminated; the result is the
 * exit status. A command prints its own problem.
 */
#ifndef VMM_CMD_H
#define VMM_CMD_H

#include <stdbool.h>
#include <stdio.h>

/* So many guests are looked at. */
#define CMD_MAX_GUESTS 256

int cmd_run(char *const *argv);
int cmd_exec(char *const *argv);
/* What a proxy executes for its program's execve(): nothing for a shell. */
int cmd_resume(char *const *argv);
int cmd_start(char *const *argv);
int cmd_status(char *const *argv);
int cmd_ps(char *const *argv);
int cmd_stat(char *const *argv);
int cmd_stop(char *const *argv);
int cmd_hand(char *const *argv);
int cmd_slurm_conf(char *const *argv);
int cmd_plan(char *const *argv);
int cmd_check(char *const *argv);
int cmd_version(char *const *argv);
int cmd_help(char *const *argv);

/* The page of `lwvmm --help`. */
void help_print(FILE *out);

/* The page of `lwvmm TOPIC --help`; false when there is no such subcommand. */
bool help_topic_print(const char *topic, FILE *out);

#endif
