/* SPDX-License-Identifier: MIT */
#include "guest-lwk/syscall.h"
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/children.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mempolicy.h"
#include "guest-lwk/quiet.h"
#include "guest-lwk/sys.h"
#include "guest-lwk/sys_misc.h"
#include "guest-lwk/sys_signal.h"
#include "guest-lwk/sysargs.h"
#include "guest-lwk/trace.h"
#include "guest-lwk/vfork.h"

/* The System V ABI lets a function be called with more words than it takes. */
#define FN_LOCAL(nr, function, ...) [nr] = (syscall_fn)(void *)sys_##function,
#define FN_FORWARD(nr, ...)
#define FN_REFUSED(nr, ...)
#define FN(nr, name, class, ...) FN_##class(nr, __VA_ARGS__)
static const syscall_fn local_calls[ABI_MAX_CALLS] = {ABI_SYSCALLS(FN)};

/*
 * The calls that syscall_dispatch() makes at once. While a process of this guest is traced
 * there are none: all calls go the long way, where the trace is written, and where nobody is
 * traced it costs one load.
 */
static const syscall_fn no_calls[ABI_MAX_CALLS];
static const syscall_fn *short_way = local_calls;

void syscall_trace(bool on)
{
	WRITE_ONCE(short_way, on ? no_calls : local_calls);
}

#define NAME_LOCAL(nr, name)
#define NAME_FORWARD(nr, name)
#define NAME_REFUSED(nr, name)     [nr] = #name,
#define NAME(nr, name, class, ...) NAME_##class(nr, name)
static const char *const refused_names[ABI_MAX_CALLS] = {ABI_SYSCALLS(NAME)};

static const struct abi_call calls[ABI_MAX_CALLS] = {ABI_SYSCALLS(ABI_CALL_ROW)};

void syscall_account(u32 nr, s64 ret, u64 tsc)
{
	struct abi_call_stat *stat = &machine.share->call[this_core()->index][nr];

	stat->count++;
	stat->total_tsc += tsc;
	if (tsc > stat->max_tsc)
		stat->max_tsc = tsc;
	if (ret < 0)
		stat->errors++;
}

/* SIGPIPE and SIGXFSZ: the call raised them for the thread that made it. */
static void raise_for_call(struct thread *t, u32 signo)
{
	const struct ksiginfo info = {
		.signo = (s32)signo,
		.pid = (s32)t->proc->pid,
		.uid = t->proc->share->uid,
	};

	if (t->vfork)
		vfork_signal((s32)signo);
	else if (signo <= NSIG)
		signal_send_thread(t, &info);
}

/*
 * What the program is told of a call that a signal ended is known only when the signal is
 * delivered.
 */
static s64 interrupted(const struct abi_call *call, s64 ret)
{
	if (ret == ABI_NOT_BEGUN)
		return -ERESTARTNOINTR;
	if (ret == -EINTR && call->interrupted == ABI_RESTART)
		return -ERESTART;
	if (ret == -EINTR && call->interrupted == ABI_NOHAND)
		return -ERESTARTNOHAND;
	return ret;
}

s64 syscall_forward(u32 nr, const u64 arg[6])
{
	const struct abi_call *call = &calls[nr];
	struct thread *t = current_thread();
	struct sysargs sa; /* field by field: an initializer clears it all first */
	u64 start;
	s64 ret;

	sa.proc = t->proc;
	sa.call = call;
	sa.nr = nr;
	sa.lo = ~0ULL;
	sa.hi = 0;
	sa.clipped = 0;
	sa.masked = false;
	sa.mask = 0;
	memcpy(sa.arg, arg, sizeof(sa.arg));
	ret = sysargs_check(&sa);
	if (ret)
		return ret;
	if (sa.masked)
		signal_mask_swap(sa.mask);
	if (nr == ABI_NR_open || nr == ABI_NR_openat)
		mempolicy_publish(t->proc);
	start = rdtsc();
	if (sa.masked && signal_pending_now())
		ret = -EINTR;
	else
		ret = fwd_call(nr, sa.arg, sa.hi ? sa.lo : 0, sa.hi);
	syscall_account(nr, ret, rdtsc() - start);
	if (ret < 0 && machine.share->mbox[t->slot].signal)
		raise_for_call(t, machine.share->mbox[t->slot].signal);
	if (sa.masked) {
		/*
		 * Made again after the handler it would wait for a signal that has been:
		 * ppoll's very purpose.
		 */
		if (ret == ABI_NOT_BEGUN)
			ret = -EINTR;
		signal_mask_back(ret == -EINTR);
	}
	return interrupted(call, sysargs_result(&sa, ret));
}

