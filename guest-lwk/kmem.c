/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own memory: pages cut from blocks, and powers of two cut from pages. What is
 * freed stays in the kernel. One lock: none of this is on a path that a program takes in its
 * steady state.
 */
#include "guest-lwk/kmem.h"
#include "guest-lwk/core.h"

struct free_item {
	struct free_item *next;
};

#define MIN_SHIFT 6
#define MAX_SHIFT 13
static struct free_item *free_lists[MAX_SHIFT + 1];
static struct free_item *free_pages;
static u64 bump, bump_end; /* direct-map addresses; fresh memory is zero */
static struct spinlock kmem_lock;

void kmem_feed(u64 gpa, u64 len)
{
	bump = (u64)gpa_to_ptr(gpa);
	bump_end = bump + len;
}

static void *bump_take(u64 size)
{
	if (bump_end - bump < size) {
		u64 gpa = pmem_alloc_kernel(this_core()->node);

		if (!gpa)
			return NULL;
		/* What is left of the old block (less than 8 KiB, or nothing) is one more page
		 * at most. */
		kmem_feed(gpa, BLOCK_SIZE);
	}
	void *ptr = (void *)bump;

	bump += size;
	return ptr;
}

void *kmem_boot_alloc(u64 size)
{
	size = ALIGN_UP(size, PAGE_SIZE);
	if (bump_end - bump < size)
		panic("no memory for the map of memory (%lu bytes)", size);
	void *ptr = (void *)bump;

	bump += size;
	return ptr;
}

void *kpage_alloc(void)
{
	void *page;

	spin_lock(&kmem_lock);
	if (free_pages) {
		page = free_pages;
		free_pages = free_pages->next;
		*(u64 *)page = 0;
	} else {
		page = bump_take(PAGE_SIZE);
	}
	spin_unlock(&kmem_lock);
	return page;
}

void kpage_free(void *page)
{
	spin_lock(&kmem_lock);
	((struct free_item *)page)->next = free_pages;
	free_pages = page;
	spin_unlock(&kmem_lock);
}

static u32 size_shift(u32 size)
{
	u32 shift = MIN_SHIFT;

	while (1U << shift < size)
		shift++;
	BUG_ON(shift > MAX_SHIFT);
	return shift;
}

/* A page becomes a list of items; the bump memory is zero, so only the links are written. */
static bool refill(u32 shift)
{
	u64 page = (u64)bump_take(PAGE_SIZE);

	if (!page)
		return false;
	for (u64 at = page; at < page + PAGE_SIZE; at += 1ULL << shift) {
		struct free_item *item = (struct free_item *)at;

		item->next = free_lists[shift];
		free_lists[shift] = item;
	}
	return true;
}

void *kmem_alloc(u32 size)
{
	u32 shift = size_shift(size);
	struct free_item *item = NULL;

	spin_lock(&kmem_lock);
	if (!free_lists[shift] && shift >= 12) {
		item = bump_take(1ULL << shift);
	} else if (free_lists[shift] || refill(shift)) {
		item = free_lists[shift];
		free_lists[shift] = item->next;
		item->next = NULL;
	}
	spin_unlock(&kmem_lock);
	return item;
}

/* Zeroed here and not in kmem_alloc(), which is why fresh memory costs nothing. */
void kmem_free(void *ptr, u32 size)
{
	u32 shift = size_shift(size);
	struct free_item *item = ptr;

	pmem_zero(ptr_to_gpa(ptr), size);
	spin_lock(&kmem_lock);
	item->next = free_lists[shift];
	free_lists[shift] = item;
	spin_unlock(&kmem_lock);
}
