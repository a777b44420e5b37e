/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/inherit.h"

#include <inttypes.h>
#include <stdio.h>

_Static_assert(ABI_LIMITS == 3, "limits are written one by one");

void inherit_print(const struct inherit *from, char text[INHERIT_TEXT])
{
	const struct abi_limit *l = from->limit;

	snprintf(text, INHERIT_TEXT,
		"%" PRIx64 ",%" PRIx64 ",%" PRIx64 ",%" PRIx64 ",%" PRIx64 ",%" PRIx64
		",%" PRIx64 ",%" PRIx64 ",%" PRIx64 ",%" PRIx64 ",%" PRIx64 ",%" PRIx32 ",%d",
		from->sig_blocked, from->affinity, l[0].soft, l[0].hard, l[1].soft, l[1].hard,
		l[2].soft, l[2].hard, from->alarm.at_ns, from->alarm.interval_ns,
		from->timeout_ms, from->tally, from->child);
}

bool inherit_parse(const char *text, struct inherit *to)
{
	struct abi_limit *l = to->limit;
	int child;
	int n = sscanf(text,
		"%" SCNx64 ",%" SCNx64 ",%" SCNx64 ",%" SCNx64 ",%" SCNx64 ",%" SCNx64
		",%" SCNx64 ",%" SCNx64 ",%" SCNx64 ",%" SCNx64 ",%" SCNx64 ",%" SCNx32 ",%d",
		&to->sig_blocked, &to->affinity, &l[0].soft, &l[0].hard, &l[1].soft, &l[1].hard,
		&l[2].soft, &l[2].hard, &to->alarm.at_ns, &to->alarm.interval_ns,
		&to->timeout_ms, &to->tally, &child);

	to->child = child;
	return n == 13;
}
