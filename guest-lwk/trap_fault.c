/* SPDX-License-Identifier: MIT */
#include "guest-lwk/trap_fault.h"
#include "guest-lwk/mm.h"
#include "guest-lwk/process.h"

enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11 };
enum {
	SEGV_MAPERR = 1,
	SEGV_ACCERR = 2,
	BUS_ADRALN = 1,
	BUS_ADRERR = 2,
	ILL_ILLOPN = 2,
	FPE_INTDIV = 1,
	FPE_FLTDIV = 3,
	FPE_FLTOVF,
	FPE_FLTUND,
	FPE_FLTRES,
	FPE_FLTINV,
	TRAP_BRKPT = 1,
	TRAP_TRACE = 2,
	SI_KERNEL = 0x80
};

void fault_page(struct regs *regs, u64 va, s64 why)
{
	if (why == -ENOMEM)
		signal_fault(regs, SIGBUS, BUS_ADRERR, va);
	else
		signal_fault(regs, SIGSEGV, why == -EACCES ? SEGV_ACCERR : SEGV_MAPERR, va);
}

/* Of the exceptions that are raised and not masked, the one with the highest rank (Intel SDM
 * 1, 8.5 and 11.5). */
static s32 fpe_code(u32 status, u32 masked)
{
	u32 raised = status & ~masked & 0x3f;

	if (raised & 1)
		return FPE_FLTINV;
	if (raised & 4)
		return FPE_FLTDIV;
	if (raised & 8)
		return FPE_FLTOVF;
	if (raised & 0x12)
		return FPE_FLTUND;
	return raised & 0x20 ? FPE_FLTRES : 0;
}

/* Status and masks are read from the saved state: ring 0 has no instructions for them on a
 * software KVM. */
static s32 fp_code(bool sse)
{
	struct thread *t = current_thread();

	if (xstate_save_current())
		return 0;
	if (sse) {
		u32 mxcsr = *(u32 *)(t->xstate + 24);

		return fpe_code(mxcsr, mxcsr >> 7);
	}
	return fpe_code(*(u16 *)(t->xstate + 2), *(u16 *)t->xstate);
}

/*
 * `int N` to a gate that is not the program's is #GP with the gate's selector; a software KVM
 * raises #UD. Made what hardware has.
 */
static void soft_int(struct regs *regs)
{
	u8 code[2];

	if (!machine.software_kvm || regs->vector != 6 ||
		user_read(code, regs->rip, sizeof(code)) || code[0] != 0xcd)
		return;
	regs->vector = 13;
	regs->error = (u64)code[1] << 3 | 2; /* IDT */
}

void fault_exception(struct regs *regs)
{
	soft_int(regs);
	switch (regs->vector) {
	case 0:
		signal_fault(regs, SIGFPE, FPE_INTDIV, regs->rip);
		break;
	case 1:
		signal_fault(regs, SIGTRAP, TRAP_TRACE, regs->rip);
		break;
	case 3:
		signal_fault(regs, SIGTRAP, SI_KERNEL, 0);
		break;
	case 6:
		signal_fault(regs, SIGILL, ILL_ILLOPN, regs->rip);
		break;
	case 16:
		signal_fault(regs, SIGFPE, fp_code(false), regs->rip);
		break;
	case 17:
		signal_fault(regs, SIGBUS, BUS_ADRALN, 0);
		break;
	case 19:
		signal_fault(regs, SIGFPE, fp_code(true), regs->rip);
		break;
	default: /* #GP, #SS, #OF, #BR, #NP, #TS */
		signal_fault(regs, SIGSEGV, SI_KERNEL, 0);
		break;
	}
}
