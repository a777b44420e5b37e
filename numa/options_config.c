/* SPDX-License-Identifier: MIT */
/*
 * --config FILE: a guest in a file, one option a line, "word = value"; the words are those of
 * the command line. Read when --config is met, so what is said after it wins.
 */
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "numa/options_parts.h"

#define MAX_WORDS 64

struct config {
	FILE *file;
	const char *path;
	struct options *opt;
	struct problem *problem;
	unsigned line;
	bool too_long;
	char seen[MAX_WORDS][16];
	unsigned nseen;
};

/*
 * One line for the library. It does not tell its handler the line's number, so we count; and
 * it takes an indented line for more of the value before, so none is indented.
 */
static char *line_read(char *text, int size, void *of)
{
	struct config *c = of;
	size_t len, blank;

	if (c->too_long || !fgets(text, size, c->file))
		return NULL;
	c->line++;
	len = strlen(text);
	if (len + 1 == (size_t)size && text[len - 1] != '\n') {
		c->too_long = true;
		return NULL;
	}
	blank = strspn(text, " \t");
	memmove(text, text + blank, len + 1 - blank);
	return text;
}

static int refuse(const struct config *c, unsigned line, const char *text)
{
	return problem_set(
		c->problem, -EINVAL, EXIT_LWVMM_FAILED, "%s:%u: %s", c->path, line, text);
}

static bool seen_before(struct config *c, const char *word)
{
	for (unsigned i = 0; i < c->nseen; i++)
		if (!strcmp(c->seen[i], word))
			return true;
	if (c->nseen < MAX_WORDS)
		snprintf(c->seen[c->nseen++], sizeof(c->seen[0]), "%s", word);
	return false;
}

/* The value lives in the library's buffer only: what is borrowed from it is kept. */
static void value_keep(struct options *opt, const char *value)
{
	if (opt->json != value)
		return;
	snprintf(opt->config_json, sizeof(opt->config_json), "%s", value);
	opt->json = opt->config_json;
}

/* 1: go on; 0: wrong, which the library remembers and goes on all the same. */
static int on_word(void *of, const char *section, const char *word, const char *value)
{
	struct config *c = of;
	struct problem inner = {0};
	char text[sizeof(inner.text)];

	if (c->problem->status)
		return 0;
	if (*section) {
		snprintf(text, sizeof(text), "[%.40s]: a guest has no sections: remove it",
			section);
	} else if (seen_before(c, word)) {
		snprintf(text, sizeof(text), "%.40s: is there twice: keep one", word);
	} else if (!options_word_set(c->opt, word, value, &inner)) {
		value_keep(c->opt, value);
		return 1;
	} else {
		memcpy(text, inner.text, sizeof(text));
	}
	refuse(c, c->line, text);
	return 0;
}

int options_config_set(struct options *opt, const char *value, struct problem *problem)
{
	struct config c = {.path = value, .opt = opt, .problem = problem};
	int line;

	c.file = fopen(value, "re");
	if (!c.file)
		return problem_set(problem, -errno, EXIT_LWVMM_FAILED,
			"%s: the guest's description cannot be read (%s): see lwvmm start "
			"--help for what belongs there",
			value, strerror(errno));
	line = ini_parse_stream(line_read, &c, on_word, &c);
	if (ferror(c.file))
		problem_set(problem, -EIO, EXIT_LWVMM_FAILED,
			"%s: the guest's description cannot be read: is it a file?", value);
	fclose(c.file);
	if (c.too_long)
		refuse(&c, c.line, "the line is too long: at most 198 characters");
	else if (line)
		refuse(&c, (unsigned)line, "not a setting: write word = value");
	return problem->status ? -EINVAL : 0;
}
