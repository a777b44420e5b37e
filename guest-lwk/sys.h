/* SPDX-License-Identifier: MIT */
/*
 * Local system calls: threads, futexes, time, timers, scheduling (the mm family's are in mm.h).
 */
#ifndef LWK_SYS_H
#define LWK_SYS_H

#include "guest-lwk/types.h"

/* clone.c */
s64 sys_clone(u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls);
s64 sys_clone3(u64 args, u64 size);
s64 sys_fork(void);
s64 sys_vfork(void);

/* sys_exec.c */
s64 sys_execve(u64 path, u64 argv, u64 envp);
s64 sys_execveat(u64 folder, u64 path, u64 argv, u64 envp, u64 flags);

/* thread_sys.c */
s64 sys_gettid(void);
s64 sys_set_tid_address(u64 addr);
s64 sys_set_robust_list(u64 head, u64 len);
s64 sys_get_robust_list(u64 tid, u64 head, u64 len);
s64 sys_arch_prctl(u64 code, u64 addr);
s64 sys_exit(u64 code);
s64 sys_exit_group(u64 code);

/* futex.c */
s64 sys_futex(u64 addr, u64 op, u64 value, u64 timeout, u64 addr2, u64 value3);

/* sys_peer.c */
s64 sys_process_vm_readv(u64 pid, u64 local, u64 nlocal, u64 remote, u64 nremote, u64 flags);
s64 sys_process_vm_writev(u64 pid, u64 local, u64 nlocal, u64 remote, u64 nremote, u64 flags);

/* sleep.c */
/* 0, or -ERESTARTNOHAND: a signal came first, and what is left is at rem (user address; 0: not
 * told). */
s64 sleep_for(u32 clock, u64 ns, u64 rem);
/* Whatever signals come; less if the process is exiting. */
void sleep_deaf(u64 ns);
s64 sys_nanosleep(u64 req, u64 rem);
s64 sys_clock_nanosleep(u64 clock, u64 flags, u64 req, u64 rem);

/* time.c */
s64 sys_clock_gettime(u64 clock, u64 ts);
s64 sys_clock_getres(u64 clock, u64 res);
s64 sys_gettimeofday(u64 tv, u64 tz);
s64 sys_time(u64 where);
s64 sys_times(u64 buf);
s64 sys_getrusage(u64 who, u64 buf);

/* itimer.c */
s64 sys_setitimer(u64 which, u64 new_value, u64 old_value);
s64 sys_getitimer(u64 which, u64 value);
s64 sys_alarm(u64 seconds);

/* posix_timer.c */
s64 sys_timer_create(u64 clock, u64 event, u64 id_addr);
s64 sys_timer_settime(u64 id, u64 flags, u64 new_value, u64 old_value);
s64 sys_timer_gettime(u64 id, u64 value);
s64 sys_timer_getoverrun(u64 id);
s64 sys_timer_delete(u64 id);

/* sched_sys.c */
s64 sys_sched_yield(void);
s64 sys_sched_setaffinity(u64 tid, u64 len, u64 mask);
s64 sys_sched_getaffinity(u64 tid, u64 len, u64 mask);
/* sched_policy.c */
s64 sys_sched_setscheduler(u64 tid, u64 policy, u64 param);
s64 sys_sched_getscheduler(u64 tid);
s64 sys_sched_setparam(u64 tid, u64 param);
s64 sys_sched_getparam(u64 tid, u64 param);
s64 sys_sched_get_priority_max(u64 policy);
s64 sys_sched_get_priority_min(u64 policy);
s64 sys_sched_rr_get_interval(u64 tid, u64 ts);
s64 sys_sched_getattr(u64 tid, u64 addr, u64 size, u64 flags);
s64 sys_sched_setattr(u64 tid, u64 addr, u64 flags);
s64 sys_getcpu(u64 cpu, u64 node);

#endif
