/* SPDX-License-Identifier: MIT */
/*
 * From the top: 8 zero bytes, path, environment, arguments, platform, random, padding; then
 * (16-byte aligned at its low end, where rsp is) argc, argv, 0, envp, 0, auxiliary vector.
 */
#include "vmm/proxy/stack.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define PLATFORM  "x86_64"
#define AUX_ADDED 4 /* EXECFN, RANDOM, PLATFORM, NULL */

static size_t list_len(const char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

static size_t list_bytes(const char *const *list)
{
	size_t bytes = 0;

	for (; *list; list++)
		bytes += strlen(*list) + 1;
	return bytes;
}

static size_t align16(size_t n)
{
	return (n + 15) & ~(size_t)15;
}

static size_t text_size(const struct stack_plan *plan)
{
	return align16(8 + strlen(plan->path) + 1 + list_bytes(plan->envp) +
		       list_bytes(plan->argv) + sizeof(PLATFORM) + sizeof(plan->random));
}

static size_t word_count(const struct stack_plan *plan)
{
	return 1 + list_len(plan->argv) + 1 + list_len(plan->envp) + 1 +
	       2 * (plan->naux + AUX_ADDED);
}

size_t stack_size(const struct stack_plan *plan)
{
	return text_size(plan) + align16(word_count(plan) * sizeof(uint64_t));
}

/* Where the composer is: text grows down, words grow up. */
struct cursor {
	char *text;
	uint64_t text_va;
	uint64_t *word;
};

static uint64_t text_put(struct cursor *at, const void *bytes, size_t len)
{
	at->text -= len;
	at->text_va -= len;
	memcpy(at->text, bytes, len);
	return at->text_va;
}

/* Strings lie in memory in the list's order, as programs that overwrite their arguments expect.
 */
static void list_put(struct cursor *at, const char *const *list, uint64_t va)
{
	for (; *list; list++) {
		*at->word++ = va;
		va += strlen(*list) + 1;
	}
	*at->word++ = 0;
}

static uint64_t strings_put(struct cursor *at, const char *const *list)
{
	for (size_t n = list_len(list); n--;)
		text_put(at, list[n], strlen(list[n]) + 1);
	return at->text_va;
}

static void aux_put(struct cursor *at, uint64_t type, uint64_t value)
{
	*at->word++ = type;
	*at->word++ = value;
}

uint64_t stack_compose(const struct stack_plan *plan, uint64_t top, void *image)
{
	size_t size = stack_size(plan);
	struct cursor at = {.text = (char *)image + size, .text_va = top, .word = image};
	const uint64_t zero = 0;
	uint64_t path, env, arg, platform, random;

	memset(image, 0, size);
	text_put(&at, &zero, sizeof(zero));
	path = text_put(&at, plan->path, strlen(plan->path) + 1);
	env = strings_put(&at, plan->envp);
	arg = strings_put(&at, plan->argv);
	platform = text_put(&at, PLATFORM, sizeof(PLATFORM));
	random = text_put(&at, plan->random, sizeof(plan->random));

	*at.word++ = list_len(plan->argv);
	list_put(&at, plan->argv, arg);
	list_put(&at, plan->envp, env);
	for (unsigned i = 0; i < plan->naux; i++)
		aux_put(&at, plan->aux[i].type, plan->aux[i].value);
	aux_put(&at, AT_RANDOM, random);
	aux_put(&at, AT_PLATFORM, platform);
	aux_put(&at, AT_EXECFN, path);
	aux_put(&at, AT_NULL, 0);
	return top - size;
}

const char **stack_env(const char *const *envp, const char *const *extra, unsigned nextra)
{
	size_t n = list_len(envp);
	const char **list = malloc((n + nextra + 1) * sizeof(*list));

	if (!list)
		return NULL;
	memcpy(list, envp, n * sizeof(*list));
	for (unsigned i = 0; i < nextra; i++) {
		size_t key = strcspn(extra[i], "=");
		size_t at = 0;

		while (at < n &&
			!(strncmp(list[at], extra[i], key) == 0 && list[at][key] == '='))
			at++;
		list[at] = extra[i];
		n += at == n;
	}
	list[n] = NULL;
	return list;
}
