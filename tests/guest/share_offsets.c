/* SPDX-License-Identifier: MIT */
/* Compiled to assembly, never linked: the share area's offsets for boot_guest.S. */
#include <stddef.h>

#include "guest-lwk/abi/share.h"

#define DEFINE(name, value) __asm__ volatile("@@" #name " %c0" : : "i"(value))

void offsets(void);
void offsets(void)
{
	DEFINE(OFF_BOOTED, offsetof(struct abi_share, booted));
	DEFINE(OFF_CORE, offsetof(struct abi_share, core));
	DEFINE(OFF_GPR, offsetof(struct abi_share, panic[0].gpr));
	DEFINE(SIZE_CORE, sizeof(struct abi_core));
	DEFINE(OFF_HC, offsetof(struct abi_core, hc));
	DEFINE(OFF_NEED_IRQ, offsetof(struct abi_core, need_irq));
	DEFINE(OFF_IRQ_SENT, offsetof(struct abi_core, irq_sent));
}
