/* SPDX-License-Identifier: MIT */
/*
 * Puts an LWK image, its first page tables and its device tree into the guest's fresh (all
 * zero) memory, as abi/layout.h says. No firmware: the vCPUs start at the image's entry in
 * 64-bit mode.
 */
#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "numa/plan.h"
#include "vmm/base/problem.h"
#include "vmm/elf.h"
#include "vmm/fdt.h"
#include "vmm/gpa.h"

struct boot_image {
	const char *name;
	const void *data;
	size_t size;
};

/* The image that lwvmm carries. */
struct boot_image boot_builtin(void);

/* Where the vCPUs start. */
struct boot_entry {
	uint64_t entry;
	gpa_t tables;
	uint64_t free_start; /* first gpa that is free, a multiple of 2 MiB */
};

/* Checks that the parsed file is an LWK image that fits the layout and this RAM. */
int boot_check(const struct elf_program *image, const char *name, const struct gpa_map *map,
	struct problem *problem);

/*
 * Builds the kernel's page tables from gpa `at` on: the image's segments, and the direct map of
 * all of `map` with 2 MiB pages, and 1 GiB pages where they fit if `use_1g`. Returns the first
 * gpa after them in *end.
 */
int boot_tables(const struct elf_program *image, const struct gpa_map *map, bool use_1g,
	gpa_t at, gpa_t *tables, uint64_t *end, struct problem *problem);

/* All of it. `facts->free_start` is filled here. */
int boot_load(const struct boot_image *image, const struct plan *plan,
	const struct gpa_map *map, struct fdt_facts *facts, bool use_1g,
	struct boot_entry *entry, struct problem *problem);

#endif
