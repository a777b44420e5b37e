/* SPDX-License-Identifier: MIT */
/* The futex call: its many operations in terms of futex.h. */
#include "guest-lwk/futex.h"
#include "guest-lwk/futex_host.h"
#include "guest-lwk/process.h"
#include "guest-lwk/sys.h"
#include "guest-lwk/vdso/read.h"

/* The operation and comparison of FUTEX_WAKE_OP, 32 bits: op:4 cmp:4 oparg:12 cmparg:12. */
static s64 wake_op_apply(u32 code, u32 old, u32 *new_value)
{
	u32 arg = (u32)((s32)(code << 8) >> 20);

	if (code >> 31)
		arg = 1U << (arg & 31);
	switch (code >> 28 & 7) {
	case 0:
		*new_value = arg;
		return 0;
	case 1:
		*new_value = old + arg;
		return 0;
	case 2:
		*new_value = old | arg;
		return 0;
	case 3:
		*new_value = old & ~arg;
		return 0;
	case 4:
		*new_value = old ^ arg;
		return 0;
	default:
		return -ENOSYS;
	}
}

static s64 wake_op_compare(u32 code, u32 old_word)
{
	s32 arg = (s32)(code << 20) >> 20, old = (s32)old_word;

	switch (code >> 24 & 15) {
	case 0:
		return old == arg;
	case 1:
		return old != arg;
	case 2:
		return old < arg;
	case 3:
		return old <= arg;
	case 4:
		return old > arg;
	case 5:
		return old >= arg;
	default:
		return -ENOSYS;
	}
}

/*
 * The operation comes before the locks (it may fault): a waiter on addr2 then sees its result,
 * or is in the bucket already and is woken. At worst somebody is woken who would have slept.
 */
static s64 futex_wake_op(u64 addr, u32 count, u32 count2, u64 addr2, u32 code, bool private)
{
	u32 old, seen, new_value;
	s64 err;

	if ((addr | addr2) & 3)
		return -EINVAL;
	if (user_read_u32(&seen, addr2))
		return -EFAULT;
	do {
		old = seen;
		err = wake_op_apply(code, old, &new_value);
		if (!err)
			err = user_cmpxchg_u32(addr2, &seen, new_value);
		if (err)
			return err;
	} while (seen != old);
	s64 also = wake_op_compare(code, old);

	if (also < 0)
		return also;
	s64 woken = futex_wake(addr, count, FUTEX_ANY, private);

	if (woken >= 0 && also)
		woken += futex_wake(addr2, count2, FUTEX_ANY, private);
	return woken;
}

/* WAIT: a span; WAIT_BITSET: a point in time. */
static s64 read_deadline(u32 op, u64 timeout, struct futex_deadline *end)
{
	u64 now = 0;
	s64 err;

	*end = (struct futex_deadline){.set = timeout != 0, .clock = ABI_CLOCK_MONOTONIC};
	if (!timeout)
		return 0;
	err = user_read_timespec(timeout, &end->ns);
	if (!err && (op & OP_REALTIME))
		end->clock = ABI_CLOCK_REALTIME;
	if (!err && (op & ~(u32)(OP_PRIVATE | OP_REALTIME)) == OP_WAIT)
		err = clock_ns(end->clock, &now);
	end->ns = ns_add(now, end->ns);
	return err;
}

/* Waking nobody wakes one, as on Linux. */
static u32 wake_count(u64 value)
{
	return (s32)value > 0 ? (u32)value : 1;
}

static s64 here(u64 addr, u64 op, u64 value, u64 timeout, u64 addr2, u64 value3)
{
	u32 command = (u32)op & ~(u32)(OP_PRIVATE | OP_REALTIME);
	bool private = op & OP_PRIVATE;
	struct futex_deadline end;
	u32 expected = (u32)value3;
	s64 err;

	if ((op & OP_REALTIME) && command != OP_WAIT && command != OP_WAIT_BITSET)
		return -ENOSYS;
	switch (command) {
	case OP_WAIT:
		value3 = FUTEX_ANY;
		/* fall through */
	case OP_WAIT_BITSET:
		err = read_deadline((u32)op, timeout, &end);
		return err ? err : futex_wait(addr, (u32)value, (u32)value3, &end);
	case OP_WAKE:
		return futex_wake(addr, wake_count(value), FUTEX_ANY, private);
	case OP_WAKE_BITSET:
		return futex_wake(addr, wake_count(value), (u32)value3, private);
	case OP_REQUEUE:
		return futex_requeue(addr, (u32)value, (u32)timeout, addr2, NULL, private);
	case OP_CMP_REQUEUE:
		return futex_requeue(addr, (u32)value, (u32)timeout, addr2, &expected, private);
	case OP_WAKE_OP:
		return futex_wake_op(addr, wake_count(value), wake_count(timeout), addr2,
			(u32)value3, private);
	default:
		return -ENOSYS;
	}
}

/*
 * PRIVATE words are seldom of the window: they learn it from their key. The others ask first.
 */
static s64 __attribute__((noinline))
other_operation(u64 addr, u64 op, u64 value, u64 timeout, u64 addr2, u64 value3)
{
	u32 command = (u32)op & ~(u32)(OP_PRIVATE | OP_REALTIME);
	s64 ret = FUTEX_ON_HOST;

	if (op & OP_PRIVATE || command == OP_WAKE_OP || !futex_on_host(addr, command, addr2))
		ret = here(addr, op, value, timeout, addr2, value3);
	return ret == FUTEX_ON_HOST
		       ? futex_host_call(addr, (u32)op, value, timeout, addr2, value3)
		       : ret;
}

s64 sys_futex(u64 addr, u64 op, u64 value, u64 timeout, u64 addr2, u64 value3)
{
	if (likely((u32)op == (OP_WAKE | OP_PRIVATE))) /* the commonest */
		return futex_wake(addr, wake_count(value), FUTEX_ANY, true);
	return other_operation(addr, op, value, timeout, addr2, value3);
}
