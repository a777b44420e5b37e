/* SPDX-License-Identifier: MIT */
/* Names for what a guest file is when it is nothing we run: "is empty", "is a script
 * (#!/bin/sh)". */
#ifndef VMM_ELF_GUESS_H
#define VMM_ELF_GUESS_H

#include "vmm/elf.h"

/* A phrase about a file that is no ELF file. In a buffer of the calling thread's. */
const char *elf_guess(elf_read_fn *read, void *source, uint64_t size);

/* "AArch64", "RISC-V"... or "number N". In a buffer of the calling thread's. */
const char *elf_machine_name(unsigned machine);

#endif
