/* SPDX-License-Identifier: MIT */
/* What clone(), clone3(), fork() and vfork() ask for. */
#ifndef LWK_CLONE_H
#define LWK_CLONE_H

#include "guest-lwk/process.h"

#define CLONE_VM             0x00000100ULL
#define CLONE_FS             0x00000200ULL
#define CLONE_FILES          0x00000400ULL
#define CLONE_SIGHAND        0x00000800ULL
#define CLONE_VFORK          0x00004000ULL
#define CLONE_THREAD         0x00010000ULL
#define CLONE_NEWNS          0x00020000ULL
#define CLONE_SYSVSEM        0x00040000ULL
#define CLONE_SETTLS         0x00080000ULL
#define CLONE_PARENT_SETTID  0x00100000ULL
#define CLONE_CHILD_CLEARTID 0x00200000ULL
#define CLONE_DETACHED       0x00400000ULL
#define CLONE_CHILD_SETTID   0x01000000ULL
#define CLONE_NEWUSER        0x10000000ULL
#define CLONE_CLEAR_SIGHAND  0x100000000ULL

struct new_thread {
	u64 flags, stack, parent_tid, child_tid, tls;
	u64 exit_signal; /* of a process: tells its parent of its end */
};

/* Rounding and flush-to-zero, as FXSAVE has them. */
struct fp_control {
	u16 fcw;
	u32 mxcsr, mxcsr_mask;
};
struct fp_control fp_control_read(void);
/* A new thread begins with these. -ENOMEM. */
s64 fp_control_give(struct thread *child, const struct fp_control *fp);

#endif
