/* SPDX-License-Identifier: MIT */
#include "guest-lwk/mm_slot.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/kmem.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/pt.h"

struct gib_slot *mm_slot_find(struct mm *mm, u64 va)
{
	struct gib_slot *slot = mm->slots;

	while (slot && slot->va != ALIGN_DOWN(va, GIB_SIZE))
		slot = slot->next;
	return slot;
}

struct gib_slot *mm_slot_create(struct process *proc, u64 va, const struct placement *place)
{
	struct mm *mm = proc->mm;

	va = ALIGN_DOWN(va, GIB_SIZE);
	/* A proxy cannot map at address 0 (vm.mmap_min_addr), so the first GiB stays in 2 MiB
	 * blocks. */
	if (va < GIB_SIZE || !pmem_has_gib() || !pt_gib_empty(mm, va) ||
		mm_window_meets(mm, va, va + GIB_SIZE))
		return NULL;
	struct gib_slot *slot = kmem_alloc(sizeof(*slot));

	if (!slot)
		return NULL;
	slot->gpa = pmem_alloc_gib(place);
	if (!slot->gpa) {
		kmem_free(slot, sizeof(*slot));
		return NULL;
	}
	slot->va = va;
	slot->next = mm->slots;
	mm->slots = slot;
	mm_account(proc, GIB_SIZE);
	log_append(proc, ABI_LOG_MAP, va, GIB_SIZE, slot->gpa);
	return slot;
}

void mm_slot_free(struct process *proc, struct gib_slot *slot)
{
	struct gib_slot **at = &proc->mm->slots;
	u64 pos = log_append(proc, ABI_LOG_UNMAP, slot->va, GIB_SIZE, 0);

	while (*at != slot)
		at = &(*at)->next;
	*at = slot->next;
	mm_account(proc, -GIB_SIZE);
	pmem_free(slot->gpa, GIB_SIZE, slot->va, proc->index, pos);
	kmem_free(slot, sizeof(*slot));
}
