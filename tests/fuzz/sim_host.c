/* SPDX-License-Identifier: MIT */
/* The host's side: who owns which block, as the mapping log and the rings have it. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/kmem.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sys.h"
#include "tests/fuzz/mm_model.h"
#include "tests/fuzz/sim.h"

enum owner { OWNER_NOBODY, OWNER_PROGRAM, OWNER_LEAVING, OWNER_KERNEL };

struct block {
	enum owner owner;
	bool gib;
	u32 node;
	u64 va; /* PROGRAM, LEAVING: where the proxy has, or had it */
};

static struct block *blocks;
static u64 nblocks, kernel_blocks, first_gpa;
static u64 *proxies[2];          /* gpa by va >> 21; 0: nothing */
static s64 pages_out, items_out; /* kpage_alloc() and kmem_alloc() less what was freed */

void (*sim_meanwhile)(void);
bool sim_copying;
u64 sim_pages_left = ~0ULL;

static struct abi_reclaim_rec *held;
static u64 nheld;
#define HELD_MAX 65536

static struct block *block_of(u64 gpa, const char *who)
{
	if (gpa < first_gpa || gpa >= first_gpa + nblocks * BLOCK_SIZE ||
		gpa & (BLOCK_SIZE - 1))
		sim_fail("%s: gpa %lx is no block", who, gpa);
	return &blocks[(gpa - first_gpa) / BLOCK_SIZE];
}

bool host_is_kernels(u64 gpa)
{
	return block_of(ALIGN_DOWN(gpa, BLOCK_SIZE), "kernel's?")->owner == OWNER_KERNEL;
}

static void *reserve(u64 size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		sim_fail("no address space");
	return p;
}

void host_boot(u64 ram, const struct sim_range *ranges, u32 n)
{
	first_gpa = ram;
	for (u32 i = 0; i < n; i++)
		nblocks += ranges[i].size / BLOCK_SIZE;
	blocks = calloc(nblocks, sizeof(*blocks));
	held = calloc(HELD_MAX, sizeof(*held));
	for (u32 i = 0; i < 2; i++)
		proxies[i] = reserve(ABI_USER_END / BLOCK_SIZE * sizeof(*proxies[i]));

	struct block *b = blocks;

	for (u32 i = 0; i < n; i++)
		for (u64 k = 0; k < ranges[i].size / BLOCK_SIZE; k++)
			*b++ = (struct block){
				.gib = ranges[i].host_page == GIB_SIZE, .node = ranges[i].node};
	blocks[0].owner = OWNER_KERNEL; /* pmem_add() */
	kernel_blocks = 1;
}

u64 host_proxy_block(u64 va)
{
	return proxies[sim_proc.index][va / BLOCK_SIZE];
}

void *host_proxy_ptr(u64 va)
{
	u64 block = host_proxy_block(va);

	return block ? (u8 *)gpa_to_ptr(block) + (va & (BLOCK_SIZE - 1)) : NULL;
}

/* ---- what the LWK calls ---- */

u64 host_nodes_free(void)
{
	u64 set = 0;

	for (u64 i = 0; i < nblocks; i++)
		if (!blocks[i].gib && blocks[i].owner == OWNER_NOBODY)
			set |= 1ULL << blocks[i].node;
	return set;
}

u64 host_nodes_small(void)
{
	u64 set = 0;

	for (u64 i = 0; i < nblocks; i++)
		set |= (u64)!blocks[i].gib << blocks[i].node;
	return set;
}

u32 host_node(u64 gpa)
{
	return block_of(gpa, "node")->node;
}

/* The copy's block gets what its maker's has. */
static void page_copy(u64 va)
{
	u64 to = proxies[sim_child.index][va / BLOCK_SIZE], in = va & (BLOCK_SIZE - 1);

	if (host_proxy_ptr(va))
		memcpy((u8 *)gpa_to_ptr(to) + in, host_proxy_ptr(va), PAGE_SIZE);
}

