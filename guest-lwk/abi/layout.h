/* SPDX-License-Identifier: MIT */
/*
 * Every address of the guest, physical and virtual: the whole map in one file. The VMM builds
 * the kernel's first page tables from it, the LWK and the proxies obey it. Drawn in
 * docs/memory-map.md.
 */
#ifndef LWK_ABI_LAYOUT_H
#define LWK_ABI_LAYOUT_H

/* ---- guest-physical ---- */

#define ABI_BLOCK_SHIFT 21 /* the unit of physical allocation: 2 MiB */
#define ABI_BLOCK_SIZE  (1ULL << ABI_BLOCK_SHIFT)

#define ABI_FDT_GPA 0x0000000000010000ULL /* flattened device tree, at most 64 KiB */
#define ABI_FDT_MAX 0x10000ULL
/* The LWK's image is linked for IMAGE_VA + this. */
#define ABI_IMAGE_GPA 0x0000000000200000ULL

/* Device hole, 3 GiB to 4 GiB: no RAM here. The share area (abi/share.h) is at its start. */
#define ABI_HOLE_START 0x00000000c0000000ULL
#define ABI_HOLE_END   0x0000000100000000ULL
#define ABI_SHARE_GPA  ABI_HOLE_START

/* ---- guest-virtual, upper half: the kernel ---- */

/* All RAM and the share area: va = DIRECT + gpa. */
#define ABI_DIRECT_VA  0xffff800000000000ULL
#define ABI_DIRECT_MAX (1ULL << 46)          /* 64 TiB of gpa at most */
#define ABI_IMAGE_VA   0xffffffff80000000ULL /* the image: va = IMAGE + gpa, first GiB only */

/* ---- guest-virtual, lower half: programs. The proxy lives above USER_END on the host. ---- */

#define ABI_USER_START 0x0000000000200000ULL /* a granule: nothing is mapped at 0 */
#define ABI_USER_END   0x0000400000000000ULL /* 64 TiB */
#define ABI_PIE_BASE   0x0000200000000000ULL /* load bias of ET_DYN programs */
#define ABI_GATE_VA    0x00003ffffffc0000ULL /* software KVM: gate, page of futex waiters */
#define ABI_VDSO_VA    0x00003ffffffe0000ULL /* time page, then the vDSO's pages */
#define ABI_STACK_TOP  0x00003fffffe00000ULL /* main thread's stack grows down from here */
/* mmap areas grow down from here; a program's interpreter (ld.so) ends here, so that it shares
 * its blocks with the libraries that are mapped below it. */
#define ABI_MMAP_TOP 0x00003f0000000000ULL

#endif
