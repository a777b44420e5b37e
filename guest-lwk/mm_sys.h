/* SPDX-License-Identifier: MIT */
/* Between the files of the memory calls. */
#ifndef LWK_MM_SYS_H
#define LWK_MM_SYS_H

#include "guest-lwk/mm.h"

#define MAP_PRIVATE         0x02
#define MAP_TYPE            0x0f
#define MAP_FIXED           0x10
#define MAP_ANONYMOUS       0x20
#define MAP_GROWSDOWN       0x100
#define MAP_NORESERVE       0x4000
#define MAP_POPULATE        0x8000
#define MAP_STACK           0x20000
#define MAP_FIXED_NOREPLACE 0x100000
#define MAP_HUGETLB         0x40000

#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED   2
#define MADV_REMOVE    9

/* Nothing is mapped in [addr, addr+len), where mmap may put things; mm.lock is held. */
bool mm_is_free(struct mm *mm, u64 addr, u64 len);
/* RLIMIT_AS and RLIMIT_DATA allow such a mmap(); mm.lock is held. */
bool mm_limits_allow(struct process *proc, u64 addr, u64 len, u64 prot, u64 flags);
/* mm_file.c: fills a private mapping of a file that has just been made. Its address, -errno. */
s64 mm_file_map(struct process *proc, u64 addr, u64 len, u64 prot, u64 fd, u64 off);

#endif
