/* SPDX-License-Identifier: MIT */
#include "guest-lwk/pmem.h"
#include "guest-lwk/core.h"
#include "guest-lwk/kmem.h"

/* RAM of one host page size on one node: a bit a block, set while it is free (and zero). */
struct range {
	u64 gpa;
	u64 nblocks;
	u64 *map;
	u64 hint; /* words below it have no free bit */
	u64 nfree;
	u64 npending; /* in the reclaim ring, not back yet */
	u32 node;
	bool gib;           /* the host's pages are 1 GiB: proxies map whole ones only */
	struct range *next; /* of the same node */
};

#define MAX_RANGES 100
static struct range ranges[MAX_RANGES];
static struct range *of_node[MAX_NODES]; /* lists of them, in the order they came */
static u64 small_nodes;                  /* those that have ranges of 2 MiB */
static u64 small_bytes[MAX_NODES];       /* how much in those */
static u32 nranges;
static u64 total_bytes;
static u64 pending_bytes; /* in the reclaim ring, not back yet */
static u64 came_bytes;    /* that have come back, ever */

/* ranges' maps and the rings' ends that are ours. */
static struct spinlock pmem_lock;

void pmem_add(u64 gpa, u64 size, u64 host_page, u32 node)
{
	if (nranges == MAX_RANGES)
		panic("memory in more than %d pieces", MAX_RANGES);
	if (!total_bytes) { /* the first block is the kernel's own */
		kmem_feed(gpa, BLOCK_SIZE);
		gpa += BLOCK_SIZE;
		size -= BLOCK_SIZE;
		total_bytes = BLOCK_SIZE;
		machine.share->mem_total[node] = BLOCK_SIZE;
	}

	struct range *r = &ranges[nranges++];
	u64 words = (size / BLOCK_SIZE + 63) / 64;

	r->gpa = gpa;
	r->nblocks = r->nfree = size / BLOCK_SIZE;
	r->node = node;
	r->gib = host_page == GIB_SIZE;
	small_nodes |= r->gib ? 0 : 1ULL << node;
	small_bytes[node] += r->gib ? 0 : r->nblocks * BLOCK_SIZE;
	r->map = kmem_boot_alloc(words * 8);
	memset(r->map, 0xff, r->nblocks / 64 * 8);
	if (r->nblocks % 64)
		r->map[words - 1] = (1ULL << (r->nblocks % 64)) - 1;
	total_bytes += r->nblocks * BLOCK_SIZE;
	machine.share->mem_total[node] += r->nblocks * BLOCK_SIZE;
	machine.share->mem_free[node] += r->nblocks * BLOCK_SIZE;

	struct range **at = &of_node[node];

	while (*at)
		at = &(*at)->next;
	*at = r;
}

/* Core `index` is the *place-th of *n that touch memory of the node: its own, or all cores
 * where there are none. */
static bool touches(u32 index, u32 node, u32 *place, u32 *n)
{
	*place = *n = 0;
	for (u32 i = 0; i < ncores; i++) {
		bool near = cores[i].node == node;

		*n += near;
		*place += near && i < index;
	}
	if (!*n) {
		*place = index;
		*n = ncores;
		return true;
	}
	return cores[index].node == node;
}

void pmem_touch(u32 index)
{
	for (u32 i = 0; i < nranges && !machine.software_kvm; i++) {
		const struct range *r = &ranges[i];
		u64 step = r->gib ? GIB_SIZE : BLOCK_SIZE;
		u32 place, n;

		if (!touches(index, r->node, &place, &n))
			continue;
		for (u64 off = place * step; off < r->nblocks * BLOCK_SIZE; off += n * step)
			READ_ONCE(*(const u8 *)gpa_to_ptr(r->gpa + off));
	}
}

static u64 range_words(const struct range *r)
{
	return (r->nblocks + 63) / 64;
}

/* n bits, not 0, of a word, from the bit `from` on. */
static u64 word_bits(u64 from, u64 n)
{
	return ~0ULL >> (64 - n) << from;
}

/* Takes up to want contiguous blocks at the first free one. */
static u64 range_take(struct range *r, u64 want, u64 *got)
{
	u64 w = r->hint, words = range_words(r);

	while (w < words && !r->map[w])
		w++;
	r->hint = w;
	if (w == words)
		return 0;

	u64 bit = w * 64 + (u64)__builtin_ctzll(r->map[w]);
	u64 n = 0, part = 0, room = 0;

	/* Word by word: behind its end a range has no free bit. */
	while (n < want && part == room && w < words) {
		u64 from = (bit + n) % 64, used = ~(r->map[w] >> from);

		room = 64 - from;
		part = MIN(used ? (u64)__builtin_ctzll(used) : 64, MIN(room, want - n));
		if (!part)
			break;
		r->map[w++] &= ~word_bits(from, part);
		n += part;
	}
	r->nfree -= n;
	machine.share->mem_free[r->node] -= n * BLOCK_SIZE;
	*got = n;
	return r->gpa + bit * BLOCK_SIZE;
}

