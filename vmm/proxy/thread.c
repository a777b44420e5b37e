/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/thread.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "vmm/proxy/heap.h"

/* Only what is touched counts; the largest is a signal frame with the widest vector state. */
#define THREAD_STACK (128 * 1024)

int thread_start(void *(*fn)(void *), void *arg, struct problem *problem)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	heap_lock();
	err = pthread_create(&thread, &attr, fn, arg);
	heap_unlock();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (err)
		return problem_set(problem, -err, EXIT_LWVMM_FAILED,
			"proxy: cannot start a thread: %s: raise the limit on processes "
			"(ulimit -u)",
			strerror(err));
	return 0;
}
