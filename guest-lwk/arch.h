/* SPDX-License-Identifier: MIT */
/* Descriptor tables and per-core processor state. */
#ifndef LWK_ARCH_H
#define LWK_ARCH_H

#include "guest-lwk/core.h"

/* Core 0, before the others: the interrupt table. */
void arch_init(void);
/* Each core: GDT, TSS, IDT, system call registers, local APIC. GS is usable afterwards. */
void arch_init_core(u32 index);

#endif
