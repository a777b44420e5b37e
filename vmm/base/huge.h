/* SPDX-License-Identifier: MIT */
/* Of what pages a mapping is that we have not made ourselves. */
#ifndef VMM_BASE_HUGE_H
#define VMM_BASE_HUGE_H

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>

#ifndef MADV_COLD
#define MADV_COLD 20
#endif

/*
 * `at` is page-aligned and mapped shared: is it memory of hugetlbfs? The advice says that the
 * page will not be used soon, which changes nothing that anybody can see, and is an error for
 * huge pages.
 */
static inline bool huge_page_at(void *at)
{
	return madvise(at, 4096, MADV_COLD) && errno == EINVAL;
}

#endif
