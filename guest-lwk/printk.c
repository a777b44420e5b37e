/* SPDX-License-Identifier: MIT */
/* The kernel's log, a line a hypercall, and its end. */
#include "guest-lwk/core.h"
#include "guest-lwk/pmem.h"

#include <stdarg.h>

struct line {
	char *text;
	u32 len, size;
};

static void put(struct line *line, char c)
{
	if (line->len < line->size)
		line->text[line->len++] = c;
}

static void put_number(struct line *line, u64 value, u32 base)
{
	char digits[20];
	u32 n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		put(line, digits[--n]);
}

/* %s %d %u %x %lu %lx %p */
static u32 format(char *text, u32 size, const char *fmt, va_list ap)
{
	struct line line = {.text = text, .size = size};

	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&line, *fmt);
			continue;
		}
		bool wide = *++fmt == 'l';

		if (wide)
			fmt++;
		if (*fmt == 's') {
			for (const char *s = va_arg(ap, const char *); *s; s++)
				put(&line, *s);
		} else if (*fmt == 'd') {
			s64 value = wide ? va_arg(ap, s64) : va_arg(ap, s32);

			if (value < 0)
				put(&line, '-');
			put_number(&line, value < 0 ? -(u64)value : (u64)value, 10);
		} else {
			u64 value = wide || *fmt == 'p' ? va_arg(ap, u64) : va_arg(ap, u32);

			put_number(&line, value, *fmt == 'u' ? 10 : 16);
		}
	}
	return line.len;
}

/* Buffers in the image, whose gpa is known, one a core. */
static char lines[ABI_MAX_CORES][128];

static u64 image_gpa(const void *ptr)
{
	return (u64)ptr - ABI_IMAGE_VA;
}

void printk(const char *fmt, ...)
{
	char *text = lines[this_core()->index];
	va_list ap;

	va_start(ap, fmt);
	u32 len = format(text, sizeof(lines[0]), fmt, ap);
	va_end(ap);
	core_hypercall(ABI_HC_PRINT, image_gpa(text), len, 0);
}

void panic(const char *fmt, ...)
{
	struct core *core = this_core();
	struct abi_panic *p = &machine.share->panic[core->index];
	va_list ap;

	va_start(ap, fmt);
	u32 len = format(p->text, sizeof(p->text) - 1, fmt, ap);
	va_end(ap);
	p->text[len] = 0;
	p->core = core->index;
	for (;;)
		core_hypercall(ABI_HC_PANIC, ptr_to_gpa(p), 0, 0);
}
