/* SPDX-License-Identifier: MIT */
#ifndef LWK_FDT_H
#define LWK_FDT_H

#include "guest-lwk/types.h"

/*
 * Walks the device tree once and fills `machine`, `nodes`, the nodes of `cores` and physical
 * memory. The VMM built it with libfdt; a tree that makes no sense is a panic.
 */
void fdt_read(const void *fdt);

#endif
