/* SPDX-License-Identifier: MIT */
#include "vmm/base/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

int problem_set(struct problem *p, int err, int status, const char *fmt, ...)
{
	va_list ap;

	if (p->status)
		return err;
	p->status = status;
	va_start(ap, fmt);
	vsnprintf(p->text, sizeof(p->text), fmt, ap);
	va_end(ap);
	return err;
}

static void line_write(const char *prefix, const char *text)
{
	char line[1024];
	int len = snprintf(line, sizeof(line), "lwvmm: %s%s\n", prefix, text);

	if (len >= (int)sizeof(line)) {
		len = sizeof(line) - 1;
		line[len - 1] = '\n';
	}
	/* Nothing can be done when stderr itself is gone. */
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

void problem_print(const struct problem *p)
{
	line_write("", p->text);
}

void note_print(const char *fmt, ...)
{
	char text[960];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line_write("note: ", text);
}
