/* SPDX-License-Identifier: MIT */
/* Signals sent to the proxy become signals of the program: taken by a signalfd, told to the
 * LWK. */
#ifndef VMM_PROXY_RELAY_H
#define VMM_PROXY_RELAY_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest-lwk/abi/share.h"

struct porter;
struct watch;

struct relay {
	struct abi_proc *proc;
	struct porter *porter;
	struct watch *watch;
	int fd;    /* signalfd, owned; -1: not open */
	bool held; /* one more of a kind that the LWK has not taken yet */
	struct abi_siginfo hold;
	pthread_mutex_t lock; /* the helper runs it, a thread that calls execve() stops it */
	bool stopped;
};

/* Mask and dispositions that the proxy inherited, for the program: bit signo - 1. */
uint64_t relay_mask(const sigset_t *set);
void relay_set(uint64_t mask, sigset_t *set);
uint64_t relay_ignored(void);

/* Blocks all signals in the caller and opens the signalfd. -errno. */
int relay_open(struct relay *relay);

/* Passes on what has come. Call it again soon while relay->held. */
void relay_run(struct relay *relay);

/*
 * Before execve(), on the thread that calls it: what comes from now on stays in the kernel's
 * queue. Returns when the LWK has queued what it was told, so that its list of pending signals
 * is whole; the signals (bit signo - 1) that it has not taken, or was not told, are the answer.
 */
uint64_t relay_stop(struct relay *relay);

/* It did not come to that. */
void relay_go(struct relay *relay);

/* From here on signals do to the proxy what they do to any process. */
void relay_close(struct relay *relay);

#endif
