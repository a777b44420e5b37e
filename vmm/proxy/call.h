/* SPDX-License-Identifier: MIT */
/* The labels of call.S. */
#ifndef VMM_PROXY_CALL_H
#define VMM_PROXY_CALL_H

#include <stdint.h>

/* Makes system call nr unless *hit is set; ABI_NOT_BEGUN if it was or became so before the call
 * began. */
long call_make(const uint32_t *hit, const uint64_t arg[6], uint64_t nr);

extern const char call_begin[], call_end[], call_cancelled[];
void call_restorer(void);

#endif
