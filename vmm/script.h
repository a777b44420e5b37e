/* SPDX-License-Identifier: MIT */
/* The first line of a script, read as Linux reads it. No files here. */
#ifndef VMM_SCRIPT_H
#define VMM_SCRIPT_H

#include <stddef.h>

#define SCRIPT_HEAD  256 /* how much of a file Linux looks at */
#define SCRIPT_DEPTH 5   /* scripts whose interpreters are scripts, until the program */

struct script {
	char text[SCRIPT_HEAD + 1];
	const char *name; /* of the interpreter, in text */
	const char *arg;  /* the rest of the line, one argument; NULL: none */
};

/*
 * `head` holds the file's first SCRIPT_HEAD bytes, zeros behind a shorter one's end. 1: a
 * script; 0: no script; -ENOEXEC: "#!" without a name, or with one that is cut off.
 */
int script_parse(const char head[SCRIPT_HEAD], struct script *script);

#endif