static u64 range_take_gib(struct range *r)
{
	u64 skip = (ALIGN_UP(r->gpa, GIB_SIZE) - r->gpa) / BLOCK_SIZE;

	for (u64 b = skip; b + 512 <= r->nblocks; b += 512) {
		u64 w = b / 64, all = ~0ULL;

		for (u32 i = 0; i < 8; i++)
			all &= r->map[w + i];
		if (b % 64 || all != ~0ULL)
			continue;
		for (u32 i = 0; i < 8; i++)
			r->map[w + i] = 0;
		r->nfree -= 512;
		machine.share->mem_free[r->node] -= GIB_SIZE;
		return r->gpa + b * BLOCK_SIZE;
	}
	return 0;
}

static struct range *range_of(u64 gpa)
{
	for (u32 i = 0; i < nranges; i++)
		if (gpa >= ranges[i].gpa &&
			gpa < ranges[i].gpa + ranges[i].nblocks * BLOCK_SIZE)
			return &ranges[i];
	panic("pmem: %lx is no RAM", gpa);
}

static void range_give(u64 gpa, u64 len)
{
	struct range *r = range_of(gpa);
	u64 first = (gpa - r->gpa) / BLOCK_SIZE, end = first + len / BLOCK_SIZE, n;

	for (u64 b = first; b < end; b += n) {
		n = MIN(64 - b % 64, end - b);
		r->map[b / 64] |= word_bits(b % 64, n);
	}
	r->nfree += len / BLOCK_SIZE;
	r->npending -= len / BLOCK_SIZE;
	r->hint = MIN(r->hint, first / 64);
}

/* What the janitor has cleaned. Caller holds pmem_lock. True if anything came. */
static bool clean_take(void)
{
	struct abi_ring *ring = &machine.share->clean;
	u64 head = load_acquire(&ring->head), tail = ring->tail;

	if (head == tail)
		return false;
	for (; tail != head; tail++) {
		struct abi_reclaim_rec *rec = &ring->rec[tail % ABI_RECLAIM_RECORDS];

		range_give(rec->gpa, rec->len);
		pending_bytes -= rec->len;
		WRITE_ONCE(came_bytes, came_bytes + rec->len);
	}
	store_release(&ring->tail, tail);
	return true;
}

/* The kinds of blocks that one may take. */
enum take { TAKE_SMALL, TAKE_KERNEL /* 2 MiB of whatever range */, TAKE_GIB };

static u64 range_take_kind(struct range *r, enum take kind, u64 want, u64 *got)
{
	if (kind == TAKE_GIB)
		return r->gib && r->nfree >= 512 ? range_take_gib(r) : 0;
	if (!r->nfree || (r->gib && kind != TAKE_KERNEL))
		return 0;
	return range_take(r, want, got);
}

/* Of the nodes in the set, those near `from` first. Caller holds pmem_lock. */
static u64 take_near(u32 from, u64 set, enum take kind, u64 want, u64 *got)
{
	u64 gpa = 0;

	for (u32 i = 0; i < nodes.nmemory && !gpa; i++) {
		u32 node = nodes.order[from][i];

		if (!(set >> node & 1))
			continue;
		for (struct range *r = of_node[node]; r && !gpa; r = r->next)
			gpa = range_take_kind(r, kind, want, got);
	}
	return gpa;
}

/*
 * No others, unless single blocks are asked for and these nodes have 1 GiB pages only: those
 * are for whole GiBs of a program, which its stack and small mappings are not.
 */
static bool only_these(const struct placement *place, enum take kind)
{
	return place->only && (kind != TAKE_SMALL || place->nodes & small_nodes);
}

static u64 take(const struct placement *place, enum take kind, u64 want, u64 *got)
{
	spin_lock(&pmem_lock);
	clean_take();

	u64 gpa = take_near(place->near, place->nodes, kind, want, got);

	if (!gpa && !only_these(place, kind) && place->nodes != nodes.memory)
		gpa = take_near(place->near, nodes.memory, kind, want, got);
	spin_unlock(&pmem_lock);
	return gpa;
}

u64 pmem_alloc_kernel(u32 node)
{
	const struct placement place = {.nodes = nodes.memory, .near = node};
	u64 got;

	return take(&place, TAKE_KERNEL, 1, &got);
}

u64 pmem_alloc_run(const struct placement *place, u64 want, u64 *got)
{
	return take(place, TAKE_SMALL, place->single ? 1 : want, got);
}

u32 pmem_node(u64 gpa)
{
	return range_of(gpa)->node;
}

u64 pmem_free_blocks(void)
{
	u64 n = 0;

	for (u32 i = 0; i < nranges; i++)
		if (!ranges[i].gib)
			n += READ_ONCE(ranges[i].nfree) + READ_ONCE(ranges[i].npending);
	return n;
}

u64 pmem_small_least(void)
{
	u64 least = ~0ULL;

	if (nodes.nmemory == 1 || !pmem_has_gib())
		return 0;
	for (u64 left = nodes.memory; left; left &= left - 1)
		least = MIN(least, small_bytes[node_first(left)]);
	return least;
}

bool pmem_has_gib(void)
{
	for (u32 i = 0; i < nranges; i++)
		if (ranges[i].gib &&
			READ_ONCE(ranges[i].nfree) + READ_ONCE(ranges[i].npending) >= 512)
			return true;
	return false;
}

