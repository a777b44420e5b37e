/* SPDX-License-Identifier: MIT */
/* Local system calls about signals, and the mask that a forwarded call brings. */
#ifndef LWK_SYS_SIGNAL_H
#define LWK_SYS_SIGNAL_H

#include "guest-lwk/types.h"

/* The mask of the current thread for the time of one call (ppoll and the like), and back. */
void signal_mask_swap(u64 mask);
void signal_mask_back(bool interrupted);

s64 sys_rt_sigaction(u64 signo, u64 new_action, u64 old_action, u64 size);
s64 sys_rt_sigprocmask(u64 how, u64 new_set, u64 old_set, u64 size);
s64 sys_rt_sigpending(u64 set, u64 size);
s64 sys_rt_sigsuspend(u64 mask, u64 size);
s64 sys_rt_sigtimedwait(u64 set, u64 info, u64 timeout, u64 size);
s64 sys_rt_sigreturn(void);
s64 sys_sigaltstack(u64 new_stack, u64 old_stack);
s64 sys_pause(void);

/* sys_kill.c */
s64 sys_kill(u64 pid, u64 signo);
s64 sys_tkill(u64 tid, u64 signo);
s64 sys_tgkill(u64 tgid, u64 tid, u64 signo);
s64 sys_rt_sigqueueinfo(u64 pid, u64 signo, u64 info);
s64 sys_rt_tgsigqueueinfo(u64 tgid, u64 tid, u64 signo, u64 info);

#endif
