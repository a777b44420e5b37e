/* SPDX-License-Identifier: MIT */
/*
 * One system call as a line of text, in the manner of strace(1). Pure: what is in memory has
 * been captured before (trace_capture.h), the rest are numbers.
 */
#ifndef VMM_TRACE_TRACE_TEXT_H
#define VMM_TRACE_TRACE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_LINE_MAX 2048

struct trace_call {
	uint32_t nr, tid;
	uint64_t arg[6];
	char *const *text; /* six, of what arguments point to; NULL: show the address */
	int64_t ret;
	uint64_t ns;
	bool left;      /* its thread ended in it: no result */
	bool forwarded; /* the proxy made it, or makes it */
	bool own;       /* the LWK's own, made on the way through another call */
};

/* A text under construction: what does not fit is cut off. */
struct trace_out {
	char *at, *end; /* *at is 0; end is behind the last byte */
};

void trace_put(struct trace_out *out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The line, with its newline. Its length, below TRACE_LINE_MAX. */
size_t trace_line(const struct trace_call *call, char line[TRACE_LINE_MAX]);

/* Bytes as a C string in quotation marks, "..." behind it if there are more. */
void trace_put_bytes(struct trace_out *out, const void *bytes, size_t len, bool more);

/*
 * trace_names.c: argument `arg` of call nr by name where it has one ("O_RDONLY|O_CLOEXEC").
 * False: nothing was put.
 */
bool trace_put_name(struct trace_out *out, unsigned nr, unsigned arg, uint64_t value);

/* How many of its arguments the call looks at: of open, futex and fcntl others tell. At most 6.
 */
unsigned trace_args_used(unsigned nr, const uint64_t arg[6]);

/* " = %ld", or as what else the call's good results are shown. */
const char *trace_result_format(unsigned nr);

#endif
