/* SPDX-License-Identifier: MIT */
/*
 * New threads, as the C libraries ask for them. New processes are refused: nothing would stand
 * in for them.
 */
#include "guest-lwk/pmem.h"
#include "guest-lwk/sched.h"
#include "guest-lwk/sys.h"
#include "guest-lwk/sys_misc.h"

#define CLONE_VM             0x00000100ULL
#define CLONE_FS             0x00000200ULL
#define CLONE_FILES          0x00000400ULL
#define CLONE_SIGHAND        0x00000800ULL
#define CLONE_THREAD         0x00010000ULL
#define CLONE_SYSVSEM        0x00040000ULL
#define CLONE_SETTLS         0x00080000ULL
#define CLONE_PARENT_SETTID  0x00100000ULL
#define CLONE_CHILD_CLEARTID 0x00200000ULL
#define CLONE_DETACHED       0x00400000ULL
#define CLONE_CHILD_SETTID   0x01000000ULL

/* What threads share; they cannot have only a part of it. */
#define THREAD_SHARES (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define THREAD_FLAGS                                                                           \
	(THREAD_SHARES | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |                  \
		CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | CLONE_DETACHED)

/* struct clone_args of Linux, its first version; later fields must be 0. */
struct clone_args {
	u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};
#define CLONE_ARGS_MAX 256

struct new_thread {
	u64 flags, stack, parent_tid, child_tid, tls;
};

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

/*
 * Rounding and flush-to-zero go from creator to thread, as on Linux (OpenMP codes set them
 * once, in main). Nearly always they are the defaults, and the thread begins with the initial
 * state. -ENOMEM.
 */
static s64 inherit_fp_control(struct thread *child)
{
	struct fx_area fx;

	__asm__ volatile("fxsave %0" : "=m"(fx));
	if (fx.fcw == FCW_DEFAULT && fx.mxcsr == MXCSR_DEFAULT)
		return 0;
	child->xstate = kmem_alloc(machine.xstate_size);
	if (!child->xstate)
		return -ENOMEM;
	struct fx_area *to = (struct fx_area *)child->xstate;

	to->fcw = fx.fcw;
	to->mxcsr = fx.mxcsr;
	to->mxcsr_mask = fx.mxcsr_mask;
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
		((flags & CLONE_SIGHAND) && !(flags & CLONE_VM)))
		return -EINVAL;
	if ((flags & THREAD_SHARES) != THREAD_SHARES || (flags & ~THREAD_FLAGS))
		return -ENOSYS;
	if ((flags & CLONE_SETTLS) && new->tls >= ABI_USER_END)
		return -EPERM;
	return 0;
}

static s64 clone_thread(const struct new_thread *new)
{
	struct thread *self = current_thread();
	s64 err = flags_check(new);

	if (!err)
		err = limit_threads();
	if (err)
		return err;
	struct thread *child = thread_create(self->proc);

	if (!child)
		return -EAGAIN;
	struct regs *regs = thread_regs(child);
	u32 tid = child->tid;

	/*
	 * Without memory for the area it runs with the default rounding: it is in the process
	 * already.
	 */
	if (inherit_fp_control(child))
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

s64 sys_clone(u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls)
{
	const struct new_thread new = {
		.flags = flags & ~0xffULL, /* the signal at its end: threads send none */
		.stack = stack,
		.parent_tid = parent_tid,
		.child_tid = child_tid,
		.tls = tls,
	};

	return clone_thread(&new);
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
		((args.flags & CLONE_THREAD) && args.exit_signal))
		return -EINVAL;
	const struct new_thread new = {
		.flags = args.flags,
		.stack = args.stack + args.stack_size,
		.parent_tid = args.parent_tid,
		.child_tid = args.child_tid,
		.tls = args.tls,
	};

	return clone_thread(&new);
}
