/* SPDX-License-Identifier: MIT */
#include "tools/syscall_tests.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SOURCES 256

static struct source {
	char *text;
	char folder[32], name[64]; /* tests/FOLDER/NAME.c */
} sources[MAX_SOURCES];
static unsigned nsources;

/* What the C library calls them, where it is not their name. */
static const struct {
	const char *call, *function;
} wrappers[] = {{"rt_sigaction", "sigaction"}, {"rt_sigprocmask", "sigprocmask"},
	{"rt_sigpending", "sigpending"}, {"rt_sigtimedwait", "sigtimedwait"},
	{"rt_sigqueueinfo", "sigqueue"}, {"rt_sigsuspend", "sigsuspend"}, {"pread64", "pread"},
	{"pwrite64", "pwrite"}, {"newfstatat", "fstatat"}, {"newfstatat", "stat"},
	{"openat", "open"}, {"getdents64", "readdir"}, {"clone3", "pthread_create"},
	{"exit_group", "exit"}, {"prlimit64", "getrlimit"}, {"brk", "sbrk"},
	{"fadvise64", "posix_fadvise"}, {"ppoll", "poll"}, {"clock_nanosleep", "usleep"},
	{"set_robust_list", "pthread_create"}, {"set_tid_address", "pthread_create"},
	{"tgkill", "raise"}, {"mlock2", "mlock"}, {"semop", "semtimedop"},
	{"prlimit64", "prlimit"}};

static char *file_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

/* Words in comments are no calls. */
static void comments_blank(char *text)
{
	char *end;

	while ((text = strstr(text, "/*"))) {
		end = strstr(text, "*/");
		if (!end)
			return;
		memset(text, ' ', (size_t)(end + 2 - text));
	}
}

bool tests_read(const char *path)
{
	struct source *s = &sources[nsources];
	const char *name = strrchr(path, '/'), *folder = name;

	if (!name || nsources == MAX_SOURCES || !(s->text = file_read(path)))
		return false;
	while (folder > path && folder[-1] != '/')
		folder--;
	snprintf(s->folder, sizeof(s->folder), "%.*s", (int)(name - folder), folder);
	snprintf(s->name, sizeof(s->name), "%.*s", (int)strcspn(name + 1, "."), name + 1);
	comments_blank(s->text);
	nsources++;
	return true;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The next place where `word` stands alone. */
static const char *word_find(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len)
		if ((at == text || !is_word(at[-1])) && !is_word(at[len]))
			return at;
	return NULL;
}

/* CASE(name, call, call...) at the start of a line. */
static bool case_find(const struct source *s, const char *call, char *test, size_t size)
{
	for (const char *at = s->text; (at = strstr(at, "\nCASE(")); at++) {
		const char *name = at + 6, *comma = name + strcspn(name, ",)");
		const char *end = comma + strcspn(comma, ")");
		const char *found = word_find(comma, call);

		if (found && found < end) {
			snprintf(test, size, "%s/%s-%.*s", s->folder, s->name,
				(int)(comma - name), name);
			return true;
		}
	}
	return false;
}

static bool function_called(const struct source *s, const char *function)
{
	for (const char *at = s->text; (at = word_find(at, function)); at++)
		if (at[strlen(function)] == '(')
			return true;
	return false;
}

static bool program_calls(const struct source *s, const char *call)
{
	char number[64];

	snprintf(number, sizeof(number), "SYS_%s", call);
	if (word_find(s->text, number) || function_called(s, call))
		return true;
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(*wrappers); i++)
		if (!strcmp(wrappers[i].call, call) && function_called(s, wrappers[i].function))
			return true;
	return false;
}

bool tests_find(const char *call, char *test, size_t size)
{
	/* A case that names the call tells more than a program that happens to make it. */
	for (unsigned i = 0; i < nsources; i++)
		if (!strcmp(sources[i].folder, "abi") &&
			case_find(&sources[i], call, test, size))
			return true;
	for (unsigned i = 0; i < nsources; i++) {
		if (!strcmp(sources[i].folder, "abi") || !program_calls(&sources[i], call))
			continue;
		snprintf(test, size, "%s/%s", sources[i].folder, sources[i].name);
		return true;
	}
	return false;
}
