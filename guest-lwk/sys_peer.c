/* SPDX-License-Identifier: MIT */
/*
 * process_vm_readv() and process_vm_writev(): the first time, and where peer_copy.c does not
 * do it, the host copies, between the proxies of the two programs, at the programs' own
 * addresses. What is the LWK's part: that the other program may be read (or written) there,
 * that its memory is committed and mapped in its proxy, and that none of it is given to
 * somebody else while the copy is under way (abi_share.peer).
 */
#include "guest-lwk/abi/layout.h"
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

/* Of the other's memory, committed at a time: so much finds room in its log (log_wait_peer). */
#define PIECE (64ULL << 20)

/* By its own id or that of a thread: Linux takes either. To the host our threads have none. */
static bool is_of(struct process *proc, u32 id, u32 *pid)
{
	const struct thread *t;

	*pid = READ_ONCE(proc->pid);
	if (*pid == id || id < ABI_TID_BASE)
		return *pid == id;
	spin_lock(&proc->lock);
	*pid = proc->pid;
	for (t = proc->threads; t && t->tid != id; t = t->next)
		;
	spin_unlock(&proc->lock);
	return t;
}

static bool peer_find(struct peer *peer, u32 id)
{
	for (u32 i = 0; i < ABI_MAX_PROCS; i++) {
		peer->proc = &processes[i];
		if (READ_ONCE(peer->proc->live) && is_of(peer->proc, id, &peer->pid))
			return true;
	}
	return false;
}

/*
 * The other process may end at any time, and another one begin in its place. Its address space
 * is taken down only after `exiting` was set under its lock, so it stays while we hold that.
 * Nothing waits under these locks: the log has room for a piece.
 */
static s64 piece_commit(const struct peer *peer, u64 va, u64 len)
{
	struct process *proc = peer->proc;
	s64 good = -ESRCH;

	spin_lock(&proc->lock);
	/* Its pid may be gone already for who waits for it, before we see its proxy go. */
	if (peer_lives(peer))
		good = mm_check(proc, va, len, peer->prot);
	spin_unlock(&proc->lock);
	return good;
}

/* 1: all of it may be used; 0: it may not; -ESRCH; -ERESTARTNOINTR. */
static s64 range_commit(const struct peer *peer, u64 va, u64 len)
{
	u64 end = va + len;

	if (len && (va >= ABI_USER_END || len > ABI_USER_END - va))
		return 0;
	for (u64 at = va, stop; at < end; at = stop) {
		s64 ret = log_wait_peer(peer->proc);

		if (ret)
			return ret;
		stop = MIN(end, ALIGN_DOWN(at, PIECE) + PIECE);
		ret = piece_commit(peer, at, stop - at);
		if (ret != 1)
			return ret;
	}
	return 1;
}

/*
 * The bytes that the caller has room for, or gives. Of the other's memory no more than that is
 * looked at, as in Linux, and committed: a caller that the host refuses, or that names far more
 * than it moves, must not fill the guest from another program's address space. 0: none, or the
 * host has to say what is wrong.
 */
static u64 bytes_most(u64 va, u64 count)
{
	struct iovec iov[IOV_CHUNK];
	u64 sum = 0;

	for (u64 at = 0; at < count; at += IOV_CHUNK) {
		u64 n = MIN(IOV_CHUNK, count - at);

		if (user_read(iov, va + at * sizeof(*iov), n * sizeof(*iov)))
			return 0;
		for (u64 k = 0; k < n; k++) {
			if ((s64)iov[k].len < 0)
				return 0;
			sum = MIN(sum + iov[k].len, SYSARGS_RW_MAX);
		}
	}
	return sum;
}

/*
 * How many of the ranges, from the first on, may be used for `left` bytes; -ESRCH,
 * -ERESTARTNOINTR. A length that the host refuses counts as good: its error is the host's to
 * say.
 */
static s64 ranges_good(const struct peer *peer, u64 va, u64 count, u64 left)
{
	struct iovec iov[IOV_CHUNK];

	for (u64 at = 0; at < count && left; at += IOV_CHUNK) {
		u64 n = MIN(IOV_CHUNK, count - at);

		if (user_read(iov, va + at * sizeof(*iov), n * sizeof(*iov)))
			return (s64)at;
		for (u64 k = 0; k < n; k++) {
			u64 len = (s64)iov[k].len < 0 ? 0 : MIN(iov[k].len, left);
			s64 good = range_commit(peer, iov[k].base, len);

			if (good != 1)
				return good ? good : (s64)(at + k);
			left -= len;
		}
	}
	return (s64)count;
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
	u64 count = arg[4], flags = arg[5];
	struct peer peer = {.prot = prot};
	u32 age = peer_verdicts_age();
	s64 good, ret;

	/* Not ours to judge: wrong in itself, or no program of this guest. */
	if (flags || count > IOV_MOST || arg[2] > IOV_MOST || (s32)arg[0] <= 0 ||
		!peer_find(&peer, (u32)arg[0]))
		return syscall_forward(nr, arg);
	arg[0] = peer.pid;
	ret = peer_copy(&peer, arg);
	if (ret != -EAGAIN)
		return ret;
	good = ranges_good(&peer, arg[3], count, bytes_most(arg[1], arg[2]));
	if (good < 0)
		return good;
	if (good)
		arg[4] = (u64)good;
	else if (count)
		arg[3] = SYSARGS_BAD;
	peer_hold(peer.proc);
	ret = syscall_forward(nr, arg);
	machine.share->peer[current_thread()->slot] = 0;
	if (ret > 0)
		peer_allow(&peer, age);
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
