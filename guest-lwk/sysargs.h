/* SPDX-License-Identifier: MIT */
/*
 * The arguments of a forwarded call, checked by their types in the list (abi/syscalls.h).
 *
 * A pointer that the program may not use is not answered with -EFAULT here: it is replaced by
 * an address that is bad on the host too, so that the host's kernel says what it says natively
 * (EBADF before EFAULT, and the like). NULL and what lies beyond all programs' addresses are
 * bad there already.
 */
#ifndef LWK_SYSARGS_H
#define LWK_SYSARGS_H

#include "guest-lwk/abi/syscalls.h"
#include "guest-lwk/process.h"

#define SYSARGS_BAD      0x1000ULL     /* below mmap_min_addr: never mapped in a proxy */
#define SYSARGS_HOST_END (1ULL << 47)  /* from here on the host refuses by itself */
#define SYSARGS_RW_MAX   0x7ffff000ULL /* what Linux reads or writes at once */

struct sysargs {
	struct process *proc;
	const struct abi_call *call;
	u32 nr;
	u64 arg[6];  /* the program's, then what the host is to see */
	u64 lo, hi;  /* hull of the memory; hi 0: none */
	u32 clipped; /* 1 + the argument whose count was made smaller, 0: none */
	bool masked; /* mask is to be the thread's signal mask during the call */
	u64 mask;
};

/* 0 or -errno (a signal mask that cannot be read). */
s64 sysargs_check(struct sysargs *sa);

/* What the program is told: a smaller count than its own must not look like one of its own. */
s64 sysargs_result(const struct sysargs *sa, s64 ret);

/* ---- between the files of sysargs ---- */

/* [va, va+len) may be read (ABI_PROT_R) or written: commits it and takes it into the hull. */
bool sysargs_span(struct sysargs *sa, u64 va, u64 len, u32 prot);
/* The same for an argument that is such an address: replaced if it may not. */
void sysargs_pointer(struct sysargs *sa, u32 i, u64 len, u32 prot);
/* How many bytes from va on may be used, up to len. */
u64 sysargs_prefix(struct sysargs *sa, u64 va, u64 len, u32 prot);

/* sysargs_vector.c: iovec, msghdr, mmsghdr; prot is that of the buffers. */
void sysargs_iov(struct sysargs *sa, u32 i, u32 count, u32 prot);
void sysargs_msg(struct sysargs *sa, u32 i, u32 prot);
void sysargs_mmsg(struct sysargs *sa, u32 i, u32 count, u32 prot);

/* sysargs_control.c: argument i of ioctl, fcntl and the like, by the command. */
void sysargs_control(struct sysargs *sa, u32 i);

#endif
