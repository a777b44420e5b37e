/* SPDX-License-Identifier: MIT */
#include "vmm/script.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *skip_blanks(char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at;
}

/* The end of the word at `at`: a blank, a zero byte or the line's end. */
static char *word_end(char *at, const char *end)
{
	while (at < end && *at && !is_blank(*at))
		at++;
	return at;
}

int script_parse(const char head[SCRIPT_HEAD], struct script *script)
{
	char *text = script->text, *end, *name, *stop;

	if (head[0] != '#' || head[1] != '!')
		return 0;
	memcpy(text, head, SCRIPT_HEAD);
	text[SCRIPT_HEAD] = '\0';
	end = memchr(text, '\n', SCRIPT_HEAD);
	if (!end) {
		/* A longer line loses its end, but never a part of the name. */
		end = text + SCRIPT_HEAD - 1;
		if (word_end(skip_blanks(text + 2, end), end) == end)
			return -ENOEXEC;
	}
	while (end > text + 2 && is_blank(end[-1]))
		end--;
	*end = '\0';
	name = skip_blanks(text + 2, end);
	if (!*name)
		return -ENOEXEC;
	stop = word_end(name, end);
	script->name = name;
	script->arg = NULL;
	if (is_blank(*stop)) {
		*stop = '\0';
		script->arg = skip_blanks(stop + 1, end);
	}
	return 1;
}
