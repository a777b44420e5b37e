/* SPDX-License-Identifier: MIT */
/*
 * Vector state is switched when another thread of programs comes onto a core, never for the
 * kernel, which has no use for it. On a software KVM ring 0 cannot say XSAVE: the VMM does it,
 * one exit for both halves of a switch.
 */
#include "guest-lwk/xstate.h"
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/sigframe_layout.h"
#include "guest-lwk/signal_queue.h"

/*
 * x87 control word 0x37f, MXCSR 0x1f80, XSTATE_BV x87 and SSE; what lies behind it is not
 * looked at.
 */
static const u8 initial[XS_LEGACY + XS_HEADER_LEN] __attribute__((aligned(64))) = {
	[0] = 0x7f,
	[1] = 0x03,
	[XS_MXCSR] = 0x80,
	[XS_MXCSR + 1] = 0x1f,
	[XS_HEADER] = 3,
};

static u64 gpa_of(const void *area)
{
	u64 va = (u64)area;

	return va >= ABI_IMAGE_VA ? va - ABI_IMAGE_VA : ptr_to_gpa(area);
}

static void hw_store(void *area)
{
	__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(~0U), "d"(~0U) : "memory");
}

static void hw_load(const void *area)
{
	__asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(~0U), "d"(~0U) : "memory");
}

/* Would XRSTOR fault in the kernel? */
static bool loadable(const u8 *area)
{
	const u64 *header = (const u64 *)(area + XS_HEADER);

	if (*(const u32 *)(area + XS_MXCSR) & ~0xffffU || header[0] & ~machine.xcr0)
		return false;
	for (u32 i = 1; i < XS_HEADER_LEN / sizeof(*header); i++)
		if (header[i])
			return false;
	return true;
}

void xstate_regs_store(void *area)
{
	if (machine.software_kvm)
		core_hypercall(ABI_HC_XSAVE, gpa_of(area), 0, 0);
	else
		hw_store(area);
}

s64 xstate_regs_load(const void *area)
{
	if (machine.software_kvm)
		return core_hypercall(ABI_HC_XRSTOR, gpa_of(area), 0, 0) ? -EINVAL : 0;
	if (!loadable(area))
		return -EINVAL;
	hw_load(area);
	return 0;
}

void xstate_regs_reset(void)
{
	xstate_regs_load(initial);
}

u8 *xstate_area(struct thread *t)
{
	if (!t->xstate)
		t->xstate = kmem_alloc(machine.xstate_size);
	return t->xstate;
}

/*
 * Where the state of the registers' owner goes; NULL: it has ended, or must, for want of
 * memory.
 */
static u8 *area_of_owner(struct thread *owner)
{
	u8 *area;

	if (!owner || owner->state == THREAD_DEAD)
		return NULL;
	area = xstate_area(owner);
	if (!area) {
		printk("thread %u: no memory for its vector state: killed", owner->tid);
		process_exit(owner->proc, SIGKILL);
	}
	return area;
}

void xstate_switch(struct thread *next)
{
	struct core *core = this_core();
	struct thread *old = core->xstate_owner;
	const u8 *load = next->xstate_saved ? next->xstate : initial;
	u8 *store;

	if (old == next)
		return;
	core->share->n_switches++;
	store = area_of_owner(old);
	if (machine.software_kvm) {
		core_hypercall(ABI_HC_XSWITCH, store ? gpa_of(store) : 0, gpa_of(load), 0);
	} else {
		if (store)
			hw_store(store);
		hw_load(load);
	}
	if (store)
		old->xstate_saved = true;
	core->xstate_owner = next;
	next->xstate_saved = false; /* the registers have it from now on */
}

s64 xstate_save_current(void)
{
	u8 *area = xstate_area(current_thread());

	if (!area)
		return -ENOMEM;
	xstate_regs_store(area);
	return 0;
}

void xstate_load_current(void)
{
	xstate_regs_load(current_thread()->xstate);
}

void xstate_detach(struct thread *t)
{
	struct core *core = this_core();
	u8 *area;

	if (core->xstate_owner != t)
		return;
	area = area_of_owner(t);
	if (area) {
		xstate_regs_store(area);
		t->xstate_saved = true;
	}
	core->xstate_owner = NULL;
}

void xstate_free(struct thread *t)
{
	if (t->core->xstate_owner == t)
		t->core->xstate_owner = NULL;
	if (t->xstate)
		kmem_free(t->xstate, machine.xstate_size);
	t->xstate = NULL;
	t->xstate_saved = false;
}
