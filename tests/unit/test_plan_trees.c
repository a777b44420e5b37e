/* SPDX-License-Identifier: MIT */
/*
 * Whole hosts, as their sysfs tells of them, and what `lwvmm plan` says there. tests/numa has a
 * NAME.tree (lines PATH:LINE, as tests/numa/capture.sh prints them; # begins a comment) and a
 * NAME.golden: lines "$ lwvmm plan ..." (or "$ sudo lwvmm plan ...", for who may grow pools),
 * each followed by what it prints. To make the answers anew, after looking at the difference:
 *
 *     build/tests/unit/test_plan_trees --update
 */
#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "numa/plan.h"

#define COMMAND  "$ "
#define MAX_WORD 32

static char root[64];

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* Appends a line to a file below the root, and makes the folders on the way. */
static void put(const char *path, const char *line)
{
	char full[1200];
	FILE *file;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/'));
		*slash++ = '/') {
		*slash = '\0';
		mkdir(full, 0755);
	}
	file = fopen(full, "a");
	must(file != NULL, full);
	fprintf(file, "%s\n", line);
	fclose(file);
}

static void tree_write(const char *name)
{
	FILE *tree = fopen(name, "r");
	char line[1024];

	must(tree != NULL, name);
	snprintf(root, sizeof(root), "/tmp/lwvmm-tree-XXXXXX");
	must(mkdtemp(root) != NULL, root);
	while (fgets(line, sizeof(line), tree)) {
		char *colon = strchr(line, ':');

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || !colon)
			continue;
		*colon = '\0';
		put(line, colon + 1);
	}
	fclose(tree);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

/* What cmd_plan() does, on the tree, with a guest of a known name. */
static int plan_say(char *const *words, bool may_grow, FILE *out, struct problem *problem)
{
	static struct options opt;
	static struct host host;
	static struct plan plan;
	int err = options_parse(words, true, &opt, problem);

	if (!err && !opt.name[0])
		snprintf(opt.name, sizeof(opt.name), "guest");
	if (!err)
		err = host_read(root, &host, problem);
	/* Who runs this test may write to the tree whatever it says. */
	host.may_grow_pools = may_grow;
	if (!err)
		err = plan_make(&opt, &host, &plan, problem);
	if (err)
		return err;
	if (opt.plan_json)
		plan_print_json(&plan, out);
	else
		plan_print(&plan, &host, out);
	return 0;
}

static void command_run(const char *command, FILE *out)
{
	char *text = strdup(command), *words[MAX_WORD + 1] = {0}, *save = NULL;
	struct problem problem = {0};
	bool sudo;
	unsigned n = 0;

	fprintf(out, COMMAND "%s\n", command);
	must(text != NULL, command);
	for (char *w = strtok_r(text, " ", &save); w && n < MAX_WORD;
		w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	sudo = n && strcmp(words[0], "sudo") == 0;
	if (n < 2U + sudo || plan_say(words + 2 + sudo, sudo, out, &problem))
		fprintf(out, "lwvmm: %s\n", problem.text);
	free(text);
}

/* The commands of a golden file again, with what they say now. */
static unsigned golden_make(const char *golden, FILE *out)
{
	FILE *file = fopen(golden, "r");
	char line[4096];
	unsigned n = 0;

	must(file != NULL, golden);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, COMMAND, strlen(COMMAND)) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (n++)
			fputc('\n', out);
		command_run(line + strlen(COMMAND), out);
	}
	fclose(file);
	return n;
}

static bool tree_check(const char *tree, bool update)
{
	char golden[512], now[] = "/tmp/lwvmm-golden-XXXXXX", diff[1200];
	int fd = mkstemp(now);
	FILE *out;
	bool good;

	must(fd >= 0, now);
	out = fdopen(fd, "w");
	if (!out) {
		perror(now);
		close(fd);
		return false;
	}
	snprintf(golden, sizeof(golden), "%.*s.golden", (int)(strlen(tree) - strlen(".tree")),
		tree);
	tree_write(tree);
	good = golden_make(golden, out) > 0;
	must(fclose(out) == 0, now);
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	snprintf(diff, sizeof(diff), update ? "cp '%s' '%s'" : "diff -u '%2$s' '%1$s'", now,
		golden);
	good = system(diff) == 0 && good;
	unlink(now);
	printf("%s %s\n", good ? "ok" : "not ok", golden);
	return good;
}

int main(int argc, char **argv)
{
	bool update = argc > 1 && strcmp(argv[1], "--update") == 0, good = true;
	glob_t trees;

	must(glob(TREES "/*.tree", 0, NULL, &trees) == 0, TREES);
	for (size_t i = 0; i < trees.gl_pathc; i++)
		good &= tree_check(trees.gl_pathv[i], update);
	globfree(&trees);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
