/* SPDX-License-Identifier: MIT */
#ifndef TESTS_ABI_RING_H
#define TESTS_ABI_RING_H

#include <stddef.h>

#define ABI_NAME_MAX 96

size_t abi_cases_count(void);
void abi_case_name(size_t i, char name[ABI_NAME_MAX]);

/* --ring LWVMM GUEST DIR DEVIATIONS RING PATTERN */
int abi_ring(int argc, char **argv);

#endif