static void log_map(u32 proc, u64 va, u64 len, u64 gpa)
{
	u64 *proxy = proxies[proc];

	if (proc == sim_proc.index)
		policy_check(va, block_of(gpa, "log")->node, block_of(gpa, "log")->gib);
	for (u64 at = 0; at < len; at += BLOCK_SIZE) {
		struct block *b = block_of(gpa + at, "log");

		if (b->owner != OWNER_NOBODY)
			sim_fail("log: block %lx goes to va %lx, it is %d of va %lx", gpa + at,
				va + at, b->owner, b->va);
		if (proc == sim_proc.index && window_maps(va + at, BLOCK_SIZE))
			sim_fail("log: va %lx gets RAM, and has something of the window",
				va + at);
		if (proxy[(va + at) / BLOCK_SIZE])
			sim_fail("log: va %lx has a block already", va + at);
		if (b->gib && ((va | gpa | len) & (GIB_SIZE - 1)))
			sim_fail("log: part of a 1 GiB page: va %lx gpa %lx len %lx", va, gpa,
				len);
		b->owner = OWNER_PROGRAM;
		b->va = va + at;
		proxy[(va + at) / BLOCK_SIZE] = gpa + at;
	}
	if (proc == sim_child.index)
		model_each_tag(va, va + len, page_copy);
}

static void log_unmap(u32 proc, u64 va, u64 len)
{
	u64 *proxy = proxies[proc];

	if (proc == sim_proc.index && sim_tlb_holds_va(va, len))
		sim_fail("log: va %lx is unmapped while a core can still use it", va);
	for (u64 at = va; at < va + len; at += BLOCK_SIZE) {
		u64 gpa = proxy[at / BLOCK_SIZE];

		if (!gpa)
			sim_fail("log: va %lx has no block to unmap", at);
		block_of(gpa, "log")->owner = OWNER_LEAVING;
		proxy[at / BLOCK_SIZE] = 0;
	}
}

/* Those of a copy that is being made ascend, until it fails and what it has goes back. */
static void order_check(const struct process *proc, u32 op, u64 va, u64 len)
{
	static u64 copied;

	if (proc != &sim_child || !sim_copying || (op == ABI_LOG_UNMAP && !sim_pages_left)) {
		copied = 0;
		return;
	}
	if (va < copied)
		sim_fail("log: va %lx of a copy comes after %lx", va, copied);
	copied = va + len;
}

u64 log_append(struct process *proc, u32 op, u64 va, u64 len, u64 gpa)
{
	const struct abi_ring *ring = &machine.share->reclaim;

	bool window = op == ABI_LOG_UNMAP_WINDOW || op == ABI_LOG_KEEP_WINDOW;
	u64 unit = window ? PAGE_SIZE : BLOCK_SIZE;

	order_check(proc, op, va, len);
	if ((proc != &sim_proc && proc != &sim_child) || (va | len) & (unit - 1) || !len ||
		va >= ABI_USER_END || va < PAGE_SIZE)
		sim_fail("log: op %u va %lx len %lx", op, va, len);
	if (op == ABI_LOG_UNMAP_WINDOW)
		window_log_unmap(proc->index, va, len);
	else if (op == ABI_LOG_KEEP_WINDOW)
		window_log_keep(proc->index, va, len);
	else if (op == ABI_LOG_MAP)
		log_map(proc->index, va, len, gpa);
	else
		log_unmap(proc->index, va, len);
	/* The real janitor works meanwhile. */
	if (ring->head - ring->tail > ABI_RECLAIM_RECORDS / 2)
		host_janitor(false);
	return ++proc->share->log_head;
}

bool log_drains(const struct process *proc)
{
	return proc;
}

/* For blocks that the janitor has: it is told before. */
void sleep_deaf(u64 ns)
{
	if (!ns || sim_proc.mm->lock.held)
		sim_fail("a thread sleeps with mm.lock");
}

