/* SPDX-License-Identifier: MIT */
#ifndef LWK_BEQUEST_H
#define LWK_BEQUEST_H

#include "guest-lwk/process.h"

/* sys_exec.c: what the next program, or a copy, gets from the current thread t (share.h). */
void bequest_fill(struct thread *t);

#endif
