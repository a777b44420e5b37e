/* SPDX-License-Identifier: MIT */
#include "guest-lwk/trap.h"
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/pt.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/syscall.h"
#include "guest-lwk/trap_fault.h"

extern char syscall_entry[], uaccess_begin[], uaccess_end[], uaccess_fault[];

#define VECTOR_PF        14
#define PF_WRITE         2
#define PF_FETCH         16
#define RFLAGS_SYSRET_NO 0x10100ULL /* RF, TF: IRET knows how */

static struct core *kernel_enter(void)
{
	struct core *core = this_core();

	WRITE_ONCE(core->share->in_user, 0);
	WRITE_ONCE(core->share->need_irq, 0);
	return core;
}

bool host_poll(struct core *core)
{
	bool did = fwd_done(core);

	if (core->mm && READ_ONCE(core->mm->dying))
		mm_load(NULL);
	if (READ_ONCE(core->share->events)) {
		u64 events = __atomic_exchange_n(&core->share->events, 0, __ATOMIC_SEQ_CST);

		/* All of them are core 0's. What a proxy wrote elsewhere is dropped: else it
		 * would keep that core in the kernel for good (user_may_run). */
		for (; events && core->index == 0; events &= events - 1)
			process_event((u32)__builtin_ctzll(events));
		did = true;
	}
	return did;
}

void host_breathe(void)
{
	host_poll(this_core());
	if (this_core()->need_resched)
		sched_yield_now();
}

static bool host_waits(const struct core *core)
{
	return READ_ONCE(core->share->done_words) || READ_ONCE(core->share->events);
}

/* What keeps a thread in the kernel, apart from the host. */
static bool thread_waits(const struct core *core, const struct thread *t)
{
	return READ_ONCE(t->signals.work) || READ_ONCE(t->proc->exiting) ||
	       core->need_resched || READ_ONCE(t->move_asked) || READ_ONCE(t->proc->stopped);
}

static void stop_here(struct thread *t)
{
	t->wait = WAIT_STOPPED;
	sched_prepare();
	if (READ_ONCE(t->proc->stopped) && !READ_ONCE(t->proc->exiting))
		schedule();
	else
		sched_cancel();
	t->wait = WAIT_NONE;
}

static void thread_work(struct core *core, struct thread *t, struct regs *regs)
{
	if (READ_ONCE(t->proc->exiting))
		thread_exit(0);
	if (core->need_resched) {
		sched_resched();
	} else if (READ_ONCE(t->move_asked)) {
		sched_move_self();
	} else if (READ_ONCE(t->proc->stopped)) {
		stop_here(t);
	} else if (t->log_behind) {
		log_catch_up(t);
	} else {
		signal_deliver(regs);
	}
}

/*
 * The way out. in_user and need_irq go up, full fence, then every flag is read: whoever sets a
 * flag sets it first and then looks at need_irq (core_kick, the proxies, mm_flush). So a flag
 * set at any time is seen here, or its setter interrupts the core once it is in ring 3 with
 * interrupts on. The flags are read this once: where ring 0 is emulated a look before as well
 * would be a tenth of a short call.
 */
static ALWAYS_INLINE bool user_may_run(struct core *core)
{
	struct abi_core *share = core->share;
	struct thread *t = core->current;
	struct process *proc = t->proc;

	WRITE_ONCE(share->in_user, 1);
	WRITE_ONCE(share->need_irq, 1);
	fence_full();
	if (unlikely(core->tlb_seen != READ_ONCE(proc->mm->tlb_gen)))
		mm_flush_self(core);
	/* All at once: nearly always there is nothing, and a branch for each would be two
	 * instructions more for each. */
	return likely(!(READ_ONCE(share->done_words) | READ_ONCE(share->events) |
			READ_ONCE(t->signals.work) | READ_ONCE(proc->exiting) |
			core->need_resched | READ_ONCE(t->move_asked) |
			READ_ONCE(proc->stopped)));
}

/* Pending work, done until there is none. The core may be another one after each turn. */
static APART void user_work(struct regs *regs)
{
	do {
		struct core *core = kernel_enter();

		if (host_waits(core))
			host_poll(core);
		if (thread_waits(core, core->current))
			thread_work(core, core->current, regs);
	} while (!user_may_run(this_core()));
}

static void user_return(struct regs *regs)
{
	if (unlikely(!user_may_run(this_core())))
		user_work(regs);
}

static void syscall_serve(struct regs *regs)
{
	syscall_dispatch(regs);
	user_return(regs);
}

bool syscall_trap(struct regs *regs)
{
	kernel_enter();
	regs->orig_rax = regs->rax;
	syscall_serve(regs);
	return regs->rcx == regs->rip && regs->r11 == regs->rflags &&
	       regs->rip < ABI_USER_END && !(regs->rflags & RFLAGS_SYSRET_NO) &&
	       regs->cs == USER_CS;
}

/*
 * Software KVM: SYSCALL goes to LSTAR but stays in ring 3, with rcx and r11 as the instruction
 * leaves them (platform.md part A). LSTAR is the gate (gate.S), which jumps on to syscall_entry
 * and faults there. A program may jump there by hand: what it says is checked as for any system
 * call, and it cannot make us return to a kernel address.
 */
static bool is_soft_syscall(const struct regs *regs)
{
	return machine.software_kvm && regs->rip == (u64)syscall_entry &&
	       regs->rcx < ABI_USER_END;
}