void host_breathe(void)
{
	if (sim_proc.mm->lock.held)
		sim_fail("others get the core, and mm.lock is held");
}

/* Who asks must look again. */
bool log_room(struct process *proc)
{
	void (*meanwhile)(void) = sim_meanwhile;

	if (proc != &sim_proc)
		sim_fail("log: room for somebody else");
	if (sim_random(4))
		return false;
	sim_meanwhile = NULL;
	if (meanwhile) {
		spin_unlock(&proc->mm->lock);
		meanwhile();
		spin_lock(&proc->mm->lock);
	}
	return true;
}

u64 __real_pmem_alloc_kernel(u32 node);
void *__real_kpage_alloc(void);
void __real_kpage_free(void *page);
void *__real_kmem_alloc(u32 size);
void __real_kmem_free(void *ptr, u32 size);
u64 __wrap_pmem_alloc_kernel(u32 node);
void *__wrap_kpage_alloc(void);
void __wrap_kpage_free(void *page);
void *__wrap_kmem_alloc(u32 size);
void __wrap_kmem_free(void *ptr, u32 size);

u64 __wrap_pmem_alloc_kernel(u32 node)
{
	u64 gpa = __real_pmem_alloc_kernel(node);

	if (gpa && block_of(gpa, "kernel")->owner != OWNER_NOBODY)
		sim_fail("block %lx of the program goes to the kernel", gpa);
	if (gpa)
		block_of(gpa, "kernel")->owner = OWNER_KERNEL;
	kernel_blocks += gpa != 0;
	return gpa;
}

static void *must_be_zero(void *ptr, u64 len, const char *what)
{
	for (u64 i = 0; ptr && i < len / 8; i++)
		if (((u64 *)ptr)[i])
			sim_fail("%s: word %lu of %p is %lx", what, i, ptr, ((u64 *)ptr)[i]);
	return ptr;
}

void *__wrap_kpage_alloc(void)
{
	void *page = NULL;

	if (sim_pages_left) {
		page = must_be_zero(__real_kpage_alloc(), PAGE_SIZE, "a fresh kernel page");
		sim_pages_left--;
	}
	pages_out += page != NULL;
	return page;
}

void __wrap_kpage_free(void *page)
{
	must_be_zero(page, PAGE_SIZE, "a freed kernel page");
	sim_table_check(ptr_to_gpa(page));
	pages_out--;
	__real_kpage_free(page);
}

void *__wrap_kmem_alloc(u32 size)
{
	void *ptr = must_be_zero(__real_kmem_alloc(size), size, "fresh kernel memory");

	items_out += ptr != NULL;
	return ptr;
}

void __wrap_kmem_free(void *ptr, u32 size)
{
	items_out--;
	__real_kmem_free(ptr, size);
}

/* ---- the janitor ---- */

static void take(void)
{
	struct abi_ring *ring = &machine.share->reclaim;

	for (; ring->tail != ring->head; ring->tail++) {
		const struct abi_reclaim_rec *rec =
			&ring->rec[ring->tail % ABI_RECLAIM_RECORDS];

		if (rec->op == ABI_RECLAIM_HOLD) {
			window_hold(rec->gpa, rec->len);
			continue;
		}
		for (u64 at = 0; at < rec->len && !window_is(rec->gpa); at += BLOCK_SIZE) {
			const struct block *b = block_of(rec->gpa + at, "reclaim");

			if (b->gib != block_of(rec->gpa, "reclaim")->gib ||
				b->node != block_of(rec->gpa, "reclaim")->node)
				sim_fail("reclaim: a record of two ranges: %lx", rec->gpa);
			if (b->owner != OWNER_LEAVING || b->va != rec->va + at)
				sim_fail("reclaim: block %lx for va %lx is %d of va %lx",
					rec->gpa + at, rec->va + at, b->owner, b->va);
		}
		if (rec->pos > machine.share->proc[rec->proc].log_head)
			sim_fail("reclaim: position %lu is not in the log yet", rec->pos);
		if (nheld == HELD_MAX)
			sim_fail("reclaim: %lu records", nheld);
		held[nheld++] = *rec;
	}
}

