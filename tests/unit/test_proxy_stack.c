/* SPDX-License-Identifier: MIT */
/* A program's first stack: what crt0 and ld.so read is there, aligned, and inside the image. */
#include <check.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h"
#include "vmm/proxy/stack.h"

#define TOP 0x3fffffe00000ULL

struct seen {
	const struct stack_plan *plan;
	uint64_t rsp;
	uint8_t *image;
	size_t size;
};

static const char *text_at(const struct seen *seen, uint64_t va)
{
	ck_assert_uint_ge(va, seen->rsp);
	ck_assert_uint_lt(va, TOP);
	return (const char *)seen->image + (va - seen->rsp);
}

static void compose(struct seen *seen, const struct stack_plan *plan)
{
	seen->plan = plan;
	seen->size = stack_size(plan);
	seen->image = malloc(seen->size);
	seen->rsp = stack_compose(plan, TOP, seen->image);
}

static const uint64_t *list_check(
	const struct seen *seen, const uint64_t *word, const char *const *list)
{
	for (; *list; list++, word++)
		ck_assert_str_eq(text_at(seen, *word), *list);
	ck_assert_uint_eq(*word, 0);
	return word + 1;
}

static const uint64_t *aux_find(const uint64_t *aux, uint64_t type)
{
	for (; aux[0] != AT_NULL; aux += 2)
		if (aux[0] == type)
			return aux + 1;
	return NULL;
}

static void plan_check(const struct stack_plan *plan)
{
	struct seen seen;
	const uint64_t *word;
	uint64_t argc = 0;

	while (plan->argv[argc])
		argc++;
	compose(&seen, plan);
	ck_assert_uint_eq(seen.rsp % 16, 0);
	ck_assert_uint_eq(seen.rsp, TOP - seen.size);
	word = (const uint64_t *)seen.image;
	ck_assert_uint_eq(*word, argc);
	word = list_check(&seen, word + 1, plan->argv);
	word = list_check(&seen, word, plan->envp);
	for (unsigned i = 0; i < plan->naux; i++) {
		ck_assert_ptr_nonnull(aux_find(word, plan->aux[i].type));
		ck_assert_uint_eq(*aux_find(word, plan->aux[i].type), plan->aux[i].value);
	}
	ck_assert_str_eq(text_at(&seen, *aux_find(word, AT_EXECFN)), plan->path);
	ck_assert_str_eq(text_at(&seen, *aux_find(word, AT_PLATFORM)), "x86_64");
	ck_assert_mem_eq(text_at(&seen, *aux_find(word, AT_RANDOM)), plan->random, 16);
	free(seen.image);
}

START_TEST(every_shape)
{
	char text[64];
	const char *argv[20] = {0}, *envp[20] = {0};
	struct stack_plan plan = {.argv = argv, .envp = envp, .path = "./a.out"};

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (unsigned i = 0; i < 16; i++)
		plan.random[i] = (uint8_t)(i * 17);
	/* Every alignment of the text and every parity of the words. */
	for (unsigned args = 0; args < 5; args++)
		for (unsigned envs = 0; envs < 5; envs++)
			for (unsigned aux = 0; aux < 3; aux++)
				for (unsigned len = 0; len < 17; len++) {
					memset(argv, 0, sizeof(argv));
					memset(envp, 0, sizeof(envp));
					for (unsigned i = 0; i < args; i++)
						argv[i] = i ? text + 40 : "prog";
					for (unsigned i = 0; i < envs; i++)
						envp[i] = text + 63 - len;
					plan.naux = aux;
					plan.aux[0] = (struct stack_aux){AT_PAGESZ, 4096};
					plan.aux[1] = (struct stack_aux){AT_ENTRY, 0x401000};
					plan_check(&plan);
				}
}
END_TEST

START_TEST(arguments_lie_in_order)
{
	/* As setproctitle() and ps expect: argv's strings one after the other, then envp's. */
	const char *argv[] = {"one", "two", NULL}, *envp[] = {"K=V", NULL};
	struct stack_plan plan = {.argv = argv, .envp = envp, .path = "p"};
	struct seen seen;
	const uint64_t *word;

	compose(&seen, &plan);
	word = (const uint64_t *)seen.image;
	ck_assert_uint_eq(word[2], word[1] + 4);
	ck_assert_uint_eq(word[4], word[2] + 4);
	ck_assert_mem_eq(seen.image + seen.size - 8, "\0\0\0\0\0\0\0\0", 8);
	free(seen.image);
}
END_TEST

START_TEST(environment_is_replaced_and_added)
{
	const char *envp[] = {"A=1", "AB=2", "C=3", NULL};
	const char *extra[] = {"A=9", "D=4", "D=5", "AB="};
	const char **list = stack_env(envp, extra, 4);

	ck_assert_str_eq(list[0], "A=9");
	ck_assert_str_eq(list[1], "AB=");
	ck_assert_str_eq(list[2], "C=3");
	ck_assert_str_eq(list[3], "D=5");
	ck_assert_ptr_null(list[4]);
	free(list);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_stack");
	TCase *tc = tcase_create("stack");

	tcase_add_test(tc, every_shape);
	tcase_add_test(tc, arguments_lie_in_order);
	tcase_add_test(tc, environment_is_replaced_and_added);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
