/* SPDX-License-Identifier: MIT */
/*
 * System calls that can be interrupted without ever losing an interruption, and without one
 * that comes late hitting the next call. One struct a service thread; interrupt_send() is the
 * helper's alone.
 */
#ifndef VMM_PROXY_INTERRUPT_H
#define VMM_PROXY_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-lwk/abi/share.h"

/*
 * The signal: a real-time one that glibc reserves for pthread_cancel() and SIGEV_THREAD, of
 * which the proxy uses neither. All of 34 to 64 belong to the program.
 */
#define INTERRUPT_SIGNAL 32

enum { INTERRUPT_OUT, INTERRUPT_IN, INTERRUPT_SENDING, INTERRUPT_SENT };

struct interrupt {
	uint32_t gate; /* INTERRUPT_* */
	uint32_t hit;  /* set by the handler, in the thread itself */
	int32_t tid;
};

/* Once a process: installs the handler. */
void interrupt_install(void);

/* Once a service thread, on itself. NULL: nothing of its calls is interrupted. */
void interrupt_attach(struct interrupt *it);

/*
 * Makes the mailbox's call on the attached thread, with the arguments `arg`. ABI_NOT_BEGUN if
 * it was cancelled before it began, else its result (-EINTR if it was interrupted). When it
 * returns no signal is under way.
 */
int64_t interrupt_call(
	struct interrupt *it, const struct abi_mbox *mbox, const uint64_t arg[6]);

/*
 * Interrupts the call that the LWK has marked by cancel_seq, if it still runs. False when the
 * signal could not be sent (the user's queue of signals is full): try again later.
 */
bool interrupt_send(struct interrupt *it, const struct abi_mbox *mbox);

#endif
