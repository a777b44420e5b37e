/* SPDX-License-Identifier: MIT */
#include "guest-lwk/gate.h"
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/futex.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/regs.h"
#include "guest-lwk/vma.h"

#define SYSCALL_BYTES 2
#define NR_FUTEX      202

extern char gate_page[], gate_scratch[], gate_kernel[], gate_end[], gate_waited[];

s64 gate_map(struct mm *mm, bool all)
{
	const u64 waiters = (all ? (u64)gate_waited : (u64)futex_waiters) - ABI_IMAGE_VA;
	const u64 va = ABI_GATE_VA;

	if (!machine.software_kvm)
		return 0;
	if (vma_add(mm, va, va + PAGE_SIZE, ABI_PROT_R | ABI_PROT_X, VMA_FIXED_KERNEL) ||
		vma_add(mm, va + PAGE_SIZE, va + 2 * PAGE_SIZE, ABI_PROT_R, VMA_FIXED_KERNEL) ||
		pt_map_foreign(
			mm, va, (u64)gate_page - ABI_IMAGE_VA, ABI_PROT_R | ABI_PROT_X) ||
		pt_map_foreign(mm, va + PAGE_SIZE, waiters, ABI_PROT_R))
		return -ENOMEM;
	return 0;
}

void gate_leave(struct regs *regs)
{
	u64 at = regs->rip - ABI_GATE_VA;

	/* rcx is the program's to set when it jumps here by hand. */
	if (at >= (u64)(gate_end - gate_page) || regs->rcx - SYSCALL_BYTES >= ABI_USER_END)
		return;
	/* In between rax is scratch; at gate_kernel it is the number of any call. */
	if (at >= (u64)(gate_scratch - gate_page) && at < (u64)(gate_kernel - gate_page))
		regs->rax = NR_FUTEX;
	regs->rip = regs->rcx - SYSCALL_BYTES;
	regs->rflags = (regs->r11 & RFLAGS_USER) | RFLAGS_FIXED;
}
