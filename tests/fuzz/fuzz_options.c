/* SPDX-License-Identifier: MIT */
/* Command lines, one word a line; and each word as a size and as a list of CPUs. */
#include <errno.h>
#include <string.h>

#include "numa/options.h"
#include "tests/fuzz/fuzz.h"

#define MAX_WORDS 64

static void check_list(const char *text)
{
	uint16_t list[256], again[256];
	unsigned n = 0, m = 0;
	char formatted[4096];
	int err = cpulist_parse(text, list, 256, &n);

	MUST(err == 0 || err == -EINVAL || err == -ERANGE || err == -EEXIST);
	if (err)
		return;
	MUST(n <= 256);
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < i; k++)
			MUST(list[i] != list[k]);
	cpulist_format(list, n, formatted, sizeof(formatted));
	MUST(strlen(formatted) < sizeof(formatted));
	if (!n || strstr(formatted, "..."))
		return;
	MUST(cpulist_parse(formatted, again, 256, &m) == 0 && m == n);
	MUST(memcmp(list, again, n * sizeof(list[0])) == 0);
}

static void check_size(const char *text)
{
	char formatted[SIZE_TEXT_MAX];
	uint64_t bytes = 0;
	int err = size_parse(text, &bytes);

	MUST(err == 0 || err == -EINVAL);
	if (!err)
		MUST(bytes && size_format(bytes, formatted)[0]);
}

static void check_parts(const struct options *opt)
{
	uint64_t sum = 0;

	MUST(opt->nmem_parts <= OPTIONS_MAX_PARTS && opt->mem <= INT64_MAX);
	for (unsigned i = 0; i < opt->nmem_parts; i++) {
		MUST(opt->mem_part[i].size);
		sum += opt->mem_part[i].size;
		for (unsigned k = 0; k < i; k++)
			MUST(opt->mem_part[i].node != opt->mem_part[k].node);
	}
	MUST(!opt->nmem_parts || sum == opt->mem);
	MUST((opt->numa == NUMA_SPLIT) == (opt->numa_nodes > 0));
}

static void check_options(char *const *words, enum options_of of)
{
	static struct options opt;
	struct problem problem = {0};
	int err = options_parse(words, of, &opt, &problem);

	if (err) {
		MUST(err < 0 && problem.text[0] && !strchr(problem.text, '\n'));
		return;
	}
	MUST(memchr(opt.name, 0, sizeof(opt.name)));
	MUST(opt.nenv <= OPTIONS_MAX_ENV && opt.ncores <= 256 &&
		(!opt.have_cores || opt.ncores));
	MUST(opt.timeout_s >= 0);
	check_parts(&opt);
	for (unsigned i = 0; i < opt.nenv; i++)
		MUST(strchr(opt.env[i], '='));
	MUST(opt.help || of == OPTIONS_PLAN || (opt.guest && !opt.guest[0] == opt.detach));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1), *words[MAX_WORDS + 1] = {0}, *at = text;
	unsigned n = 0;

	memcpy(text, data, size);
	for (char *word; n < MAX_WORDS && (word = strsep(&at, "\n"));) {
		check_list(word);
		check_size(word);
		words[n++] = word;
	}
	check_options(words, OPTIONS_RUN);
	check_options(words, OPTIONS_PLAN);
	check_options(words, OPTIONS_EXEC);
	free(text);
	return 0;
}