static bool give(const struct abi_reclaim_rec *rec)
{
	struct abi_ring *ring = &machine.share->clean;

	if (window_is(rec->gpa)) {
		window_put(rec->gpa, rec->len);
		return true;
	}
	if (ring->head - ring->tail == ABI_RECLAIM_RECORDS)
		return false;
	if (sim_tlb_holds(rec->gpa, rec->len, false))
		sim_fail("reclaim: block %lx is given away while a core can still use it",
			rec->gpa);
	for (u64 at = 0; at < rec->len; at += BLOCK_SIZE)
		block_of(rec->gpa + at, "clean")->owner = OWNER_NOBODY;
	madvise(gpa_to_ptr(rec->gpa), rec->len, MADV_DONTNEED);
	ring->rec[ring->head++ % ABI_RECLAIM_RECORDS] = *rec;
	return true;
}

u64 host_window_held(void)
{
	u64 n = 0;

	take();
	for (u64 i = 0; i < nheld; i++)
		n += window_is(held[i].gpa) ? held[i].len / PAGE_SIZE : 0;
	return n;
}

void host_janitor(bool all)
{
	u64 kept = 0;

	take();
	for (u64 i = 0; i < nheld; i++)
		if ((!all && sim_random(2)) || !give(&held[i]))
			held[kept++] = held[i];
	nheld = kept;
	machine.share->janitor_idle = (u32)sim_random(2);
}

/* ---- what is left ---- */

u64 host_free_blocks(u64 set)
{
	u64 n = 0;

	for (u64 i = 0; i < nblocks; i++)
		n += !blocks[i].gib && set >> blocks[i].node & 1 &&
		     (blocks[i].owner == OWNER_NOBODY || blocks[i].owner == OWNER_LEAVING);
	return n;
}

u64 host_free_gibs(u64 set)
{
	u64 n = 0;

	for (u64 i = 0; i + 512 <= nblocks;) {
		u64 k = 0;

		if ((first_gpa / BLOCK_SIZE + i) % 512 || !blocks[i].gib ||
			!(set >> blocks[i].node & 1)) {
			i++;
			continue;
		}
		while (k < 512 && blocks[i + k].gib &&
			(blocks[i + k].owner == OWNER_NOBODY ||
				blocks[i + k].owner == OWNER_LEAVING))
			k++;
		n += k == 512;
		i += 512;
	}
	return n;
}

bool host_has_small(u64 start, u64 end)
{
	for (u64 i = 0; i < nblocks; i++)
		if (blocks[i].owner == OWNER_PROGRAM && !blocks[i].gib &&
			blocks[i].va >= ALIGN_DOWN(start, GIB_SIZE) &&
			blocks[i].va < ALIGN_UP(end, GIB_SIZE))
			return true;
	return false;
}

void host_check(u64 committed)
{
	u64 total, free_bytes, mine = 0;

	pmem_totals(&total, &free_bytes);
	for (u64 i = 0; i < nblocks; i++)
		mine += blocks[i].owner == OWNER_PROGRAM;
	if (total != nblocks * BLOCK_SIZE)
		sim_fail("pmem: %lu bytes of %lu", total, (u64)(nblocks * BLOCK_SIZE));
	if (mine * BLOCK_SIZE != committed)
		sim_fail("the program has %lu blocks, mm.committed is %lu", mine, committed);
	if (free_bytes + committed + kernel_blocks * BLOCK_SIZE != total)
		sim_fail("pmem: free %lu, committed %lu, kernel %lu blocks; in all %lu",
			free_bytes, committed, kernel_blocks, total);
}

void host_check_gone(void)
{
	host_check(0);
	if (pages_out || items_out)
		sim_fail("a process that is gone left %ld kernel pages and %ld items",
			pages_out, items_out);
}
