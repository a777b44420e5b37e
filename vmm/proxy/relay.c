/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/relay.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "vmm/proxy/porter.h"
#include "vmm/proxy/watch.h"

#define SIGNALS        64
#define TAKEN_MS       1000 /* an LWK that does not take signals for so long is lost */
#define FIRST_REALTIME 32   /* the kernel's view */

uint64_t relay_mask(const sigset_t *set)
{
	uint64_t mask = 0;

	for (int n = 1; n <= SIGNALS; n++)
		if (sigismember(set, n) == 1)
			mask |= 1ULL << (n - 1);
	return mask;
}

void relay_set(uint64_t mask, sigset_t *set)
{
	sigemptyset(set);
	for (int n = 1; n <= SIGNALS; n++)
		if (mask >> (n - 1) & 1)
			sigaddset(set, n);
}

uint64_t relay_ignored(void)
{
	uint64_t mask = 0;
	struct sigaction action;

	for (int n = 1; n <= SIGNALS; n++)
		if (!sigaction(n, NULL, &action) && action.sa_handler == SIG_IGN)
			mask |= 1ULL << (n - 1);
	return mask;
}

int relay_open(struct relay *relay)
{
	sigset_t all;

	/* In the copy of a process it is as another's thread has left it. */
	pthread_mutex_init(&relay->lock, NULL);
	relay->stopped = false;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	relay->fd = signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
	return relay->fd < 0 ? -errno : 0;
}

/*
 * A signal that is pending already is not queued again, but for real-time ones: false for
 * these, they have to wait until the LWK has taken the one before.
 */
static bool relay_put(struct relay *relay, const struct abi_siginfo *info)
{
	struct abi_proc *proc = relay->proc;
	uint64_t bit = 1ULL << (info->signo - 1);

	/* Also of one that is pending already: it came after what the program has last seen. */
	watch_news(relay->watch);
	if (__atomic_load_n(&proc->sig_pending, __ATOMIC_ACQUIRE) & bit)
		return info->signo < FIRST_REALTIME;
	proc->sig[info->signo] = *info;
	__atomic_fetch_or(&proc->sig_pending, bit, __ATOMIC_RELEASE);
	porter_event(relay->porter);
	return true;
}

static bool relay_get(const struct relay *relay, struct abi_siginfo *info)
{
	struct signalfd_siginfo si;

	if (read(relay->fd, &si, sizeof(si)) != sizeof(si))
		return false;
	*info = (struct abi_siginfo){
		.signo = (int32_t)si.ssi_signo,
		.code = si.ssi_code,
		.errnum = si.ssi_errno,
		.pid = (int32_t)si.ssi_pid,
		.uid = (int32_t)si.ssi_uid,
		.status = si.ssi_status,
		.value = si.ssi_ptr,
	};
	return true;
}

/* In order: while one waits, those behind it stay in the kernel's queue. */
static void pass_on(struct relay *relay)
{
	while (relay->held || relay_get(relay, &relay->hold)) {
		relay->held = !relay_put(relay, &relay->hold);
		if (relay->held)
			return;
	}
}

void relay_run(struct relay *relay)
{
	if (relay->fd < 0)
		return;
	pthread_mutex_lock(&relay->lock);
	if (!relay->stopped)
		pass_on(relay);
	pthread_mutex_unlock(&relay->lock);
}

/* The bits first: the LWK says that it takes them before one goes. */
static bool is_taken(const struct abi_proc *proc)
{
	return !__atomic_load_n(&proc->sig_pending, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&proc->sig_taking, __ATOMIC_ACQUIRE);
}

uint64_t relay_stop(struct relay *relay)
{
	uint64_t left;

	pthread_mutex_lock(&relay->lock);
	relay->stopped = true;
	pthread_mutex_unlock(&relay->lock);
	for (unsigned ms = 0; ms < TAKEN_MS && !is_taken(relay->proc); ms++)
		usleep(1000);
	left = __atomic_exchange_n(&relay->proc->sig_pending, 0, __ATOMIC_ACQ_REL);
	if (relay->held)
		left |= 1ULL << (relay->hold.signo - 1);
	relay->held = false;
	return left;
}

void relay_go(struct relay *relay)
{
	pthread_mutex_lock(&relay->lock);
	relay->stopped = false;
	pass_on(relay); /* the helper was told of it when it could not */
	pthread_mutex_unlock(&relay->lock);
}

void relay_close(struct relay *relay)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t all;

	if (relay->fd >= 0)
		close(relay->fd);
	relay->fd = -1;
	relay->held = false;
	/* What the user sends now is meant for us: ^C ends the wait for the VMM. */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_UNBLOCK, &all, NULL);
}
