/* SPDX-License-Identifier: MIT */
#include "guest-lwk/sigframe.h"
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/signal_queue.h"

#define RED_ZONE  128
#define VECTOR_PF 14
/* What a program may set: CF PF AF ZF SF TF DF OF RF AC. */
#define RFLAGS_RESTORED 0x50dd5ULL
#define RFLAGS_DF       0x400ULL
#define RFLAGS_TF       0x100ULL
#define RFLAGS_RF       0x10000ULL

/* ---- the alternate stack ---- */

static bool in_altstack(const struct thread *t, u64 sp)
{
	return sp > t->signals.alt_sp && sp - t->signals.alt_sp <= t->signals.alt_size;
}

/* One that disarms itself is off while its handler runs: it never counts as in use. */
bool sigframe_on_altstack(const struct thread *t, u64 sp)
{
	return !(t->signals.alt_flags & SS_AUTODISARM) && in_altstack(t, sp);
}

u32 sigframe_altstack_state(const struct thread *t, u64 sp)
{
	if (!t->signals.alt_size)
		return SS_DISABLE;
	return sigframe_on_altstack(t, sp) ? SS_ONSTACK : 0;
}

/* ---- push ---- */

/* Where the vector state goes; 0: an alternate stack that is too small. */
static u64 place(
	const struct thread *t, const struct regs *regs, const struct sigaction_k *action)
{
	u64 room = machine.xstate_size + XS_MAGIC2_LEN, sp = regs->rsp - RED_ZONE;
	bool alternate = sigframe_on_altstack(t, regs->rsp);

	if (action->flags & SA_ONSTACK && sigframe_altstack_state(t, regs->rsp) == 0) {
		sp = t->signals.alt_sp + t->signals.alt_size;
		alternate = true;
	}
	sp = ALIGN_DOWN(sp - room, 64);
	if (alternate && !in_altstack(t, ALIGN_DOWN(sp - sizeof(struct sigframe), 16) - 8))
		return 0;
	return sp;
}

static void context_fill(struct sigframe_context *c, const struct regs *regs, u64 fp)
{
	*c = (struct sigframe_context){
		.r8 = regs->r8,
		.r9 = regs->r9,
		.r10 = regs->r10,
		.r11 = regs->r11,
		.r12 = regs->r12,
		.r13 = regs->r13,
		.r14 = regs->r14,
		.r15 = regs->r15,
		.rdi = regs->rdi,
		.rsi = regs->rsi,
		.rbp = regs->rbp,
		.rbx = regs->rbx,
		.rdx = regs->rdx,
		.rax = regs->rax,
		.rcx = regs->rcx,
		.rsp = regs->rsp,
		.rip = regs->rip,
		.rflags = regs->rflags,
		.cs = USER_CS,
		.ss = USER_DS,
		.err = regs->vector < 32 ? regs->error : 0,
		.trapno = regs->vector < 32 ? regs->vector : 0,
		.fpstate = fp,
	};
}

static void frame_fill(struct sigframe *frame, struct thread *t, const struct regs *regs,
	const struct ksiginfo *info, const struct sigaction_k *action)
{
	frame->restorer = action->restorer;
	frame->uc.flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	frame->uc.link = 0;
	frame->uc.stack = (struct sigframe_stack){
		.sp = t->signals.alt_sp,
		.flags = t->signals.alt_size ? t->signals.alt_flags : SS_DISABLE,
		.size = t->signals.alt_size,
	};
	sigframe_info_fill(&frame->info, info);
	if (regs->vector == VECTOR_PF)
		frame->uc.mcontext.cr2 = info->value;
}

static void enter_handler(
	struct regs *regs, const struct sigaction_k *action, s32 signo, u64 sp)
{
	regs->rdi = (u64)signo;
	regs->rsi = sp + offsetof(struct sigframe, info);
	regs->rdx = sp + offsetof(struct sigframe, uc);
	regs->rax = 0; /* no vector arguments, for a handler without a prototype */
	regs->rip = action->handler;
	regs->rsp = sp;
	regs->rflags &= ~(RFLAGS_DF | RFLAGS_TF | RFLAGS_RF);
	regs->orig_rax = ~0ULL;
}

s64 sigframe_push(struct thread *t, struct regs *regs, const struct ksiginfo *info,
	const struct sigaction_k *action, u64 mask)
{
	struct sigframe frame;
	u64 fp = place(t, regs, action);
	u64 sp = ALIGN_DOWN(fp - sizeof(frame), 16) - 8;

	if (!fp || !(action->flags & SA_RESTORER) || action->handler >= ABI_USER_END)
		return -EFAULT;
	context_fill(&frame.uc.mcontext, regs, fp);
	frame_fill(&frame, t, regs, info, action);
	frame.uc.mcontext.oldmask = mask;
	frame.uc.mask = mask;
	if (sigframe_fp_save(t, fp) || user_write(sp, &frame, sizeof(frame)))
		return -EFAULT;
	if (t->signals.alt_flags & SS_AUTODISARM) {
		t->signals.alt_sp = t->signals.alt_size = 0;
		t->signals.alt_flags = 0;
	}
	enter_handler(regs, action, info->signo, sp);
	return 0;
}

/* ---- pop ---- */

/*
 * Only what a program could have set by itself: iretq would fault in the kernel on anything
 * else.
 */
static bool context_ok(const struct sigframe_context *c)
{
	return c->rip < ABI_USER_END && c->cs == USER_CS && c->ss == USER_DS;
}

static void context_restore(struct regs *regs, const struct sigframe_context *c)
{
	*regs = (struct regs){
		.r8 = c->r8,
		.r9 = c->r9,
		.r10 = c->r10,
		.r11 = c->r11,
		.r12 = c->r12,
		.r13 = c->r13,
		.r14 = c->r14,
		.r15 = c->r15,
		.rdi = c->rdi,
		.rsi = c->rsi,
		.rbp = c->rbp,
		.rbx = c->rbx,
		.rdx = c->rdx,
		.rax = c->rax,
		.rcx = c->rcx,
		.rsp = c->rsp,
		.rip = c->rip,
		.cs = USER_CS,
		.ss = USER_DS,
		.rflags = (regs->rflags & ~RFLAGS_RESTORED) | (c->rflags & RFLAGS_RESTORED),
		.orig_rax = ~0ULL, /* rax is no call's result */
		.vector = VECTOR_SYSCALL,
	};
}

/* As sigaltstack() would set it: not while it is in use. */
static void altstack_restore(struct thread *t, const struct sigframe_stack *stack, u64 sp)
{
	if (sigframe_on_altstack(t, sp) ||
		stack->flags & ~(SS_AUTODISARM | SS_DISABLE | SS_ONSTACK))
		return;
	bool off = stack->flags & SS_DISABLE;

	t->signals.alt_sp = off ? 0 : stack->sp;
	t->signals.alt_size = off ? 0 : stack->size;
	t->signals.alt_flags = stack->flags & SS_AUTODISARM;
}

s64 sigframe_pop(struct thread *t, struct regs *regs, u64 *mask)
{
	struct sigframe_ucontext uc;
	/* The handler's return has taken the restorer's address. */
	u64 at = regs->rsp - sizeof(u64) + offsetof(struct sigframe, uc);

	if (user_read(&uc, at, sizeof(uc)) || !context_ok(&uc.mcontext) ||
		sigframe_fp_load(t, uc.mcontext.fpstate))
		return -EFAULT;
	context_restore(regs, &uc.mcontext);
	altstack_restore(t, &uc.stack, uc.mcontext.rsp);
	*mask = uc.mask;
	return 0;
}
