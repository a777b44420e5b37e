/* SPDX-License-Identifier: MIT */
/*
 * process_vm_readv() and process_vm_writev(): the first time, and where peer_copy.c does not
 * do it, the host copies, between the proxies of the two programs, at the programs' own
 * addresses. What is the LWK's part: that the other program may
 * be read (or written) there, that its memory is committed and mapped in its proxy, and that
 * none of it is given to somebody else while the copy is under way (abi_share.peer).
 */
#include "guest-lwk/fwd.h"
#include "guest-lwk/peer_copy.h"
#include "guest-lwk/process.h"
#include "guest-lwk/sys.h"
#include "guest-lwk/sys_misc.h"
#include "guest-lwk/sysargs.h"

#define IOV_MOST  1024 /* UIO_MAXIOV */
#define IOV_CHUNK 8

struct iovec {
	u64 base, len;
};

static struct process *peer_find(u32 pid)
{
	for (u32 i = 0; i < ABI_MAX_PROCS; i++)
		if (READ_ONCE(processes[i].pid) == pid && READ_ONCE(processes[i].live))
			return &processes[i];
	return NULL;
}

/*
 * The other process may end at any time. Its address space is taken down only after `exiting`
 * was set under its lock, so it stays while we hold that.
 */
static bool peer_commit(struct process *peer, u64 va, u64 len, u32 prot)
{
	bool good;

	spin_lock(&peer->lock);
	good = peer->live && peer->nthreads && !peer->exiting && mm_check(peer, va, len, prot);
	spin_unlock(&peer->lock);
	return good;
}

/*
 * How many of the ranges, from the first on, may be used. A length that the host refuses counts
 * as good: its error is the host's to say.
 */
static u64 ranges_good(struct process *peer, u64 va, u64 count, u32 prot)
{
	struct iovec iov[IOV_CHUNK];

	for (u64 at = 0; at < count; at += IOV_CHUNK) {
		u64 n = MIN(IOV_CHUNK, count - at);

		if (user_read(iov, va + at * sizeof(*iov), n * sizeof(*iov)))
			return at;
		for (u64 k = 0; k < n; k++)
			if ((s64)iov[k].len >= 0 &&
				!peer_commit(peer, iov[k].base, iov[k].len, prot))
				return at + k;
	}
	return count;
}

/*
 * From here on the peer's blocks that are unmapped later wait for this call. What was unmapped
 * before is gone from its proxy, too: our proxy waits for that.
 */
static void peer_hold(const struct process *peer)
{
	struct abi_proc *p = peer->share;
	u64 pos = load_acquire(&p->log_head);

	machine.share->peer[current_thread()->slot] = ABI_PEER(peer->index, pos);
	if (load_acquire(&p->log_applied) >= pos)
		return;
	WRITE_ONCE(p->want_ack, 1);
	fence_full();
	outl(ABI_PORT_BELL, ABI_BELL_PROC(peer->index));
}

static s64 copy(u32 nr, u64 arg[6], u32 prot)
{
	u64 pid = arg[0], count = arg[4], flags = arg[5], good;
	struct process *peer = (s32)pid > 0 ? peer_find((u32)pid) : NULL;
	struct peer plain = {.proc = peer, .prot = prot};
	u32 age = peer_verdicts_age();
	s64 ret;

	/* Not ours to judge: no program of this guest, or wrong in itself. */
	if (!peer || flags || count > IOV_MOST || arg[2] > IOV_MOST)
		return syscall_forward(nr, arg);
	plain.pid = (u32)pid;
	ret = peer_copy(&plain, arg);
	if (ret != -EAGAIN)
		return ret;
	good = ranges_good(peer, arg[3], count, prot);
	if (good)
		arg[4] = good;
	else if (count)
		arg[3] = SYSARGS_BAD;
	peer_hold(peer);
	ret = syscall_forward(nr, arg);
	machine.share->peer[current_thread()->slot] = 0;
	if (ret > 0)
		peer_allow(&plain, age);
	return ret;
}

s64 sys_process_vm_readv(u64 pid, u64 local, u64 nlocal, u64 remote, u64 nremote, u64 flags)
{
	u64 arg[6] = {pid, local, nlocal, remote, nremote, flags};

	return copy(ABI_NR_process_vm_readv, arg, ABI_PROT_R);
}

s64 sys_process_vm_writev(u64 pid, u64 local, u64 nlocal, u64 remote, u64 nremote, u64 flags)
{
	u64 arg[6] = {pid, local, nlocal, remote, nremote, flags};

	return copy(ABI_NR_process_vm_writev, arg, ABI_PROT_W);
}
