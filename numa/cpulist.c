/* SPDX-License-Identifier: MIT */
/* Lists of CPUs (or nodes) as Linux writes them: "0-3,8", "0-14:2". */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numa/options.h"

/* Reads digits only: strtoul alone would take blanks and signs. */
static int number_parse(const char **text, unsigned *value)
{
	unsigned long n;
	char *end;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	errno = 0;
	n = strtoul(*text, &end, 10);
	if (errno || n > UINT16_MAX)
		return -ERANGE;
	*text = end;
	*value = (unsigned)n;
	return 0;
}

/* One item: N, N-M or N-M:STEP. Leaves *text behind it. */
static int range_parse(const char **text, unsigned *first, unsigned *last, unsigned *step)
{
	int err = number_parse(text, first);

	if (err)
		return err;
	*last = *first;
	*step = 1;
	if (**text != '-')
		return 0;
	++*text;
	err = number_parse(text, last);
	if (!err && **text == ':') {
		++*text;
		err = number_parse(text, step);
	}
	if (!err && (*last < *first || *step == 0))
		return -EINVAL;
	return err;
}

static int list_append(unsigned value, uint16_t *list, unsigned max, unsigned *n)
{
	if (*n == max)
		return -ERANGE;
	list[*n] = (uint16_t)value;
	for (unsigned i = 0; i < *n; i++) {
		if (list[i] == value)
			return -EEXIST;
	}
	++*n;
	return 0;
}

int cpulist_parse(const char *text, uint16_t *list, unsigned max, unsigned *n)
{
	unsigned first = 0, last = 0, step = 1;

	*n = 0;
	for (;;) {
		int err = range_parse(&text, &first, &last, &step);

		for (unsigned v = first; !err && v <= last; v += step)
			err = list_append(v, list, max, n);
		if (err)
			return err;
		if (*text == '\0')
			return 0;
		if (*text++ != ',')
			return -EINVAL;
	}
}

void cpulist_format(const uint16_t *list, unsigned n, char *text, size_t size)
{
	size_t used = 0;

	snprintf(text, size, "none");
	for (unsigned i = 0, last; i < n; i = last + 1) {
		const char *comma = i ? "," : "";
		int len;

		for (last = i; last + 1 < n && list[last + 1] == list[last] + 1; last++)
			;
		if (last == i)
			len = snprintf(text + used, size - used, "%s%u", comma, list[i]);
		else
			len = snprintf(text + used, size - used, "%s%u-%u", comma, list[i],
				list[last]);
		if (used + (size_t)len >= size) {
			if (size > 3)
				memcpy(text + size - 4, "...", 4);
			return;
		}
		used += (size_t)len;
	}
}
