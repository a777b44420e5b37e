/* SPDX-License-Identifier: MIT */
/*
 * process_vm_readv() and process_vm_writev() between two programs of the guest, by the LWK
 * itself: what an MPI library sends its messages by. No host process is waked, and on a
 * hardware KVM nothing leaves the guest.
 */
#ifndef LWK_PEER_COPY_H
#define LWK_PEER_COPY_H

#include "guest-lwk/process.h"

/* The other program, as it was when the call began. */
struct peer {
	struct process *proc;
	u32 pid, prot; /* ABI_PROT_R: its memory is read, else written */
};

/* The same process is still there and lives; peer->proc->lock is held. */
static inline bool peer_lives(const struct peer *peer)
{
	const struct process *proc = peer->proc;

	return load_acquire(&proc->live) && proc->pid == peer->pid && proc->nthreads &&
	       !proc->exiting;
}

/*
 * Whether this process may look into another one is the host's to say: it knows their users and
 * capabilities. What it said holds until somebody's change (abi_share.ids_changes):
 * peer_verdicts_age() before it is asked, peer_allow() with that when it said yes.
 */
u32 peer_verdicts_age(void);
void peer_allow(const struct peer *peer, u32 age);

/*
 * The whole call, with its arguments as in Linux. Bytes, or -EAGAIN: it is not so plain that it
 * could be done here, ask the host; some of it may have been copied, which is no harm.
 */
s64 peer_copy(const struct peer *peer, const u64 arg[6]);

#endif
