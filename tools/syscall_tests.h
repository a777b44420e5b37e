/* SPDX-License-Identifier: MIT */
/*
 * Which test shows a system call: from the tests' own sources. In tests/abi/FAMILY.c a case
 * names its calls, CASE(name, call...); elsewhere a program shows the calls that it makes by
 * name.
 */
#ifndef TOOLS_SYSCALL_TESTS_H
#define TOOLS_SYSCALL_TESTS_H

#include <stdbool.h>
#include <stddef.h>

/* Reads one source. False: it cannot be read. */
bool tests_read(const char *path);

/* The first test that shows `call`, as abi/FAMILY-NAME or programs/NAME; false: there is none.
 */
bool tests_find(const char *call, char *test, size_t size);

#endif
