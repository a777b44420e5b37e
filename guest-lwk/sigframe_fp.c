/* SPDX-License-Identifier: MIT */
/*
 * Vector state in a signal frame. Where it lies in one block, it goes between registers and
 * stack without a copy: ring 0 of a software KVM is slow at copying, and it is 2.7 KiB.
 */
#include "guest-lwk/sigframe.h"
#include "guest-lwk/user_window.h"
#include "guest-lwk/xstate.h"

static struct xs_sw marks(void)
{
	return (struct xs_sw){
		.magic1 = XS_MAGIC1,
		.extended_size = machine.xstate_size + XS_MAGIC2_LEN,
		.xfeatures = machine.xcr0,
		.xstate_size = machine.xstate_size,
	};
}

void sigframe_fp_fill(u8 *area)
{
	memset(area + XS_HEADER, 0, XS_HEADER_LEN);
	xstate_regs_store(area);
	*(struct xs_sw *)(area + XS_SW) = marks();
	*(u32 *)(area + machine.xstate_size) = XS_MAGIC2;
}

s64 sigframe_fp_write(struct thread *t, u64 va)
{
	const struct xs_sw sw = marks();

	if (xstate_save_current() || user_write(va, t->xstate, machine.xstate_size) ||
		user_write(va + XS_SW, &sw, sizeof(sw)) ||
		user_write_u32(va + machine.xstate_size, XS_MAGIC2))
		return -EFAULT;
	return 0;
}

/* Linux's marks are there: all of it is meant, not only the FXSAVE image. */
static bool is_extended(const struct xs_sw *sw, u32 magic2)
{
	return sw->magic1 == XS_MAGIC1 && sw->xstate_size == machine.xstate_size &&
	       sw->extended_size >= sigframe_fp_size() && magic2 == XS_MAGIC2;
}

/* Copied in first, then looked at: the program's other threads can write to the frame. */
static s64 load_copy(struct thread *t, u64 va)
{
	const struct xs_sw *sw;
	u8 *area = xstate_area(t);
	u32 magic2 = 0;

	if (!area || user_read(area, va, XS_LEGACY))
		return -EFAULT;
	sw = (const struct xs_sw *)(area + XS_SW);
	if (!user_read_u32(&magic2, va + machine.xstate_size) && is_extended(sw, magic2)) {
		if (user_read(area, va, machine.xstate_size))
			return -EFAULT;
	} else {
		memset(area + XS_HEADER, 0, XS_HEADER_LEN);
		area[XS_HEADER] = 3;
	}
	return xstate_regs_load(area);
}

/* Software KVM: the VMM copies it in, and the host's kernel validates the copy. 1: not this
 * way. */
static s64 load_soft(struct thread *t, u64 va)
{
	const u8 *area = window_open(t->proc, va, sigframe_fp_size(), ABI_PROT_R);
	s64 ret = 1;

	if (!area)
		return ret;
	if (is_extended((const struct xs_sw *)(area + XS_SW),
		    *(const u32 *)(area + machine.xstate_size)))
		ret = xstate_regs_load(area);
	window_close(t->proc);
	return ret;
}

s64 sigframe_fp_load(struct thread *t, u64 va)
{
	s64 ret = 1;

	if (!va) {
		xstate_regs_reset();
		return 0;
	}
	if (va & 63)
		return -EFAULT;
	if (machine.software_kvm)
		ret = load_soft(t, va);
	return ret == 1 ? load_copy(t, va) : ret;
}
