/* SPDX-License-Identifier: MIT */
/* The proxy's own threads: detached, with small stacks, every signal blocked from their birth.
 */
#ifndef VMM_PROXY_THREAD_H
#define VMM_PROXY_THREAD_H

#include "vmm/base/problem.h"

int thread_start(void *(*fn)(void *), void *arg, struct problem *problem);

#endif
