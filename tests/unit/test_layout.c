/* SPDX-License-Identifier: MIT */
/* docs/memory-map.md draws what guest-lwk/abi/layout.h says: every named address, and no other.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-lwk/abi/layout.h"
#include "tests/unit/suite.h"

static const struct {
	const char *name;
	uint64_t value;
} names[] = {
	{"ABI_FDT_GPA", ABI_FDT_GPA},
	{"ABI_IMAGE_GPA", ABI_IMAGE_GPA},
	{"ABI_SHARE_GPA", ABI_SHARE_GPA},
	{"ABI_HOLE_END", ABI_HOLE_END},
	{"ABI_DIRECT_VA", ABI_DIRECT_VA},
	{"ABI_IMAGE_VA", ABI_IMAGE_VA},
	{"ABI_USER_START", ABI_USER_START},
	{"ABI_PIE_BASE", ABI_PIE_BASE},
	{"ABI_MMAP_TOP", ABI_MMAP_TOP},
	{"ABI_STACK_TOP", ABI_STACK_TOP},
	{"ABI_GATE_VA", ABI_GATE_VA},
	{"ABI_VDSO_VA", ABI_VDSO_VA},
	{"ABI_USER_END", ABI_USER_END},
};
#define NAMES (sizeof(names) / sizeof(names[0]))

START_TEST(drawing_is_the_header)
{
	FILE *file = fopen(MEMORY_MAP, "r");
	bool seen[NAMES] = {false};
	char line[256];

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		unsigned long long value;
		char name[64];

		if (sscanf(line, "0x%llx %63s", &value, name) != 2 || strncmp(name, "ABI_", 4))
			continue;
		size_t i = 0;

		while (i < NAMES && strcmp(names[i].name, name))
			i++;
		ck_assert_msg(i < NAMES, "%s is drawn but not known here", name);
		ck_assert_msg(names[i].value == value, "%s is drawn at %#llx, is %#llx", name,
			value, (unsigned long long)names[i].value);
		seen[i] = true;
	}
	fclose(file);
	for (size_t i = 0; i < NAMES; i++)
		ck_assert_msg(seen[i], "%s is not drawn", names[i].name);
}
END_TEST

/* What the sides rely on without saying. */
START_TEST(areas_do_not_meet)
{
	ck_assert(ABI_FDT_GPA + ABI_FDT_MAX <= ABI_IMAGE_GPA);
	ck_assert(ABI_USER_START < ABI_PIE_BASE && ABI_PIE_BASE < ABI_MMAP_TOP);
	ck_assert(ABI_MMAP_TOP < ABI_STACK_TOP - (1ULL << 30));
	ck_assert(ABI_STACK_TOP <= ABI_VDSO_VA && ABI_VDSO_VA < ABI_USER_END);
	ck_assert(ABI_STACK_TOP % ABI_BLOCK_SIZE == 0);
	ck_assert(ABI_VDSO_VA / ABI_BLOCK_SIZE != (ABI_STACK_TOP - 1) / ABI_BLOCK_SIZE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("layout");
	TCase *tc = tcase_create("layout");

	tcase_add_test(tc, drawing_is_the_header);
	tcase_add_test(tc, areas_do_not_meet);
	suite_add_tcase(suite, tc);

	return suite_run(suite);
}
