/* SPDX-License-Identifier: MIT */
/* The words after `lwvmm run` or `lwvmm plan`, to a value. Nothing is looked up on the host
 * here. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "numa/options_parts.h"

int options_refuse(
	struct problem *problem, const char *option, const char *value, const char *text)
{
	return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED, "%s%s%s: %s", option,
		*value ? " " : "", value, text);
}

/* The name becomes part of file names (control socket, lease): keep it to harmless characters.
 */
static int name_set(struct options *opt, const char *value, struct problem *problem)
{
	size_t len = strlen(value);

	if (len == 0 || len >= sizeof(opt->name))
		return options_refuse(
			problem, "--name", value, "a name has 1 to 63 characters");
	for (const char *c = value; *c; c++) {
		if (!isalnum((unsigned char)*c) && (c == value || !strchr("-_.", *c)))
			return options_refuse(problem, "--name", value,
				"not a name: use letters, digits, '-', '_' and '.', a letter "
				"or digit "
				"first");
	}
	memcpy(opt->name, value, len + 1);
	return 0;
}

static int cores_set(struct options *opt, const char *value, struct problem *problem)
{
	const unsigned max = sizeof(opt->core) / sizeof(opt->core[0]);
	int err = cpulist_parse(value, opt->core, max, &opt->ncores);

	if (err == -EEXIST)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--cores %s: core %u is named twice: name each core once", value,
			opt->core[opt->ncores]);
	if (err == -ERANGE)
		return options_refuse(problem, "--cores", value,
			"more than 256 cores, or a core beyond any machine: name fewer");
	if (err)
		return options_refuse(
			problem, "--cores", value, "not a list of cores: write it like 0-3,8");
	opt->have_cores = true;
	return 0;
}

static int page_set(struct options *opt, const char *value, struct problem *problem)
{
	static const char *const word[] = {
		[PAGE_AUTO] = "auto", [PAGE_4K] = "4K", [PAGE_2M] = "2M", [PAGE_1G] = "1G"};

	for (unsigned i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		if (strcasecmp(value, word[i]) == 0) {
			opt->page = (enum page_choice)i;
			return 0;
		}
	}
	return options_refuse(
		problem, "--page", value, "no such page size: auto, 1G, 2M or 4K");
}

static int commit_set(struct options *opt, const char *value, struct problem *problem)
{
	if (strcmp(value, "request") == 0)
		opt->commit = COMMIT_REQUEST;
	else if (strcmp(value, "touch") == 0)
		opt->commit = COMMIT_TOUCH;
	else
		return options_refuse(
			problem, "--commit", value, "no such mode: request or touch");
	return 0;
}

static int window_set(struct options *opt, const char *value, struct problem *problem)
{
	if (strcmp(value, "0") != 0 && size_parse(value, &opt->window))
		return options_refuse(problem, "--window", value,
			"not a size: give a number with K, M, G or T, or 0 for none");
	if (opt->window > OPTIONS_MAX_WINDOW)
		return options_refuse(
			problem, "--window", value, "more than 1 TiB: ask for less");
	opt->have_window = true;
	return 0;
}

static int env_add(struct options *opt, const char *value, struct problem *problem)
{
	if (value[0] == '=' || !strchr(value, '='))
		return options_refuse(
			problem, "--env", value, "not a variable: write NAME=VALUE");
	if (opt->nenv == OPTIONS_MAX_ENV)
		return options_refuse(problem, "--env", value,
			"more than 256 variables: export them before lwvmm instead");
	opt->env[opt->nenv++] = value;
	return 0;
}

static int timeout_set(struct options *opt, const char *value, struct problem *problem)
{
	char *end;
	double s = strtod(value, &end);

	/* A digit or point first and no 'x': no sign, blank, "inf", "nan" or hexadecimal. */
	if ((!isdigit((unsigned char)*value) && *value != '.') || *end ||
		strpbrk(value, "xX") || !isfinite(s) || s <= 0 || s > 1e9)
		return options_refuse(problem, "--timeout", value,
			"not a time: give seconds above zero, like 30 or 0.5");
	opt->timeout_s = s;
	return 0;
}

int user_parse(const char *text, uint32_t *uid, uint32_t *gid)
{
	char *end;
	unsigned long u = strtoul(text, &end, 10), g = u;

	if (isdigit((unsigned char)*text) && *end == ':' && isdigit((unsigned char)end[1]))
		g = strtoul(end + 1, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || u >= UINT32_MAX || g >= UINT32_MAX)
		return -EINVAL;
	*uid = (uint32_t)u;
	*gid = (uint32_t)g;
	return 0;
}

