/* SPDX-License-Identifier: MIT */
#ifndef LWK_BEQUEST_H
#define LWK_BEQUEST_H

#include "guest-lwk/process.h"

/* sys_exec.c: what the next program, or a copy, gets from the current thread t (share.h). */
void bequest_fill(struct thread *t);

/*
 * process.lock is held: what is pending has changed. A signal that comes while the proxy is
 * busy with execve() is the next program's, if no thread of this one takes it before.
 */
void bequest_pending(struct process *proc);

#endif
