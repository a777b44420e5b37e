/* SPDX-License-Identifier: MIT */
/* New threads and processes, as the C libraries ask for them. */
#include "guest-lwk/clone.h"
#include "guest-lwk/fork.h"
#include "guest-lwk/pmem.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/signal_queue.h"
#include "guest-lwk/sys.h"
#include "guest-lwk/sys_misc.h"
#include "guest-lwk/vfork.h"

/* What threads share; they cannot have only a part of it. */
#define THREAD_SHARES (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define THREAD_FLAGS                                                                           \
	(THREAD_SHARES | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |                  \
		CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | CLONE_DETACHED)
/* And a process may have of these; it cannot share descriptors or its directory with its maker.
 */
#define PROCESS_FLAGS                                                                          \
	(CLONE_VM | CLONE_VFORK | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |  \
		CLONE_CHILD_SETTID | CLONE_DETACHED | CLONE_CLEAR_SIGHAND)

/* struct clone_args of Linux, its first version; later fields must be 0. */
struct clone_args {
	u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};
#define CLONE_ARGS_MAX 256

#define FCW_DEFAULT   0x37f
#define MXCSR_DEFAULT 0x1f80

/* Fields of the XSAVE area's legacy part that a new thread inherits. */
struct fx_area {
	u16 fcw, fsw;
	u8 rest[20];
	u32 mxcsr, mxcsr_mask;
	u8 registers[480];
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct fx_area) == 512, "FXSAVE");
#define XSTATE_BV 512 /* offset in the XSAVE area; bit 0: x87, bit 1: SSE and MXCSR */

struct fp_control fp_control_read(void)
{
	struct fx_area fx;

	__asm__ volatile("fxsave %0" : "=m"(fx));
	return (struct fp_control){fx.fcw, fx.mxcsr, fx.mxcsr_mask};
}

/*
 * Rounding and flush-to-zero go from creator to thread, as on Linux (OpenMP codes set them
 * once, in main). Nearly always they are the defaults, and the thread begins with the initial
 * state.
 */
s64 fp_control_give(struct thread *child, const struct fp_control *fp)
{
	if (fp->fcw == FCW_DEFAULT && fp->mxcsr == MXCSR_DEFAULT)
		return 0;
	child->xstate = kmem_alloc(machine.xstate_size);
	if (!child->xstate)
		return -ENOMEM;
	struct fx_area *to = (struct fx_area *)child->xstate;

	to->fcw = fp->fcw;
	to->mxcsr = fp->mxcsr;
	to->mxcsr_mask = fp->mxcsr_mask;
	*(u64 *)(child->xstate + XSTATE_BV) = 3;
	child->xstate_saved = true;
	return 0;
}

/* Addresses that cannot be written are passed over, as on Linux. */
static void tell_tid(struct thread *child, const struct new_thread *new)
{
	if (new->flags & CLONE_PARENT_SETTID)
		user_write_u32(new->parent_tid, child->tid);
	if (new->flags & CLONE_CHILD_SETTID)
		user_write_u32(new->child_tid, child->tid);
	if (new->flags & CLONE_CHILD_CLEARTID)
		child->clear_child_tid = new->child_tid;
}

static s64 flags_check(const struct new_thread *new)
{
	u64 flags = new->flags;

	if (((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND)) ||
		((flags & CLONE_SIGHAND) && !(flags & CLONE_VM)) ||
		((flags & CLONE_FS) && flags & (CLONE_NEWNS | CLONE_NEWUSER)))
		return -EINVAL;
	if (flags & CLONE_THREAD
			? (flags & THREAD_SHARES) != THREAD_SHARES || flags & ~THREAD_FLAGS
			: flags & ~PROCESS_FLAGS)
		return -ENOSYS;
	if ((flags & CLONE_SETTLS) && new->tls >= ABI_USER_END)
		return -EPERM;
	return 0;
}

static s64 clone_thread(const struct new_thread *new)
{
	struct thread *self = current_thread();
	struct thread *child = self->vfork ? NULL : thread_create(self->proc);

	if (!child)
		return -EAGAIN;
	struct regs *regs = thread_regs(child);
	u32 tid = child->tid;

	/*
	 * Without memory for the area it runs with the default rounding: it is in the process
	 * already.
	 */
	const struct fp_control fp = fp_control_read();

	if (fp_control_give(child, &fp))
		printk("thread %u: no memory for its floating-point modes", tid);
	*regs = *thread_regs(self);
	regs->rax = 0;
	if (new->stack)
		regs->rsp = new->stack;
	child->fsbase = new->flags &CLONE_SETTLS ? new->tls : fsbase_read();
	child->gsbase = rdmsr(MSR_KERNEL_GS_BASE);
	tell_tid(child, new);
	sched_start(child); /* it may have ended when this returns */
	return tid;
}

static s64 clone_any(const struct new_thread *new)
{
	s64 err = flags_check(new);

	if (!err)
		err = limit_threads();
	if (err)
		return err;
	if (new->flags & CLONE_THREAD)
		return clone_thread(new);
	if (!(new->flags &CLONE_VM))
		return fork_begin(new);
	/* Two processes that run in one address space at once: nobody asks for it. */
	return new->flags &CLONE_VFORK ? vfork_begin(new) : -ENOSYS;
}

s64 sys_clone(u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls)
{
	const struct new_thread new = {
		.flags = flags & 0xffffff00ULL,
		.exit_signal = flags & 0xff,
		.stack = stack,
		.parent_tid = parent_tid,
		.child_tid = child_tid,
		.tls = tls,
	};

	return clone_any(&new);
}

/* Bytes from..size of the program's structure are all 0: 0, else -E2BIG, or -EFAULT. */
static s64 tail_is_zero(u64 args, u64 from, u64 size)
{
	for (u64 at = from; at < size; at += 8) {
		u64 word = 0;

		if (user_read(&word, args + at, MIN(8, size - at)))
			return -EFAULT;
		if (word)
			return -E2BIG;
	}
	return 0;
}

s64 sys_clone3(u64 addr, u64 size)
{
	struct clone_args args;
	s64 err;

	if (size < sizeof(args))
		return -EINVAL;
	if (size > CLONE_ARGS_MAX)
		return -E2BIG;
	if (user_read(&args, addr, sizeof(args)))
		return -EFAULT;
	err = tail_is_zero(addr, sizeof(args), size);
	if (err)
		return err;
	if ((args.flags & (CLONE_DETACHED | 0xff)) || !args.stack != !args.stack_size ||
		args.exit_signal > NSIG || ((args.flags & CLONE_THREAD) && args.exit_signal))
		return -EINVAL;
	const struct new_thread new = {
		.flags = args.flags,
		.stack = args.stack + args.stack_size,
		.parent_tid = args.parent_tid,
		.child_tid = args.child_tid,
		.tls = args.tls,
		.exit_signal = args.exit_signal,
	};

	return clone_any(&new);
}

s64 sys_fork(void)
{
	const struct new_thread new = {.exit_signal = SIGCHLD};

	return clone_any(&new);
}

s64 sys_vfork(void)
{
	const struct new_thread new = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD};

	return clone_any(&new);
}
