/* SPDX-License-Identifier: MIT */
#ifndef LWK_KMEM_H
#define LWK_KMEM_H

#include "guest-lwk/pmem.h"

/* Boot: hands [gpa, gpa+len) to the kernel's allocator. */
void kmem_feed(u64 gpa, u64 len);
/* Boot: zeroed memory that is never given back. */
void *kmem_boot_alloc(u64 size);
/* A block for the kernel itself, of any range. 0: none. */
u64 pmem_alloc_kernel(u32 node);

#endif
