/* SPDX-License-Identifier: MIT */
/*
 * syscall_table FILE: FILE to standard output, with the table between its two marks made anew
 * from the list of system calls (guest-lwk/abi/syscalls_list.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-lwk/abi/syscalls.h"

#define MARK_BEGIN "<!-- table of system calls: begin -->\n"
#define MARK_END   "<!-- table of system calls: end -->\n"

struct row {
	unsigned nr;
	const char *name, *class, *text;
};

/* A row's words as they stand in the list. */
#define WORDS_LOCAL(function, ...)   #__VA_ARGS__
#define WORDS_FORWARD(when, ...)     #when ", " #__VA_ARGS__
#define WORDS_REFUSED(error, reason) #error ": " reason
#define ROW(nr, name, class, ...)    {nr, #name, #class, WORDS_##class(__VA_ARGS__)},
static const struct row rows[] = {ABI_SYSCALLS(ROW)};

static const char *class_word(const char *class)
{
	if (!strcmp(class, "LOCAL"))
		return "LWK";
	return strcmp(class, "FORWARD") ? "refused" : "proxy";
}

/* FORWARD: "RESTART, arguments": the first word into a column of its own. */
static void print_row(const struct row *row)
{
	const char *text = row->text, *when = "";
	int when_len = 0;

	if (!strcmp(row->class, "FORWARD")) {
		const char *comma = strchr(text, ',');

		when_len = (int)(comma - text);
		when = text;
		text = comma + 2;
	}
	if (!strncmp(when, "PROMPT", 6))
		when_len = 0;
	if (!strcmp(text, "none"))
		text = "";
	printf("| %u | %s | %s | %.*s | %s |\n", row->nr, row->name, class_word(row->class),
		when_len, when, text);
}

static void print_table(void)
{
	puts("| nr | call | by | interrupted | arguments, or why not |");
	puts("|---|---|---|---|---|");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		print_row(&rows[i]);
}

int main(int argc, char **argv)
{
	FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;
	char line[4096];
	int inside = 0, seen = 0;

	if (!file) {
		fprintf(stderr, "syscall_table: which file?\n");
		return EXIT_FAILURE;
	}
	while (fgets(line, sizeof(line), file)) {
		if (!strcmp(line, MARK_END))
			inside = 0;
		if (!inside)
			fputs(line, stdout);
		if (!strcmp(line, MARK_BEGIN)) {
			inside = seen = 1;
			print_table();
		}
	}
	fclose(file);
	return seen && !inside ? EXIT_SUCCESS : EXIT_FAILURE;
}
