/* SPDX-License-Identifier: MIT */
#include "vmm/proxy/peer.h"

#include <time.h>

#define NAP_NS 50000
#define NAPS   20000 /* a second, and more */

void peer_wait(const struct abi_share *share, uint32_t slot)
{
	uint64_t peer = share->peer[slot];
	const struct timespec nap = {.tv_nsec = NAP_NS};
	const struct abi_proc *proc;

	if (!peer || ABI_PEER_PROC(peer) >= ABI_MAX_PROCS)
		return;
	proc = &share->proc[ABI_PEER_PROC(peer)];
	/* Acquire: its mappings were made before. */
	for (unsigned i = 0; i < NAPS; i++) {
		if (__atomic_load_n(&proc->log_applied, __ATOMIC_ACQUIRE) >= ABI_PEER_POS(peer))
			return;
		nanosleep(&nap, NULL);
	}
}
