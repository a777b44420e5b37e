/* SPDX-License-Identifier: MIT */
/*
 * A piece is what lies in one block here and in one block there. While it is copied these are
 * held, in this order: the peer's process.lock, which keeps its address space, then both
 * mm.locks, which keep the blocks: of two mm.locks the one at the lower address first. So two
 * programs that copy from each other at the same time cannot wait for each other: neither wants
 * its own process.lock. (fork() takes two as well, but nobody else can know its second one.)
 *
 * Files' pages in the window are not copied here: a page that its file has lost would be a
 * fault of ring 0.
 */
#include "guest-lwk/peer_copy.h"
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sys.h"
#include "guest-lwk/user_window.h"

#define RANGES 16          /* of each side; MPI libraries use 1 */
#define MOST   0x7ffff000u /* Linux's MAX_RW_COUNT */
/* At a time, with the locks held: some 20 us. On a software KVM each is an exit besides. */
#define PIECE (256U << 10)
/* And after so much others get the core, if they want it. */
#define BREATH (4U << 20)

struct range {
	u64 base, len;
};

struct ranges {
	struct range range[RANGES];
	u64 at; /* the first one that is not used up */
};

u32 peer_verdicts_age(void)
{
	return load_acquire(&machine.share->ids_changes);
}

/* The child of a vfork() has its parent's process here, but may have given up its parent's
 * rights: it is judged by the host each time. */
static bool judged_anew(const struct thread *t)
{
	return t->vfork;
}

/*
 * peers is of the age peers_age: it is emptied before it gets a new age, so who has seen the
 * new age sees no bit of the old one.
 */
void peer_allow(const struct peer *peer, u32 age)
{
	struct process *me = current_thread()->proc;

	if (judged_anew(current_thread()))
		return;
	spin_lock(&me->lock);
	if (age == peer_verdicts_age()) {
		if (me->peers_age != age)
			WRITE_ONCE(me->peers, 0);
		store_release(&me->peers_age, age);
		WRITE_ONCE(me->peers, me->peers | 1ULL << peer->proc->index);
	}
	spin_unlock(&me->lock);
}

/*
 * The peer's process.lock is held, and it lives. A program is counted in ids_changes before it
 * lives (process_map): who sees it live sees no verdict on who had its place before.
 */
static bool allowed(const struct peer *peer)
{
	const struct process *me = current_thread()->proc;

	return !judged_anew(current_thread()) &&
	       load_acquire(&me->peers_age) == peer_verdicts_age() &&
	       READ_ONCE(me->peers) & 1ULL << peer->proc->index &&
	       !READ_ONCE(peer->proc->undumpable);
}

static bool ranges_read(struct ranges *r, u64 va, u64 count, u64 *bytes)
{
	*bytes = r->at = 0;
	if (count > RANGES || user_read(r->range, va, count * sizeof(r->range[0])))
		return false;
	for (u64 i = 0; i < count; i++) {
		if (r->range[i].len > MOST)
			return false;
		*bytes += r->range[i].len;
	}
	return *bytes <= MOST;
}

/* What is next lies here; how much of it is at most in one block. */
static u64 next(struct ranges *r, u64 *len)
{
	while (!r->range[r->at].len)
		r->at++;
	u64 va = r->range[r->at].base;

	*len = MIN(*len, MIN(r->range[r->at].len, BLOCK_SIZE - (va & (BLOCK_SIZE - 1))));
	return va;
}

static void advance(struct ranges *r, u64 len)
{
	r->range[r->at].base += len;
	r->range[r->at].len -= len;
}

/* Where it lies, in the direct map; only what is there already: nothing is committed here. */
static bool both_open(const struct peer *peer, u64 mine, u64 theirs, u64 len, void *at[2])
{
	struct mm *mm[2] = {current_thread()->proc->mm, peer->proc->mm};
	const u64 va[2] = {mine, theirs};
	bool reads = peer->prot == ABI_PROT_R, second = mm[0] < mm[1];
	const u32 prot[2] = {reads ? ABI_PROT_W : ABI_PROT_R, reads ? ABI_PROT_R : ABI_PROT_W};

	/* A program that names itself. */
	if (mm[0] == mm[1])
		return false;
	at[!second] = window_try(mm[!second], va[!second], len, prot[!second]);
	if (!at[!second])
		return false;
	at[second] = window_try(mm[second], va[second], len, prot[second]);
	if (!at[second])
		window_leave(mm[!second]);
	return at[second];
}

static bool piece_copy(const struct peer *peer, u64 mine, u64 theirs, u64 len)
{
	struct process *proc = peer->proc;
	bool done = false;
	void *at[2];

	spin_lock(&proc->lock);
	if (peer_lives(peer) && allowed(peer) && both_open(peer, mine, theirs, len, at)) {
		bool reads = peer->prot == ABI_PROT_R;

		pmem_copy(ptr_to_gpa(at[!reads]), ptr_to_gpa(at[reads]), len);
		window_leave(proc->mm);
		window_leave(current_thread()->proc->mm);
		done = true;
	}
	spin_unlock(&proc->lock);
	return done;
}

/* The buffer of the caller is committed where it was not; the peer's is the host's way. */
static bool piece(const struct peer *peer, u64 mine, u64 theirs, u64 len)
{
	u32 prot = peer->prot == ABI_PROT_R ? ABI_PROT_W : ABI_PROT_R;

	return piece_copy(peer, mine, theirs, len) ||
	       (mm_check(current_thread()->proc, mine, len, prot) &&
		       piece_copy(peer, mine, theirs, len));
}

s64 peer_copy(const struct peer *peer, const u64 arg[6])
{
	const struct process *me = current_thread()->proc;
	struct ranges mine, theirs;
	u64 room, bytes, since = 0;

	if (!ranges_read(&mine, arg[1], arg[2], &room) ||
		!ranges_read(&theirs, arg[3], arg[4], &bytes))
		return -EAGAIN;
	bytes = MIN(bytes, room);
	for (u64 left = bytes; left && !READ_ONCE(me->exiting);) {
		u64 len = MIN(left, PIECE), from = next(&mine, &len), to = next(&theirs, &len);

		if (!piece(peer, from, to, len))
			return -EAGAIN;
		advance(&mine, len);
		advance(&theirs, len);
		left -= len;
		since += len;
		if (since >= BREATH) {
			host_breathe();
			since = 0;
		}
	}
	return (s64)bytes;
}
