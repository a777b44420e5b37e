/* SPDX-License-Identifier: MIT */
#include "guest-lwk/sigframe.h"
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/signal_queue.h"
#include "guest-lwk/user_window.h"

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
	u64 room = sigframe_fp_size(), sp = regs->rsp - RED_ZONE;
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

/* Field by field: an initializer would write everything twice, and ring 0 may be slow. */
static void context_fill(struct sigframe_context *c, const struct regs *regs)
{
	bool trap = regs->vector < 32;

	c->r8 = regs->r8;
	c->r9 = regs->r9;
	c->r10 = regs->r10;
	c->r11 = regs->r11;
	c->r12 = regs->r12;
	c->r13 = regs->r13;
	c->r14 = regs->r14;
	c->r15 = regs->r15;
	c->rdi = regs->rdi;
	c->rsi = regs->rsi;
	c->rbp = regs->rbp;
	c->rbx = regs->rbx;
	c->rdx = regs->rdx;
	c->rax = regs->rax;
	c->rcx = regs->rcx;
	c->rsp = regs->rsp;
	c->rip = regs->rip;
	c->rflags = regs->rflags;
	c->cs = USER_CS;
	c->gs = c->fs = 0;
	c->ss = USER_DS;
	c->err = trap ? regs->error : 0;
	c->trapno = trap ? regs->vector : 0;
	memset(c->reserved, 0, sizeof(c->reserved));
}

static void context_restore(struct regs *regs, const struct sigframe_context *c)
{
	regs->r8 = c->r8;
	regs->r9 = c->r9;
	regs->r10 = c->r10;
	regs->r11 = c->r11;
	regs->r12 = c->r12;
	regs->r13 = c->r13;
	regs->r14 = c->r14;
	regs->r15 = c->r15;
	regs->rdi = c->rdi;
	regs->rsi = c->rsi;
	regs->rbp = c->rbp;
	regs->rbx = c->rbx;
	regs->rdx = c->rdx;
	regs->rax = c->rax;
	regs->rcx = c->rcx;
	regs->rsp = c->rsp;
	regs->rip = c->rip;
	regs->rflags = (regs->rflags & ~RFLAGS_RESTORED) | (c->rflags & RFLAGS_RESTORED);
	regs->orig_rax = ~0ULL; /* rax is no call's result */
}

/* What a frame says, but for the registers. */
struct delivery {
	const struct ksiginfo *info;
	const struct sigaction_k *action;
	u64 mask;
	u64 sp, fp; /* where frame and vector state go */
};

static void frame_fill(struct sigframe *frame, const struct thread *t, const struct regs *regs,
	const struct delivery *d)
{
	struct sigframe_ucontext *uc = &frame->uc;

	frame->restorer = d->action->restorer;
	uc->flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	uc->link = 0;
	uc->stack.sp = t->signals.alt_sp;
	uc->stack.flags = t->signals.alt_size ? t->signals.alt_flags : SS_DISABLE;
	uc->stack.pad = 0;
	uc->stack.size = t->signals.alt_size;
	context_fill(&uc->mcontext, regs);
	uc->mcontext.oldmask = uc->mask = d->mask;
	uc->mcontext.cr2 = regs->vector == VECTOR_PF ? d->info->value : 0;
	uc->mcontext.fpstate = d->fp;
	sigframe_info_fill(&frame->info, d->info);
}

/* In place if it all lies in one block, else from copies. */
static s64 frame_write(struct thread *t, const struct regs *regs, const struct delivery *d)
{
	u64 fp_offset = d->fp - d->sp;
	u8 *at = window_open(
		t->proc, d->sp, fp_offset + sigframe_fp_size(), ABI_PROT_R | ABI_PROT_W);
	struct sigframe copy;

	if (at) {
		frame_fill((struct sigframe *)at, t, regs, d);
		sigframe_fp_fill(at + fp_offset);
		window_close(t->proc);
		return 0;
	}
	frame_fill(&copy, t, regs, d);
	if (sigframe_fp_write(t, d->fp) || user_write(d->sp, &copy, sizeof(copy)))
		return -EFAULT;
	return 0;
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
	struct delivery d = {.info = info, .action = action, .mask = mask};

	d.fp = place(t, regs, action);
	d.sp = ALIGN_DOWN(d.fp - sizeof(struct sigframe), 16) - 8;
	if (!d.fp || !(action->flags & SA_RESTORER) || action->handler >= ABI_USER_END)
		return -EFAULT;
	if (frame_write(t, regs, &d))
		return -EFAULT;
	if (t->signals.alt_flags & SS_AUTODISARM) {
		t->signals.alt_sp = t->signals.alt_size = 0;
		t->signals.alt_flags = 0;
	}
	enter_handler(regs, action, info->signo, d.sp);
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