static void soft_syscall(struct regs *regs)
{
	regs->orig_rax = regs->rax;
	regs->vector = VECTOR_SYSCALL;
	regs->rip = regs->rcx;
	regs->rflags = (regs->r11 & RFLAGS_USER) | RFLAGS_FIXED;
	syscall_serve(regs);
}

static APART void page_fault(struct core *core, struct regs *regs)
{
	u64 va = cr2_read();
	struct process *proc = core->current->proc;
	s64 ret = mm_fault(proc, va, regs->error & PF_WRITE, regs->error & PF_FETCH);

	/* It may be another core's program by then, but its counters are anybody's. */
	if (ret == -EAGAIN)
		ret = mm_window_wait(proc, va);
	if (!ret)
		core->share->n_faults++;
	else
		fault_page(regs, va, ret);
}

/*
 * The host found no memory behind a page of the window: a file was truncated. The instruction
 * is made again, faults here, and the proxy is asked (mm_window_wait). bad_len 0: not even the
 * host knows which page it is.
 */
static APART bool window_bad(struct core *core)
{
	u64 gpa = READ_ONCE(core->share->bad_gpa), len = READ_ONCE(core->share->bad_len);

	return len && !mm_window_bad(core->current->proc, gpa, len);
}

static APART void interrupt(struct core *core, u64 vector)
{
	wrmsr(MSR_X2APIC_EOI, 0);
	switch (vector) {
	case ABI_VEC_TIMER:
		core->share->n_irq_timer++;
		timer_interrupt();
		break;
	case ABI_VEC_KICK:
		core->share->n_irq_kick++;
		break;
	default:
		core->share->n_irq_host++;
		/* Cleared before the done bits are read: a bit set later sends another
		 * interrupt. */
		__atomic_exchange_n(&core->share->irq_sent, 0, __ATOMIC_SEQ_CST);
		break;
	}
}

void trap_user(struct regs *regs)
{
	struct core *core = kernel_enter();

	if (regs->vector == VECTOR_PF && is_soft_syscall(regs)) {
		soft_syscall(regs);
		return;
	}
	if (regs->vector == VECTOR_PF) {
		page_fault(core, regs);
	} else if ((regs->vector & 0xff) >= 0xe0) {
		if ((regs->vector & 0xff) != ABI_VEC_SPURIOUS)
			interrupt(core, regs->vector & 0xff);
	} else if (regs->vector == ABI_VEC_BAD) {
		core->share->n_exceptions++;
		if (!window_bad(core))
			fault_page(regs, 0, -ENOMEM);
	} else {
		core->share->n_exceptions++;
		fault_exception(regs);
	}
	user_return(regs);
}

static void kernel_bug(struct regs *regs)
{
	struct abi_panic *p = &machine.share->panic[this_core()->index];

	p->vector = regs->vector;
	p->error = regs->error;
	p->rip = regs->rip;
	p->rsp = regs->rsp;
	p->cr2 = cr2_read();
	p->rflags = regs->rflags;
	const u64 gpr[16] = {regs->rax, regs->rcx, regs->rdx, regs->rbx, regs->rsp, regs->rbp,
		regs->rsi, regs->rdi, regs->r8, regs->r9, regs->r10, regs->r11, regs->r12,
		regs->r13, regs->r14, regs->r15};

	memcpy(p->gpr, gpr, sizeof(gpr));
	p->tid = current_thread() ? current_thread()->tid : 0;
	panic("exception %lu (error %lx) in the kernel at %lx, cr2 %lx", regs->vector,
		regs->error, regs->rip, p->cr2);
}

static s64 fault_in(const struct core *core, u64 va, bool write)
{
	struct process *proc = core->current->proc;
	s64 ret = mm_fault(proc, va, write, false);

	/* Not on the way out: the proxy may be gone, and the mailbox in use. */
	if (ret == -EAGAIN && !READ_ONCE(proc->exiting))
		ret = mm_window_wait(proc, va);
	return ret;
}

/*
 * A program's address, used by the kernel for it: commit, or continue at the failing end of
 * uaccess. The thread may wait for that, but goes on where it was: only it moves itself
 * (sched_move_self).
 */
static void uaccess_fixup(struct regs *regs)
{
	struct core *core = this_core();
	u64 va = cr2_read();

	/* mm_flush() of another core may wait for us with mm.lock held. */
	store_release(&core->uaccess, 0);
	/* A software KVM may tell it an instruction late: then what was read is nothing. */
	if (regs->vector == ABI_VEC_BAD)
		window_bad(core);
	if (regs->vector == ABI_VEC_BAD || fault_in(core, va, regs->error & PF_WRITE))
		regs->rip = (u64)uaccess_fault;
	WRITE_ONCE(core->uaccess, 1);
	fence_full();
	mm_flush_self(core);
}

void trap_kernel(struct regs *regs)
{
	if ((regs->vector & 0xff) >= 0xe0) {
		if ((regs->vector & 0xff) != ABI_VEC_SPURIOUS)
			interrupt(this_core(), regs->vector & 0xff);
	} else if ((regs->vector == VECTOR_PF || regs->vector == ABI_VEC_BAD) &&
		   regs->rip >= (u64)uaccess_begin && regs->rip < (u64)uaccess_end) {
		uaccess_fixup(regs);
	} else if (regs->vector != ABI_VEC_BAD) { /* which may come behind the instruction */
		kernel_bug(regs);
	}
}

void thread_first(struct regs *regs)
{
	user_return(regs);
}