s64 syscall_proxy(u32 nr, const u64 arg[6])
{
	u64 start = rdtsc();
	s64 ret = fwd_call(nr, arg, 0, ABI_USER_END);

	syscall_account(nr, ret, rdtsc() - start);
	return ret;
}

/* True the first time that nr is refused in this guest. */
static bool first_refusal(u32 nr)
{
	static u64 seen[ABI_MAX_CALLS / 64 + 1];
	u64 bit = 1ULL << (nr % 64);

	return !(__atomic_fetch_or(&seen[nr / 64], bit, __ATOMIC_RELAXED) & bit);
}

static s64 refuse(u64 nr)
{
	u32 seen = (u32)MIN(nr, ABI_MAX_CALLS);
	s64 ret = -ENOSYS;

	if (nr < ABI_MAX_CALLS && calls[nr].class == ABI_REFUSED)
		ret = -(s64)calls[nr].refused;
	if (nr < ABI_MAX_CALLS)
		syscall_account((u32)nr, ret, 0);
	if (!first_refusal(seen))
		return ret;
	if (nr < ABI_MAX_CALLS && refused_names[nr])
		printk("system call %u (%s) is refused (docs/linux-abi.md)", (u32)nr,
			refused_names[nr]);
	else
		printk("system call %lu is unknown: ENOSYS", nr);
	return ret;
}

static s64 call_local(syscall_fn fn, const u64 arg[6])
{
	this_core()->share->n_syscalls_local++;
	return fn(arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

static s64 call_any(u64 nr, const u64 arg[6])
{
	syscall_fn fn = nr < ABI_MAX_CALLS ? local_calls[nr] : NULL;

	if (fn)
		return call_local(fn, arg);
	if (nr >= ABI_MAX_CALLS || calls[nr].class != ABI_FORWARD)
		return refuse(nr);
	if (quiet_answers((u32)nr, arg)) {
		this_core()->share->n_syscalls_local++;
		return 0;
	}
	if (unlikely(nr == ABI_NR_wait4 || nr == ABI_NR_waitid))
		return children_wait((u32)nr, arg);
	return syscall_forward((u32)nr, arg);
}

/* Not at once: forwarded, refused, or somebody is traced. */
static APART s64 dispatch_other(const struct regs *regs, u64 nr)
{
	const u64 arg[6] = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9};
	s64 ret;

	if (likely(READ_ONCE(short_way) == local_calls) || !current_thread()->proc->trace)
		return call_any(nr, arg);
	trace_enter((u32)nr, arg);
	ret = call_any(nr, arg);
	trace_leave(ret);
	return ret;
}

void syscall_dispatch(struct regs *regs)
{
	u64 nr = (u64)(s64)(s32)regs->orig_rax; /* 32 bits wide, as on Linux */
	syscall_fn fn = nr < ABI_MAX_CALLS ? READ_ONCE(short_way)[nr] : NULL;
	s64 ret;

	if (fn) {
		this_core()->share->n_syscalls_local++;
		ret = fn(regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9);
	} else {
		ret = dispatch_other(regs, nr);
	}
	regs->rax = (u64)ret;
	/* One of the private codes: signal_deliver() must look at it, signal or not. */
	if (unlikely((u64)(ret + ERESTARTNOHAND) <= ERESTARTNOHAND - ERESTART))
		current_thread()->signals.work = true;
}
