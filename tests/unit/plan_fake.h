/* SPDX-License-Identifier: MIT */
/* A made-up host and a plan for it; one of each, as a test is a process of its own. */
#ifndef TESTS_UNIT_PLAN_FAKE_H
#define TESTS_UNIT_PLAN_FAKE_H

#include <check.h>
#include <errno.h>
#include <string.h>

#include "numa/plan.h"

extern struct host host;
extern struct options opt;
extern struct plan plan;
extern struct problem problem;

/*
 * `nodes` nodes of 4 cores each (2 x 2 with `smt`), 64 GiB each, half a GiB used; no pools, no
 * limits. The options are as none.
 */
void host_make(unsigned nodes, bool smt);

/* So many pages in the pools of each node, all free. */
void pools_set(uint64_t pages_2m, uint64_t pages_1g);

/* Plans for these cores (NULL: not said), memory and pages: what plan_make says. */
int make(const char *cores, uint64_t mem, enum page_choice page);

/* Refused with this error, and a line in which `part` stands. */
#define ck_assert_refused(err, expected, part)                                                 \
	do {                                                                                   \
		ck_assert_int_eq(err, expected);                                               \
		ck_assert_int_eq(problem.status, EXIT_LWVMM_FAILED);                           \
		ck_assert_msg(strstr(problem.text, part), "%s", problem.text);                 \
	} while (0)

#endif
