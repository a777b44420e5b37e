/* SPDX-License-Identifier: MIT */
/*
 * Local system calls that belong to no other file, and forwarding for those that forward in
 * part.
 */
#ifndef LWK_SYS_MISC_H
#define LWK_SYS_MISC_H

#include "guest-lwk/types.h"

/*
 * syscall.c: checks the arguments by the list, lets the proxy make the call, and accounts for
 * it.
 */
s64 syscall_forward(u32 nr, const u64 arg[6]);
/* One of the LWK's own calls (ABI_CALL_*): nothing to check; it may touch any of the memory. */
s64 syscall_proxy(u32 nr, const u64 arg[6]);

s64 sys_getpid(void);
s64 sys_sysinfo(u64 info);
s64 sys_personality(u64 persona);
s64 sys_membarrier(u64 command, u64 flags);
s64 sys_restart_syscall(void);
s64 sys_mlockall(u64 flags);
s64 sys_munlockall(void);
/* sys_limit.c */
s64 sys_getrlimit(u64 resource, u64 limit);
s64 sys_setrlimit(u64 resource, u64 limit);
s64 sys_prlimit64(u64 pid, u64 resource, u64 new_limit, u64 old_limit);
/* RLIMIT_NPROC: 0 if the calling thread may make another one, -EAGAIN. */
s64 limit_threads(void);
/* sys_prctl.c */
s64 sys_prctl(u64 option, u64 a2, u64 a3, u64 a4, u64 a5);

#endif
