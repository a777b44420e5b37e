/* SPDX-License-Identifier: MIT */
/* Between the files options*.c only: the values that have a grammar of their own. */
#ifndef NUMA_OPTIONS_PARTS_H
#define NUMA_OPTIONS_PARTS_H

#include "numa/options.h"

/* -EINVAL, "OPTION VALUE: text". */
int options_refuse(
	struct problem *problem, const char *option, const char *value, const char *text);

/* --mem SIZE or SIZE@NODE,SIZE@NODE..., --numa mirror|none|N, --no-smt. */
int options_mem_set(struct options *opt, const char *value, struct problem *problem);
int options_numa_set(struct options *opt, const char *value, struct problem *problem);
int options_no_smt_set(struct options *opt, const char *value, struct problem *problem);

/* --config FILE. */
int options_config_set(struct options *opt, const char *value, struct problem *problem);
/* A setting of such a file: the word of a long option that shapes a guest, without "--". */
int options_word_set(
	struct options *opt, const char *word, const char *value, struct problem *problem);

/* Of options_ranks.c. */
int options_ranks_set(struct options *opt, const char *value, struct problem *problem);
int options_launcher_set(struct options *opt, const char *value, struct problem *problem);
int options_bind_set(struct options *opt, const char *value, struct problem *problem);
/* Do the words go together? (run) */
int options_ranks_check(const struct options *opt, struct problem *problem);

#endif