static bool gib_pending(const struct placement *place)
{
	for (u32 i = 0; i < nranges; i++)
		if (ranges[i].gib && READ_ONCE(ranges[i].npending) &&
			(!place->only || place->nodes >> ranges[i].node & 1))
			return true;
	return false;
}

u64 pmem_alloc_gib(const struct placement *place)
{
	u64 gpa;

	do
		gpa = take(place, TAKE_GIB, 512, NULL);
	while (!gpa && gib_pending(place) && pmem_wait());
	return gpa;
}

/*
 * Caller holds pmem_lock, which is given up while the ring is full: that takes more records
 * than the janitor has room for (JANITOR_PENDING), all held up by calls of proxies that are
 * stopped, and ends when one is continued or killed. Others get memory meanwhile. Records of
 * one address space stay in order: its mm.lock is held.
 */
static void reclaim_add(const struct abi_reclaim_rec *rec)
{
	struct abi_ring *ring = &machine.share->reclaim;

	while (ring->head - load_acquire(&ring->tail) == ABI_RECLAIM_RECORDS) {
		spin_unlock(&pmem_lock);
		cpu_pause();
		spin_lock(&pmem_lock);
		clean_take();
	}
	ring->rec[ring->head % ABI_RECLAIM_RECORDS] = *rec;
	store_release(&ring->head, ring->head + 1);
	/* The janitor keeps what the clean ring has no room for, and goes on when there is. */
	clean_take();
}

static void reclaim_ring(void)
{
	/* janitor_idle is set by the VMM before its last look at the ring (full fences on both
	 * sides). */
	fence_full();
	if (READ_ONCE(machine.share->janitor_idle) &&
		__atomic_exchange_n(&machine.share->janitor_idle, 0, __ATOMIC_SEQ_CST))
		outl(ABI_PORT_BELL, ABI_BELL_VMM);
}

void pmem_free(u64 gpa, u64 len, u64 va, u32 proc, u64 log_pos)
{
	while (len) { /* a record for each range: neighbours may be of different nodes */
		struct range *r = range_of(gpa);
		u64 part = MIN(len, r->gpa + r->nblocks * BLOCK_SIZE - gpa);

		spin_lock(&pmem_lock);
		pending_bytes += part;
		r->npending += part / BLOCK_SIZE;
		machine.share->mem_free[r->node] += part; /* in nobody's use any more */
		reclaim_add(&(struct abi_reclaim_rec){
			.gpa = gpa, .len = part, .va = va, .pos = log_pos, .proc = proc});
		spin_unlock(&pmem_lock);
		gpa += part;
		va += part;
		len -= part;
	}
	reclaim_ring();
}

/* By the same ring: so the record comes before those that drop what it counts on. */
void pmem_hold_window(u64 gpa, u64 len)
{
	spin_lock(&pmem_lock);
	reclaim_add(&(struct abi_reclaim_rec){.gpa = gpa, .len = len, .op = ABI_RECLAIM_HOLD});
	spin_unlock(&pmem_lock);
	reclaim_ring();
}

void pmem_free_window(u64 gpa, u64 len, u64 va, u32 proc, u64 log_pos)
{
	spin_lock(&pmem_lock);
	reclaim_add(&(struct abi_reclaim_rec){
		.gpa = gpa, .len = len, .va = va, .pos = log_pos, .proc = proc});
	spin_unlock(&pmem_lock);
	reclaim_ring();
}

bool pmem_comes(void)
{
	if (!READ_ONCE(pending_bytes))
		return false;
	outl(ABI_PORT_BELL, ABI_BELL_VMM);
	return true;
}

u64 pmem_came(void)
{
	return READ_ONCE(came_bytes);
}

bool pmem_wait(void)
{
	u64 until = rdtsc() + machine.tsc_hz;
	bool came = false;

	if (!pmem_comes())
		return false;
	while (!came && rdtsc() < until && READ_ONCE(pending_bytes)) {
		cpu_pause();
		spin_lock(&pmem_lock);
		came = clean_take();
		spin_unlock(&pmem_lock);
	}
	return came;
}

void pmem_totals(u64 *total, u64 *free_bytes)
{
	u64 sum = READ_ONCE(pending_bytes);

	for (u32 i = 0; i < nranges; i++)
		sum += READ_ONCE(ranges[i].nfree) * BLOCK_SIZE;
	*total = total_bytes;
	*free_bytes = sum;
}

/* In emulated ring 0 a 4 KiB loop costs 0.3 ms, an exit 7 us (platform.md part A). */
void pmem_zero(u64 gpa, u64 len)
{
	if (machine.software_kvm && len > 128)
		core_hypercall(ABI_HC_ZERO, gpa, len, 0);
	else
		memset(gpa_to_ptr(gpa), 0, len);
}

void pmem_copy(u64 to, u64 from, u64 len)
{
	if (machine.software_kvm && len > 128)
		core_hypercall(ABI_HC_COPY, to, from, len);
	else
		memcpy(gpa_to_ptr(to), gpa_to_ptr(from), len);
}
