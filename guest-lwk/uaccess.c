/* SPDX-License-Identifier: MIT */
/*
 * The kernel reads and writes a program's memory by the program's own addresses; a fault on the
 * way commits what may be committed (trap_kernel) or ends the copy with -EFAULT.
 */
#include "guest-lwk/abi/layout.h"
#include "guest-lwk/core.h"
#include "guest-lwk/mm.h"
#include "guest-lwk/pt.h"

/* uaccess_bare.S */
s64 uaccess_copy(void *to, const void *from, u64 len);
s64 uaccess_load32(u64 addr, u32 *value);
s64 uaccess_store32(u64 addr, u32 value);
s64 uaccess_cmpxchg32(u64 addr, u32 *old, u32 new_value);
s64 uaccess_quiet(u64 pollfds, u64 count, const u64 *entry, u64 bare);

static bool in_program(u64 addr, u64 len)
{
	return addr < ABI_USER_END && len <= ABI_USER_END - addr;
}

/* See mm_flush(): the flag, full fence, then the generation. */
static struct core *uaccess_start(void)
{
	struct core *core = this_core();

	WRITE_ONCE(core->uaccess, 1);
	fence_full();
	mm_flush_self(core);
	return core;
}

static void uaccess_done(struct core *core)
{
	store_release(&core->uaccess, 0);
}

s64 user_read(void *dst, u64 src, u64 len)
{
	if (!in_program(src, len))
		return -EFAULT;
	struct core *core = uaccess_start();
	s64 ret = uaccess_copy(dst, (const void *)src, len);

	uaccess_done(core);
	return ret;
}

s64 user_write(u64 dst, const void *src, u64 len)
{
	if (!in_program(dst, len))
		return -EFAULT;
	struct core *core = uaccess_start();
	s64 ret = uaccess_copy((void *)dst, src, len);

	uaccess_done(core);
	return ret;
}

s64 user_read_u32(u32 *value, u64 addr)
{
	if (!in_program(addr, 4))
		return -EFAULT;
	struct core *core = uaccess_start();
	s64 ret = uaccess_load32(addr, value);

	uaccess_done(core);
	return ret;
}

s64 user_write_u32(u64 addr, u32 value)
{
	if (!in_program(addr, 4))
		return -EFAULT;
	struct core *core = uaccess_start();
	s64 ret = uaccess_store32(addr, value);

	uaccess_done(core);
	return ret;
}

s64 user_cmpxchg_u32(u64 addr, u32 *old, u32 new_value)
{
	if (!in_program(addr, 4))
		return -EFAULT;
	struct core *core = uaccess_start();
	s64 ret = uaccess_cmpxchg32(addr, old, new_value);

	uaccess_done(core);
	return ret;
}

s64 user_quiet(u64 pollfds, u64 count, const u64 *entry, u64 bare)
{
	if (!in_program(pollfds, count * 8))
		return -EFAULT;
	struct core *core = uaccess_start();
	s64 ret = uaccess_quiet(pollfds, count, entry, bare);

	uaccess_done(core);
	return ret;
}
