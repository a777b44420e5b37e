/* SPDX-License-Identifier: MIT */
/*
 * Vector state in a signal frame. Where it lies in one block, it goes between registers and
 * stack without a copy: ring 0 of a software KVM is slow at copying, and it is 2.7 KiB.
 */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/sigframe.h"
#include "guest-lwk/xstate.h"

/*
 * Direct-map address of [va, va+len) if that is possible. mm.lock is then held until
 * direct_end(): nobody takes the block away meanwhile.
 */
static void *direct_begin(struct process *proc, u64 va, u64 len, u32 prot)
{
	u64 offset = va & (BLOCK_SIZE - 1);
	const u64 *entry;

	if (offset + len > BLOCK_SIZE || !mm_check(proc, va, len, prot))
		return NULL;
	spin_lock(&proc->mm.lock);
	entry = pt_granule(&proc->mm, va, false);
	if (entry && *entry &&
		pt_all_populated(
			*entry, ALIGN_DOWN(va, PAGE_SIZE), ALIGN_UP(va + len, PAGE_SIZE)))
		return gpa_to_ptr(pt_block(*entry) + offset);
	spin_unlock(&proc->mm.lock);
	return NULL;
}

static void direct_end(struct process *proc)
{
	spin_unlock(&proc->mm.lock);
}

static s64 store(struct thread *t, u64 va)
{
	u8 *area = direct_begin(t->proc, va, machine.xstate_size, ABI_PROT_R | ABI_PROT_W);

	if (area) {
		memset(area + XS_HEADER, 0, XS_HEADER_LEN);
		xstate_regs_store(area);
		direct_end(t->proc);
		return 0;
	}
	if (xstate_save_current())
		return -EFAULT;
	return user_write(va, t->xstate, machine.xstate_size);
}

s64 sigframe_fp_save(struct thread *t, u64 va)
{
	const struct xs_sw sw = {
		.magic1 = XS_MAGIC1,
		.extended_size = machine.xstate_size + XS_MAGIC2_LEN,
		.xfeatures = machine.xcr0,
		.xstate_size = machine.xstate_size,
	};

	if (store(t, va) || user_write(va + XS_SW, &sw, sizeof(sw)) ||
		user_write_u32(va + machine.xstate_size, XS_MAGIC2))
		return -EFAULT;
	return 0;
}

/* Linux's marks are there: all of it is meant, not only the FXSAVE image. */
static bool is_extended(u64 va, const struct xs_sw *sw)
{
	u32 magic2;

	return sw->magic1 == XS_MAGIC1 && sw->xstate_size == machine.xstate_size &&
	       sw->extended_size >= sw->xstate_size + XS_MAGIC2_LEN &&
	       !user_read_u32(&magic2, va + sw->xstate_size) && magic2 == XS_MAGIC2;
}

/* Copied in first, then looked at: the program's other threads can write to the frame. */
static s64 load_copy(struct thread *t, u64 va, bool extended)
{
	u8 *area = xstate_area(t);

	if (!area || user_read(area, va, extended ? machine.xstate_size : XS_LEGACY))
		return -EFAULT;
	if (!extended) {
		memset(area + XS_HEADER, 0, XS_HEADER_LEN);
		area[XS_HEADER] = 3;
	}
	return xstate_regs_load(area);
}

/* The VMM copies it in, and the host's kernel validates the copy. */
static s64 load_soft(struct thread *t, u64 va)
{
	const void *area = direct_begin(t->proc, va, machine.xstate_size, ABI_PROT_R);
	s64 ret;

	if (!area)
		return load_copy(t, va, true);
	ret = xstate_regs_load(area);
	direct_end(t->proc);
	return ret;
}

s64 sigframe_fp_load(struct thread *t, u64 va)
{
	struct xs_sw sw;
	bool extended;

	if (!va) {
		xstate_regs_reset();
		return 0;
	}
	if (va & 63 || user_read(&sw, va + XS_SW, sizeof(sw)))
		return -EFAULT;
	extended = is_extended(va, &sw);
	if (extended && machine.software_kvm)
		return load_soft(t, va);
	return load_copy(t, va, extended);
}
