/* SPDX-License-Identifier: MIT */
/*
 * syscall_table FILE DEVIATIONS TEST.c...: FILE to standard output, with the table between its
 * two marks made anew from the list of system calls (guest-lwk/abi/syscalls_list.h), the lines
 * "CALL | what differs" of DEVIATIONS and the sources of the tests.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-lwk/abi/syscalls.h"
#include "tools/syscall_tests.h"

#define MARK_BEGIN "<!-- table of system calls: begin -->\n"
#define MARK_END   "<!-- table of system calls: end -->\n"

struct row {
	unsigned nr;
	const char *name, *class, *text;
	char *differs; /* NULL: as on Linux */
};

/* A row's words as they stand in the list. */
#define WORDS_LOCAL(function, ...)   #__VA_ARGS__
#define WORDS_FORWARD(when, ...)     #when ", " #__VA_ARGS__
#define WORDS_REFUSED(error, reason) #error ": " reason
#define ROW(nr, name, class, ...)    {nr, #name, #class, WORDS_##class(__VA_ARGS__), NULL},
static struct row rows[] = {ABI_SYSCALLS(ROW)};

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
	char test[128] = "";
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
	if (!tests_find(row->name, test, sizeof(test)) && strcmp(row->class, "REFUSED"))
		snprintf(test, sizeof(test), "none");
	printf("| %u | %s | %s | %.*s | %s | %s | %s |\n", row->nr, row->name,
		class_word(row->class), when_len, when, text, row->differs ? row->differs : "",
		test);
}

static void print_table(void)
{
	puts("| nr | call | by | interrupted | arguments, or why not | differs | test |");
	puts("|---|---|---|---|---|---|---|");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		print_row(&rows[i]);
}

static bool deviation_take(const char *line)
{
	const char *bar = strstr(line, " | ");

	for (size_t i = 0; bar && i < sizeof(rows) / sizeof(*rows); i++) {
		struct row *row = &rows[i];

		if (strlen(row->name) != (size_t)(bar - line) ||
			strncmp(row->name, line, (size_t)(bar - line)) != 0)
			continue;
		if (!strcmp(row->class, "REFUSED") || row->differs)
			return false;
		row->differs = strndup(bar + 3, strcspn(bar + 3, "\n"));
		return row->differs != NULL;
	}
	return false;
}

static bool deviations_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[256];
	bool good = file != NULL;

	while (good && fgets(line, sizeof(line), file)) {
		if (line[0] == '#' || deviation_take(line))
			continue;
		fprintf(stderr, "%s: no such call, or twice, or refused: %s", path, line);
		good = false;
	}
	if (file)
		fclose(file);
	return good;
}

static bool file_print(FILE *file)
{
	char line[4096];
	bool inside = false, seen = false;

	while (fgets(line, sizeof(line), file)) {
		if (!strcmp(line, MARK_END))
			inside = false;
		if (!inside)
			fputs(line, stdout);
		if (!strcmp(line, MARK_BEGIN)) {
			inside = seen = true;
			print_table();
		}
	}
	return seen && !inside;
}

int main(int argc, char **argv)
{
	FILE *file = argc > 3 ? fopen(argv[1], "re") : NULL;
	bool good = file && deviations_read(argv[2]);

	for (int i = 3; good && i < argc; i++) {
		good = tests_read(argv[i]);
		if (!good)
			fprintf(stderr, "syscall_table: %s cannot be read\n", argv[i]);
	}
	good = good && file_print(file);
	if (!good)
		fprintf(stderr, "usage: syscall_table FILE DEVIATIONS TEST.c...\n");
	if (file)
		fclose(file);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
