/* SPDX-License-Identifier: MIT */
/* What goes from one program of a process to the next and that the host does not keep: a word
 * between execute() and `lwvmm resume`. */
#ifndef VMM_PROXY_INHERIT_H
#define VMM_PROXY_INHERIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-lwk/abi/share.h"

#define INHERIT_TEXT 256

struct inherit {
	uint64_t sig_blocked;
	uint64_t affinity;
	struct abi_limit limit[ABI_LIMITS];
	struct abi_alarm alarm;
	uint64_t timeout_ms; /* of --timeout, 0: none */
	uint32_t tally;      /* where what it uses is summed up, 0: nowhere */
	bool child;          /* not the program that lwvmm was started with */
};

void inherit_print(const struct inherit *from, char text[INHERIT_TEXT]);
bool inherit_parse(const char *text, struct inherit *to);

#endif
