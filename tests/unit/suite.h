/* SPDX-License-Identifier: MIT */
/* How every unit test ends: its suite is run as CK_FORK and CK_VERBOSITY say, and thrown away.
 */
#ifndef TESTS_UNIT_SUITE_H
#define TESTS_UNIT_SUITE_H

#include <check.h>
#include <stdlib.h>

/* For main: EXIT_SUCCESS when all passed. The suite is gone after it. */
static inline int suite_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
