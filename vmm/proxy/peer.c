/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/peer.h"

#include <time.h>

#define NAP_NS      50000
#define NAP_MOST_NS 5000000
#define WAIT_NS     200000000 /* then the LWK looks whether it still is the same program */

/*
 * Acquire: its mappings were made before. One that is gone has none any more, and the host says
 * so; a later process with its index goes on from its position.
 */
static bool has_come(const struct abi_proc *peer, uint64_t pos)
{
	return __atomic_load_n(&peer->log_applied, __ATOMIC_ACQUIRE) >= pos ||
	       __atomic_load_n(&peer->state, __ATOMIC_ACQUIRE) == ABI_PROC_GONE;
}

/* Before the call nothing is there to be interrupted (interrupt_send): we look ourselves. */
static bool cancelled(const struct abi_mbox *mbox)
{
	return __atomic_load_n(&mbox->cancel_seq, __ATOMIC_RELAXED) == mbox->seq;
}

bool peer_wait(const struct abi_share *share, uint32_t slot)
{
	uint64_t peer = share->peer[slot];
	struct timespec nap = {.tv_nsec = NAP_NS};
	const struct abi_proc *proc;

	if (!peer || ABI_PEER_PROC(peer) >= ABI_MAX_PROCS)
		return true;
	proc = &share->proc[ABI_PEER_PROC(peer)];
	for (long waited = 0; waited < WAIT_NS; waited += nap.tv_nsec) {
		if (has_come(proc, ABI_PEER_POS(peer)))
			return true;
		if (cancelled(&share->mbox[slot]))
			return false;
		if (waited > 20 * NAP_NS && nap.tv_nsec < NAP_MOST_NS)
			nap.tv_nsec *= 2;
		nanosleep(&nap, NULL);
	}
	return has_come(proc, ABI_PEER_POS(peer));
}
