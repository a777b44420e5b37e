/* SPDX-License-Identifier: MIT */
#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/core.h"
#include "guest-lwk/process.h"
#include "guest-lwk/sys_misc.h"

/* lwvmm's own: notes a mark for the account. Natively, and here, it says EINVAL. */
#define PR_LWVMM_MARK 0x4c57564d

enum {
	PR_SET_PDEATHSIG = 1,
	PR_GET_PDEATHSIG = 2,
	PR_GET_DUMPABLE = 3,
	PR_SET_DUMPABLE = 4,
	PR_GET_KEEPCAPS = 7,
	PR_SET_KEEPCAPS = 8,
	PR_GET_TIMING = 13,
	PR_SET_NAME = 15,
	PR_GET_NAME = 16,
	PR_GET_SECCOMP = 21,
	PR_CAPBSET_READ = 23,
	PR_GET_SECUREBITS = 27,
	PR_SET_TIMERSLACK = 29,
	PR_GET_TIMERSLACK = 30,
	PR_SET_CHILD_SUBREAPER = 36,
	PR_GET_CHILD_SUBREAPER = 37,
	PR_SET_NO_NEW_PRIVS = 38,
	PR_GET_NO_NEW_PRIVS = 39,
	PR_SET_THP_DISABLE = 41,
	PR_GET_THP_DISABLE = 42,
	PR_CAP_AMBIENT = 47
};

/* What the proxy can be told without harm (what is read or written: sysargs_control.c). */
static const u8 forwarded[] = {
	PR_SET_PDEATHSIG,
	PR_GET_PDEATHSIG,
	PR_GET_KEEPCAPS,
	PR_SET_KEEPCAPS,
	PR_SET_NAME,
	PR_GET_NAME,
	PR_CAPBSET_READ,
	PR_SET_TIMERSLACK,
	PR_GET_TIMERSLACK,
	PR_SET_CHILD_SUBREAPER,
	PR_GET_CHILD_SUBREAPER,
	PR_SET_NO_NEW_PRIVS,
	PR_GET_NO_NEW_PRIVS,
	PR_GET_TIMING,
	PR_GET_SECCOMP,
	PR_GET_SECUREBITS,
	PR_CAP_AMBIENT,
};

static bool is_forwarded(u32 option)
{
	for (u32 i = 0; i < ARRAY_SIZE(forwarded); i++)
		if (forwarded[i] == option)
			return true;
	return false;
}

/* Told back, and nothing else: a core file would be the proxy's, and large pages are all there
 * is.
 */
static s64 setting(u32 option, u64 value, u64 rest)
{
	struct process *proc = current_thread()->proc;

	switch (option) {
	case PR_SET_DUMPABLE:
		if (value > 1)
			return -EINVAL;
		WRITE_ONCE(proc->undumpable, !value);
		return 0;
	case PR_GET_DUMPABLE:
		return !READ_ONCE(proc->undumpable);
	case PR_SET_THP_DISABLE:
		if (rest)
			return -EINVAL;
		WRITE_ONCE(proc->thp_disabled, value != 0);
		return 0;
	default: /* PR_GET_THP_DISABLE */
		return value || rest ? -EINVAL : READ_ONCE(proc->thp_disabled);
	}
}

s64 sys_prctl(u64 option, u64 a2, u64 a3, u64 a4, u64 a5)
{
	const u64 arg[6] = {option, a2, a3, a4, a5};

	if (is_forwarded((u32)option))
		return syscall_forward(ABI_NR_prctl, arg);
	switch ((u32)option) {
	case PR_LWVMM_MARK:
		core_hypercall(ABI_HC_MARK, a2, 0, 0);
		return -EINVAL;
	case PR_SET_DUMPABLE:
	case PR_GET_DUMPABLE:
	case PR_SET_THP_DISABLE:
	case PR_GET_THP_DISABLE:
		return setting((u32)option, a2, a3 | a4 | a5);
	default:
		return -EINVAL;
	}
}
