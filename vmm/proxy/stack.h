/* SPDX-License-Identifier: MIT */
/* A program's first stack, as Linux makes it: a pure function of arguments, environment and
 * answers. */
#ifndef VMM_PROXY_STACK_H
#define VMM_PROXY_STACK_H

#include <stddef.h>
#include <stdint.h>

struct stack_aux {
	uint64_t type, value;
};

struct stack_plan {
	const char *const *argv; /* NULL-terminated, as all lists here */
	const char *const *envp;
	const char *path;   /* AT_EXECFN */
	uint8_t random[16]; /* AT_RANDOM */
	unsigned naux;
	struct stack_aux aux[24]; /* all but EXECFN, RANDOM, PLATFORM, NULL, which are added */
};

/* Bytes that the stack takes, a multiple of 16. */
size_t stack_size(const struct stack_plan *plan);

/*
 * Composes it. `image` is where the bytes go, stack_size() of them; they are to lie just below
 * `top`, which is 16-byte aligned. Returns the stack pointer: top - stack_size().
 */
uint64_t stack_compose(const struct stack_plan *plan, uint64_t top, void *image);

/* envp with each "K=V" of extra set: replaced in place or added. malloc'ed (the list only);
 * NULL: no memory. */
const char **stack_env(const char *const *envp, const char *const *extra, unsigned nextra);

#endif
