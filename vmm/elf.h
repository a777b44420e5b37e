/* SPDX-License-Identifier: MIT */
/*
 * Looks at a guest file, tells what it is and reads its program headers, all strictly checked:
 * a value that has passed can be used without further thought. Reads nothing but headers and
 * notes.
 */
#ifndef VMM_ELF_H
#define VMM_ELF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-lwk/abi/layout.h"
#include "guest-lwk/abi/share.h"
#include "vmm/base/problem.h"

enum elf_kind {
	ELF_KIND_LWK,   /* our ABI note: an LWK image */
	ELF_KIND_LINUX, /* a Linux program */
	ELF_KIND_PVH,   /* another kernel */
};

struct elf_segment {
	uint64_t va;     /* as linked, any alignment; add the load bias for a PIE */
	uint64_t pa;     /* p_paddr */
	uint64_t offset; /* in the file; congruent to va modulo 4 KiB */
	uint64_t file_size;
	uint64_t mem_size; /* at least file_size, never 0 */
	uint32_t prot;     /* ABI_PROT_* */
};

#define ELF_MAX_SEGS 16
_Static_assert(2 * ELF_MAX_SEGS <= ABI_EXEC_SEGS, "a program and its interpreter");

struct elf_program {
	enum elf_kind kind;
	bool pie;       /* ET_DYN: to be loaded at a bias */
	uint64_t entry; /* as linked */
	uint64_t phdr;  /* where the program headers are in memory, as linked; 0: nowhere */
	uint16_t phnum;
	uint64_t low, high; /* page-aligned hull of all segments, as linked */
	uint64_t align;     /* the largest p_align, at least 4 KiB */
	bool exec_stack;
	char interp[PATH_MAX]; /* PT_INTERP, else empty */
	unsigned nsegs;        /* sorted by va, no two share a page */
	struct elf_segment seg[ELF_MAX_SEGS];
};

/* What is added to addresses as linked: for a program, and for a program's interpreter, which
 * ends where mmap begins. */
static inline uint64_t elf_bias(const struct elf_program *elf)
{
	return elf->pie ? ABI_PIE_BASE - (elf->low & ~(elf->align - 1)) : 0;
}

static inline uint64_t elf_interp_bias(const struct elf_program *elf)
{
	return elf->pie ? (ABI_MMAP_TOP - elf->high) & ~(elf->align - 1) : 0;
}

/* Where bytes come from: returns how many of `len` there were at `offset`, less only at the
 * end. */
typedef size_t elf_read_fn(void *source, uint64_t offset, void *buf, size_t len);

/*
 * -ENOEXEC with the problem (status 126, `name` as its object) when the file is none of the
 * kinds, or is broken. The program is then undefined.
 */
int elf_parse(elf_read_fn *read, void *source, uint64_t size, const char *name,
	struct elf_program *program, struct problem *problem);

/* The same for an open file, named by what /proc/self/fd says. */
int elf_inspect(int fd, struct elf_program *program, struct problem *problem);

/* The same for an image in memory. */
int elf_inspect_memory(const void *image, size_t size, const char *name,
	struct elf_program *program, struct problem *problem);

/* The function of an image in memory that holds `va`, from its symbol table; NULL if unknown.
 */
const char *elf_symbol(const void *image, size_t size, uint64_t va, uint64_t *offset);

#endif
