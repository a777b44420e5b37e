/* SPDX-License-Identifier: MIT */
/*
 * The proxy has the same file at the same address, so it makes the very call, never PRIVATE:
 * whoever maps the file is woken, a process of the host or another one here.
 *
 * A waiter is counted as one in RAM is (futex.c), so that a FUTEX_WAKE that says PRIVATE does
 * not find "nobody" in the gate. The count goes up before the proxy is asked, so before the
 * host compares the word; the argument is the one of futex.c with the host in place of the
 * bucket. Waiters are not moved to another word, where they would not be counted: who would be
 * is woken instead, and looks again, as after any wake-up that nobody meant.
 */
#include "guest-lwk/futex_host.h"
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/futex.h"
#include "guest-lwk/fwd.h"
#include "guest-lwk/mm_window.h"
#include "guest-lwk/syscall.h"

#define INT_MAX_U32 0x7fffffffU

static bool waits(u32 command)
{
	return command == OP_WAIT || command == OP_WAIT_BITSET;
}

static bool requeues(u32 command)
{
	return command == OP_REQUEUE || command == OP_CMP_REQUEUE;
}

bool futex_on_host(u64 addr, u32 command, u64 addr2)
{
	struct process *proc = current_thread()->proc;

	if (likely(!READ_ONCE(proc->mm->windows)) || addr & 3)
		return false;
	return mm_in_window(proc, addr) || (requeues(command) && mm_in_window(proc, addr2));
}

static s64 forward(const u64 arg[6], u64 timeout)
{
	u64 start = rdtsc(), lo = arg[0], hi = lo + sizeof(u32);

	if (timeout) {
		lo = MIN(lo, timeout);
		hi = MAX(hi, timeout + 16);
	}
	s64 ret = fwd_call(ABI_NR_futex, arg, lo, hi);

	syscall_account(ABI_NR_futex, ret, rdtsc() - start);
	return ret;
}

static s64 wait_on_host(struct thread *t, const u64 arg[6])
{
	u32 *counted = futex_filter(arg[0]);
	bool timed = arg[3] != 0;

	if (timed && !mm_check(t->proc, arg[3], 16, ABI_PROT_R))
		return -EFAULT;
	t->futex.counted = counted;
	__atomic_add_fetch(counted, 1, __ATOMIC_SEQ_CST);
	s64 ret = forward(arg, arg[3]);

	futex_host_exit(t);
	if (ret == ABI_NOT_BEGUN)
		return -ERESTARTNOINTR;
	if (ret == -EINTR)
		return timed ? -ERESTARTNOHAND : -ERESTART;
	return ret;
}

void futex_host_exit(struct thread *t)
{
	if (t->futex.counted)
		__atomic_sub_fetch(t->futex.counted, 1, __ATOMIC_SEQ_CST);
	t->futex.counted = NULL;
}

/* Wakes those who would be moved as well. Both words may be of different kinds: either's
 * waiters are then reached by waking them. */
static s64 requeue(u64 addr, u32 op, u64 wake, u64 move, u64 addr2, u64 value3)
{
	u64 all = MIN((u64)(u32)wake + (u32)move, INT_MAX_U32);
	struct process *proc = current_thread()->proc;
	u32 seen;

	if ((s32)wake < 0 || (s32)move < 0)
		return -EINVAL;
	if (mm_in_window(proc, addr)) {
		const u64 arg[6] = {addr, op & ~(u32)OP_PRIVATE, all, 0, addr, value3};
		s64 ret = forward(arg, 0);

		return ret == ABI_NOT_BEGUN || ret == -EINTR ? -ERESTARTNOINTR : ret;
	}
	if ((op & ~(u32)(OP_PRIVATE | OP_REALTIME)) == OP_CMP_REQUEUE) {
		if (addr2 & 3 || user_read_u32(&seen, addr))
			return addr2 & 3 ? -EINVAL : -EFAULT;
		if (seen != (u32)value3)
			return -EAGAIN;
	}
	return futex_wake(addr, (u32)all, FUTEX_ANY, op & OP_PRIVATE);
}

s64 futex_host_call(u64 addr, u32 op, u64 value, u64 timeout, u64 addr2, u64 value3)
{
	u32 command = op & ~(u32)(OP_PRIVATE | OP_REALTIME);
	const u64 arg[6] = {addr, op & ~(u32)OP_PRIVATE, value, timeout, addr2, value3};

	if (waits(command))
		return wait_on_host(current_thread(), arg);
	if (requeues(command))
		return requeue(addr, op, value, timeout, addr2, value3);
	if (command != OP_WAKE && command != OP_WAKE_BITSET)
		return -ENOSYS;

	s64 ret = forward(arg, 0);

	return ret == ABI_NOT_BEGUN || ret == -EINTR ? -ERESTARTNOINTR : ret;
}

/* Not to be interrupted: the kernel itself wakes so, also for a thread that is ending. */
s64 futex_host_wake(u64 addr, u32 count, u32 bitset)
{
	struct fwd_whole call = {
		.nr = ABI_NR_futex, .arg = {addr, OP_WAKE_BITSET, count, 0, 0, bitset}};

	return fwd_call_whole(&call);
}
