/* SPDX-License-Identifier: MIT */
/* What plugstack.conf says behind the plug-in's path. */
#ifndef INTEGRATIONS_SLURM_SETTINGS_H
#define INTEGRATIONS_SLURM_SETTINGS_H

#include <stddef.h>

#define SETTINGS_CONFIG_DIR "/etc/lwvmm" /* lwvmm's own default */

struct settings {
	const char *config_dir;  /* config=DIR: where guests are described */
	const char *lwvmm_file;  /* lwvmm=FILE */
	const char *task_file;   /* task=FILE: lwvmm-task */
	const char *account_dir; /* account=DIR: of the jobs' accounts; NULL: none are kept */
};

extern struct settings settings;

/* 0, or -1 for a word that is not known, which has been told. */
int settings_read(int argc, char **argv);

/* Is guest `name` described on this node, whether it runs or not? -errno: cannot tell. */
int settings_describe(const char *name);

/*
 * Runs lwvmm with these words and waits for it. Its exit status; `said` becomes what it said:
 * the end of it, without the last newline. -1: it could not be executed, which has been told.
 */
int settings_run_lwvmm(char **words, char *said, size_t size);

#endif
