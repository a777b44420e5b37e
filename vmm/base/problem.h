/* SPDX-License-Identifier: MIT */
/*
 * The one way in which set-up fails.
 *
 * Every set-up function takes a `struct problem *` and returns 0 or -errno. The first function
 * that knows what is wrong fills the problem; its callers only undo their own work and pass the
 * number on. main() alone prints it, as one line:   lwvmm: OBJECT: what is wrong: what to do
 */
#ifndef VMM_BASE_PROBLEM_H
#define VMM_BASE_PROBLEM_H

/* Exit statuses of lwvmm itself (design.md section 4); a program's own status is passed
 * through. */
enum {
	EXIT_LWVMM_TIMEOUT = 124,      /* --timeout ran out */
	EXIT_LWVMM_FAILED = 125,       /* lwvmm itself failed */
	EXIT_LWVMM_NOT_RUNNABLE = 126, /* the file is there but is nothing we can run */
	EXIT_LWVMM_NOT_FOUND = 127,    /* no such file */
};

struct problem {
	int status;     /* exit status, 0 while nothing is wrong */
	char text[960]; /* "OBJECT: what is wrong: what to do", no newline */
};

/*
 * Fills *p unless it already holds an earlier (closer) cause, and returns `err` (a negative
 * errno), so that `return problem_set(p, -ENOMEM, EXIT_LWVMM_FAILED, "...")` is the whole
 * failure path.
 */
int problem_set(struct problem *p, int err, int status, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Prints "lwvmm: TEXT\n" to stderr with one write(2), so that lines of two processes do not
 * mix. */
void problem_print(const struct problem *p);

/* The same for what is not an error: a note the user should see ("lwvmm: note: ..."). */
void note_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