static int user_set(struct options *opt, const char *value, struct problem *problem)
{
	if (user_parse(value, &opt->uid, &opt->gid))
		return options_refuse(problem, "--user", value,
			"not a user: give UID or UID:GID, in numbers (see id)");
	opt->have_user = true;
	return 0;
}

static int json_set(struct options *opt, const char *value, struct problem *problem)
{
	if (!*value)
		return options_refuse(problem, "--json", value, "needs the name of a file");
	opt->json = value;
	return 0;
}

static int stats_set(struct options *opt, const char *value, struct problem *problem)
{
	opt->stats = true;
	return 0;
}

static int trace_set(struct options *opt, const char *value, struct problem *problem)
{
	opt->trace = value;
	return 0;
}

static int detach_set(struct options *opt, const char *value, struct problem *problem)
{
	opt->detach = true;
	return 0;
}

static int plan_json_set(struct options *opt, const char *value, struct problem *problem)
{
	opt->plan_json = true;
	return 0;
}

static int help_set(struct options *opt, const char *value, struct problem *problem)
{
	opt->help = true;
	return 0;
}

static int verbose_add(struct options *opt, const char *value, struct problem *problem)
{
	opt->verbose++;
	return 0;
}

static int verbose_add_two(struct options *opt, const char *value, struct problem *problem)
{
	opt->verbose += 2;
	return 0;
}

static int label_set(struct options *opt, const char *value, struct problem *problem)
{
	size_t len = strlen(value);

	if (!len || len >= OPTIONS_LABEL_SIZE ||
		value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_.:")])
		return options_refuse(problem, "--label", value,
			"not a label: up to 47 letters, digits, '-', '_', '.', ':'");
	opt->label = value;
	return 0;
}

/* "--word VALUE" or "--word=VALUE"; MAYBE only in the second way. */
enum takes { NO_VALUE, VALUE, MAYBE };

struct option_word {
	const char *word;
	enum takes value;
	int (*set)(struct options *opt, const char *value, struct problem *problem);
};

static const struct option_word json_of_plan = {"--json", NO_VALUE, plan_json_set};

static const struct option_word option_words[] = {
	{"--bind", VALUE, options_bind_set},
	{"--commit", VALUE, commit_set},
	{"--config", VALUE, options_config_set},
	{"--cores", VALUE, cores_set},
	{"--detach", NO_VALUE, detach_set},
	{"--env", VALUE, env_add},
	{"--help", NO_VALUE, help_set},
	{"--json", VALUE, json_set},
	{"--label", VALUE, label_set},
	{"--launcher", VALUE, options_launcher_set},
	{"--mem", VALUE, options_mem_set},
	{"--name", VALUE, name_set},
	{"--no-smt", NO_VALUE, options_no_smt_set},
	{"--numa", VALUE, options_numa_set},
	{"--page", VALUE, page_set},
	{"--ranks", VALUE, options_ranks_set},
	{"--stats", NO_VALUE, stats_set},
	{"--timeout", VALUE, timeout_set},
	{"--trace", MAYBE, trace_set},
	{"--user", VALUE, user_set},
	{"--verbose", NO_VALUE, verbose_add},
	{"--window", VALUE, window_set},
	{"-h", NO_VALUE, help_set},
	{"-v", NO_VALUE, verbose_add},
	{"-vv", NO_VALUE, verbose_add_two},
};

/* What shapes the guest is no longer to be said when it runs. */
static bool word_known(const struct option_word *w, enum options_of of)
{
	if (of == OPTIONS_EXEC)
		return w->set == cores_set || w->set == options_bind_set || w->set == env_add ||
		       w->set == label_set || w->set == timeout_set || w->set == trace_set ||
		       w->set == help_set || w->set == verbose_add || w->set == verbose_add_two;
	if (w->set == label_set)
		return false;
	return of == OPTIONS_RUN ||
	       (w->set != detach_set && w->set != trace_set && w->set != options_ranks_set &&
		       w->set != options_launcher_set && w->set != options_bind_set);
}

static const struct option_word *word_find(const char *text, size_t len, enum options_of of)
{
	for (unsigned i = 0; i < sizeof(option_words) / sizeof(option_words[0]); i++) {
		const struct option_word *w = &option_words[i];

		if (strlen(w->word) != len || memcmp(w->word, text, len) != 0)
			continue;
		if (!word_known(w, of))
			return NULL;
		return of == OPTIONS_PLAN && w->set == json_set ? &json_of_plan : w;
	}
	return NULL;
}

/* What describes a guest, rather than a program or this start of it. */
static bool word_in_config(const struct option_word *w)
{
	return w->set == cores_set || w->set == options_mem_set || w->set == name_set ||
	       w->set == options_no_smt_set || w->set == options_numa_set ||
	       w->set == page_set || w->set == commit_set || w->set == window_set ||
	       w->set == stats_set || w->set == json_set || w->set == user_set ||
	       (w->set == verbose_add && w->word[1] == '-');
}

int options_word_set(
	struct options *opt, const char *word, const char *value, struct problem *problem)
{
	const struct option_word *w = NULL;

	for (unsigned i = 0; i < sizeof(option_words) / sizeof(option_words[0]); i++)
		if (word_in_config(&option_words[i]) && !strcmp(option_words[i].word + 2, word))
			w = &option_words[i];
	if (!w)
		return options_refuse(problem, word, "",
			"no such word here: the words are the options of lwvmm run that shape "
			"a guest, without --");
	if (w->value == VALUE)
		return w->set(opt, value, problem);
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return options_refuse(problem, word, value, "write yes or no");
	return value[0] == 'y' ? w->set(opt, "", problem) : 0;
}

/* Takes one option and, if it has one, its value. Leaves *argv behind them. */
static int word_parse(
	char *const **argv, enum options_of of, struct options *opt, struct problem *problem)
{
	static const char *const command[] = {"run", "plan", "exec"};
	const char *text = *(*argv)++;
	const char *equals = strncmp(text, "--", 2) == 0 ? strchr(text, '=') : NULL;
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	const struct option_word *w = word_find(text, len, of);

	if (!w)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"%s: no such option: see lwvmm %s --help", text, command[of]);
	if (w->value != VALUE && !equals)
		return w->set(opt, "", problem);
	if (equals && w->value == NO_VALUE)
		return options_refuse(problem, w->word, equals + 1, "takes no value");
	if (equals)
		return w->set(opt, equals + 1, problem);
	if (!**argv)
		return options_refuse(problem, w->word, "", "needs a value");
	return w->set(opt, *(*argv)++, problem);
}

