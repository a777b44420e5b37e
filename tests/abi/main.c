/* SPDX-License-Identifier: MIT */
/*
 * abi FAMILY-NAME          runs this case
 * abi --list               the names of all
 * abi --calls              a line a system call of the list, with the cases that show it
 * abi --coverage UNTESTED  calls that have no case and are not in UNTESTED, or are in both
 * abi --ring ...           see ring.c
 */
#include "abi.h"
#include "ring.h"

#include "guest-lwk/abi/syscalls.h"

extern const struct abi_case *const __start_abi_cases[], *const __stop_abi_cases[];

struct call {
	const char *name;
	unsigned char class;
};
#define CALL_ROW(nr, name, class, ...) {#name, ABI_##class},
static const struct call calls[] = {ABI_SYSCALLS(CALL_ROW)};

size_t abi_cases_count(void)
{
	return (size_t)(__stop_abi_cases - __start_abi_cases);
}

void abi_case_name(size_t i, char name[ABI_NAME_MAX])
{
	const struct abi_case *c = __start_abi_cases[i];
	const char *slash = strrchr(c->file, '/'), *file = slash ? slash + 1 : c->file;

	snprintf(name, ABI_NAME_MAX, "%.*s-%s", (int)strcspn(file, "."), file, c->name);
}

/* Is the word in the list "a, b, c"? */
static int list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ", ");

		if (n == len && !strncmp(p, word, n))
			return 1;
		p += n;
		p += strspn(p, ", ");
	}
	return 0;
}

/* Words that are no system call: a mistake in a CASE(). */
static int unknown_words(const struct abi_case *c)
{
	int bad = 0;

	for (const char *p = c->calls; *p; p += strspn(p, ", ")) {
		size_t n = strcspn(p, ", "), i = 0;

		while (i < ARRAY_LEN(calls) &&
			(strlen(calls[i].name) != n || strncmp(calls[i].name, p, n) != 0))
			i++;
		if (i == ARRAY_LEN(calls)) {
			printf("%s: %.*s is no system call\n", c->name, (int)n, p);
			bad = 1;
		}
		p += n;
	}
	return bad;
}

static int shown(const char *call, int print)
{
	int n = 0;
	char name[ABI_NAME_MAX];

	for (size_t i = 0; i < abi_cases_count(); i++) {
		if (!list_has(__start_abi_cases[i]->calls, call))
			continue;
		n++;
		if (print) {
			abi_case_name(i, name);
			printf(" %s", name);
		}
	}
	return n;
}

static int list_calls(void)
{
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		printf("%s", calls[i].name);
		shown(calls[i].name, 1);
		putchar('\n');
	}
	return 0;
}

/* Is there a line "CALL | reason" in the file? */
static int is_excused(const char *file, const char *call)
{
	FILE *f = fopen(file, "re");
	char line[512];
	int found = 0;

	if (!f) {
		fprintf(stderr, "%s: %s\n", file, strerror(errno));
		exit(2);
	}
	while (!found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, " |\n")] = '\0';
		found = !strcmp(line, call);
	}
	fclose(f);
	return found;
}

static int coverage(const char *untested)
{
	int bad = 0;

	for (size_t i = 0; i < abi_cases_count(); i++)
		bad |= unknown_words(__start_abi_cases[i]);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		int has = shown(calls[i].name, 0),
		    excused = is_excused(untested, calls[i].name);

		if (has && excused)
			printf("%s has cases and is listed as untested\n", calls[i].name);
		else if (!has && !excused && calls[i].class != ABI_REFUSED)
			printf("%s has no case\n", calls[i].name);
		else
			continue;
		bad = 1;
	}
	return bad;
}

static int run_case(const char *wanted)
{
	char name[ABI_NAME_MAX];

	for (size_t i = 0; i < abi_cases_count(); i++) {
		abi_case_name(i, name);
		if (strcmp(name, wanted) != 0)
			continue;
		__start_abi_cases[i]->run();
		return fflush(stdout) == 0 ? 0 : ABI_BROKEN;
	}
	fprintf(stderr, "abi: %s: no such case\n", wanted);
	return 2;
}

int main(int argc, char **argv)
{
	char name[ABI_NAME_MAX];

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (size_t i = 0; i < abi_cases_count(); i++) {
			abi_case_name(i, name);
			puts(name);
		}
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--calls"))
		return list_calls();
	if (argc == 3 && !strcmp(argv[1], "--coverage"))
		return coverage(argv[2]);
	if (argc >= 2 && !strcmp(argv[1], "--ring"))
		return abi_ring(argc - 2, argv + 2);
	if (argc == 2)
		return run_case(argv[1]);
	fputs("abi: which case?\n", stderr);
	return 2;
}