/* A detached guest has a name, and no program for which the other options would be. */
static int detach_check(const struct options *opt, struct problem *problem)
{
	if (opt->have_user && geteuid() != 0)
		return problem_set(problem, -EPERM, EXIT_LWVMM_FAILED,
			"--user: only root gives a guest to another user: start it as that "
			"user");
	if (*opt->guest)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--detach: takes no program: start the guest, then run %s in it with "
			"lwvmm exec",
			*opt->guest);
	if (!opt->name[0])
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--detach: the guest needs a name by which exec finds it: --name N");
	if (opt->nenv || opt->timeout_s > 0 || opt->trace)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"--detach: --env, --timeout and --trace are of programs: give them to "
			"lwvmm "
			"exec");
	return 0;
}

int options_parse(
	char *const *argv, enum options_of of, struct options *opt, struct problem *problem)
{
	*opt = (struct options){0};
	while (*argv && (*argv)[0] == '-' && (*argv)[1] != '\0') {
		int err;

		if (strcmp(*argv, "--") == 0) {
			argv++;
			break;
		}
		err = word_parse(&argv, of, opt, problem);
		if (err)
			return err;
		if (opt->help)
			break;
	}
	opt->guest = argv;
	if (opt->help || of == OPTIONS_PLAN)
		return 0;
	if (of == OPTIONS_RUN && options_ranks_check(opt, problem))
		return -EINVAL;
	if (opt->detach)
		return detach_check(opt, problem);
	if (opt->have_user)
		return options_refuse(
			problem, "--user", "", "is of a guest that is kept: with --detach");
	if (!*argv && of == OPTIONS_EXEC)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"exec: no program is named: lwvmm exec NAME [OPTIONS] -- PROGRAM "
			"[ARGS...]");
	if (!*argv)
		return problem_set(problem, -EINVAL, EXIT_LWVMM_FAILED,
			"run: no guest is named: lwvmm run [OPTIONS] GUEST [ARGS...]");
	return 0;
}
