/* SPDX-License-Identifier: MIT */
#include "vmm/elf.h"

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "guest-lwk/abi/layout.h"
#include "vmm/elf_guess.h"

#define PAGE         4096ULL
#define MAX_PHDRS    64u
#define MAX_NOTES    4096u
#define XEN_PVH_NOTE 18u

struct parser {
	elf_read_fn *read;
	void *source;
	uint64_t size;
	const char *name;
	struct problem *problem;
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[MAX_PHDRS];
};

__attribute__((format(printf, 2, 3))) static int refuse(
	struct parser *p, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return problem_set(
		p->problem, -ENOEXEC, EXIT_LWVMM_NOT_RUNNABLE, "%s: %s", p->name, text);
}

static bool read_all(struct parser *p, uint64_t offset, void *buf, size_t len)
{
	return offset <= p->size && len <= p->size - offset &&
	       p->read(p->source, offset, buf, len) == len;
}

static int check_header(struct parser *p)
{
	const Elf64_Ehdr *e = &p->ehdr;
	char guess[128] = {0};
	size_t got = p->read(p->source, 0, guess, sizeof(guess));

	if (got < SELFMAG || memcmp(guess, ELFMAG, SELFMAG) != 0)
		return refuse(p, "%s: give a program or kernel image for x86-64 (ELF)",
			elf_guess(p->read, p->source, p->size));
	if (got > EI_DATA && guess[EI_CLASS] == ELFCLASS32)
		return refuse(p, "is a 32-bit program: build it for x86-64 (gcc -m64)");
	if (got > EI_DATA && guess[EI_DATA] == ELFDATA2MSB)
		return refuse(p, "is a big-endian program: build it for x86-64");
	if (!read_all(p, 0, &p->ehdr, sizeof(p->ehdr)))
		return refuse(p, "is truncated within its ELF header: copy it again");
	if (e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_ident[EI_DATA] != ELFDATA2LSB ||
		e->e_ident[EI_VERSION] != EV_CURRENT)
		return refuse(p, "has a damaged ELF header: build it again");
	if (e->e_machine != EM_X86_64)
		return refuse(p, "is for another machine (%s): build it for x86-64",
			elf_machine_name(e->e_machine));
	if (e->e_type == ET_REL)
		return refuse(p, "is an object file, not yet linked: link it");
	if (e->e_type != ET_EXEC && e->e_type != ET_DYN)
		return refuse(
			p, "is an ELF file of type %u, no program: give a program", e->e_type);
	return 0;
}

static int read_headers(struct parser *p)
{
	const Elf64_Ehdr *e = &p->ehdr;

	if (e->e_phentsize != sizeof(Elf64_Phdr) || !e->e_phnum)
		return refuse(p, "has no program headers: it cannot be loaded");
	if (e->e_phnum > MAX_PHDRS)
		return refuse(p, "has %u program headers, at most %u are served: link it again",
			e->e_phnum, MAX_PHDRS);
	if (!read_all(p, e->e_phoff, p->phdr, e->e_phnum * sizeof(Elf64_Phdr)))
		return refuse(p, "is truncated within its program headers: copy it again");
	return 0;
}

static int add_segment(struct parser *p, const Elf64_Phdr *ph, struct elf_program *program)
{
	unsigned at = program->nsegs;
	uint64_t end;

	if (!ph->p_memsz)
		return 0;
	if (ph->p_filesz > ph->p_memsz)
		return refuse(
			p, "has a segment larger in the file than in memory: build it again");
	if (ph->p_offset > p->size || ph->p_filesz > p->size - ph->p_offset)
		return refuse(p,
			"is truncated: a segment ends %llu bytes beyond the file: copy it "
			"again",
			(unsigned long long)(ph->p_offset + ph->p_filesz - p->size));
	if (__builtin_add_overflow(ph->p_vaddr, ph->p_memsz, &end) || end > UINT64_MAX - PAGE)
		return refuse(
			p, "has a segment that wraps around the address space: build it again");
	if ((ph->p_vaddr ^ ph->p_offset) % PAGE)
		return refuse(p, "has a segment that is not aligned to pages: link it again");
	if (ph->p_align & (ph->p_align - 1))
		return refuse(
			p, "has a segment whose alignment is no power of two: build it again");
	if (program->nsegs == ELF_MAX_SEGS)
		return refuse(
			p, "has more than %u segments to load: link it again", ELF_MAX_SEGS);
	while (at && program->seg[at - 1].va > ph->p_vaddr)
		at--;
	memmove(&program->seg[at + 1], &program->seg[at],
		(program->nsegs - at) * sizeof(program->seg[0]));
	program->seg[at] = (struct elf_segment){
		.va = ph->p_vaddr,
		.pa = ph->p_paddr,
		.offset = ph->p_offset,
		.file_size = ph->p_filesz,
		.mem_size = ph->p_memsz,
		.prot = (ph->p_flags & PF_R ? ABI_PROT_R : 0) |
			(ph->p_flags & PF_W ? ABI_PROT_W : 0) |
			(ph->p_flags & PF_X ? ABI_PROT_X : 0),
	};
	program->nsegs++;
	if (ph->p_align > program->align)
		program->align = ph->p_align;
	return 0;
}

static int read_interp(struct parser *p, const Elf64_Phdr *ph, struct elf_program *program)
{
	if (ph->p_filesz < 2 || ph->p_filesz > sizeof(program->interp) ||
		!read_all(p, ph->p_offset, program->interp, ph->p_filesz) ||
		program->interp[ph->p_filesz - 1])
		return refuse(p, "names its interpreter in a damaged way: build it again");
	return 0;
}

/* Looks for the two notes that make a kernel image of a file. */
static int read_notes(struct parser *p, const Elf64_Phdr *ph, struct elf_program *program)
{
	uint8_t notes[MAX_NOTES];
	size_t len = ph->p_filesz < sizeof(notes) ? ph->p_filesz : sizeof(notes), at = 0;

	if (!read_all(p, ph->p_offset, notes, len))
		return refuse(p, "is truncated within its notes: copy it again");
	while (len - at >= sizeof(Elf64_Nhdr)) {
		size_t name_at = at + sizeof(Elf64_Nhdr), desc_at;
		Elf64_Nhdr note;
		uint32_t version;

		memcpy(&note, notes + at, sizeof(note));
		if (note.n_namesz > MAX_NOTES || note.n_descsz > MAX_NOTES)
			break;
		desc_at = name_at + ((note.n_namesz + 3u) & ~3u);
		at = desc_at + ((note.n_descsz + 3u) & ~3u);
		if (at > len)
			break;
		if (note.n_namesz == sizeof("Xen") &&
			!memcmp(notes + name_at, "Xen", sizeof("Xen")) &&
			note.n_type == XEN_PVH_NOTE && program->kind == ELF_KIND_LINUX)
			program->kind = ELF_KIND_PVH;
		if (note.n_namesz != sizeof(ABI_NOTE_NAME) || note.n_type != ABI_NOTE_TYPE ||
			memcmp(notes + name_at, ABI_NOTE_NAME, sizeof(ABI_NOTE_NAME)) != 0 ||
			note.n_descsz != sizeof(version))
			continue;
		memcpy(&version, notes + desc_at, sizeof(version));
		if (version != ABI_VERSION)
			return refuse(p,
				"is an LWK image for ABI version %u, this lwvmm has %u: "
				"build both from one source",
				version, ABI_VERSION);
		program->kind = ELF_KIND_LWK;
	}
	return 0;
}

static int read_segments(struct parser *p, struct elf_program *program)
{
	for (unsigned i = 0; i < p->ehdr.e_phnum; i++) {
		const Elf64_Phdr *ph = &p->phdr[i];
		int err = 0;

		if (ph->p_type == PT_LOAD)
			err = add_segment(p, ph, program);
		else if (ph->p_type == PT_INTERP)
			err = read_interp(p, ph, program);
		else if (ph->p_type == PT_NOTE)
			err = read_notes(p, ph, program);
		else if (ph->p_type == PT_GNU_STACK)
			program->exec_stack = ph->p_flags & PF_X;
		if (err)
			return err;
	}
	return program->nsegs ? 0 : refuse(p, "has no segment to load: build it again");
}

static int check_overlap(struct parser *p, struct elf_program *program)
{
	for (unsigned i = 0; i < program->nsegs; i++) {
		const struct elf_segment *s = &program->seg[i];
		uint64_t start = s->va & ~(PAGE - 1);
		uint64_t end = (s->va + s->mem_size + PAGE - 1) & ~(PAGE - 1);

		if (i && start < program->high)
			return refuse(p,
				"has segments that overlap or share a page (at %#llx): link it "
				"again",
				(unsigned long long)start);
		if (!i)
			program->low = start;
		program->high = end;
	}
	return 0;
}

static void find_phdrs(const struct parser *p, struct elf_program *program)
{
	uint64_t bytes = p->ehdr.e_phnum * sizeof(Elf64_Phdr);

	program->phnum = p->ehdr.e_phnum;
	for (unsigned i = 0; i < program->nsegs; i++) {
		const struct elf_segment *s = &program->seg[i];

		if (p->ehdr.e_phoff >= s->offset && bytes <= s->file_size &&
			p->ehdr.e_phoff - s->offset <= s->file_size - bytes)
			program->phdr = s->va + (p->ehdr.e_phoff - s->offset);
	}
}

/* Where a program may lie: below what the LWK keeps for mmap's top, the stack and the vDSO. */
static int check_linux(struct parser *p, const struct elf_program *program)
{
	uint8_t osabi = p->ehdr.e_ident[EI_OSABI];

	if (osabi != ELFOSABI_SYSV && osabi != ELFOSABI_LINUX)
		return refuse(p,
			"is a program for another system (OSABI %u): build it for Linux",
			osabi);
	if (program->pie && !p->ehdr.e_entry)
		return refuse(p, "is a shared library: give a program");
	if (program->pie) {
		if (program->high - program->low > ABI_MMAP_TOP - ABI_PIE_BASE ||
			program->high > ABI_MMAP_TOP - ABI_PIE_BASE ||
			program->align > ABI_MMAP_TOP - ABI_PIE_BASE - program->high)
			return refuse(
				p, "has a segment too large for the address space of 64 TiB");
		return 0;
	}
	if (program->low < ABI_USER_START)
		return refuse(p, "wants memory at %#llx, below %#llx: link it higher",
			(unsigned long long)program->low, ABI_USER_START);
	if (program->high > ABI_MMAP_TOP)
		return refuse(p,
			"wants memory up to %#llx, beyond the 64 TiB of a program: link it "
			"lower",
			(unsigned long long)program->high);
	return 0;
}

int elf_parse(elf_read_fn *read, void *source, uint64_t size, const char *name,
	struct elf_program *program, struct problem *problem)
{
	struct parser p = {
		.read = read,
		.source = source,
		.size = size,
		.name = name,
		.problem = problem,
	};
	int err;

	*program = (struct elf_program){.kind = ELF_KIND_LINUX, .align = PAGE};
	err = check_header(&p);
	if (!err)
		err = read_headers(&p);
	if (!err)
		err = read_segments(&p, program);
	if (!err)
		err = check_overlap(&p, program);
	if (err)
		return err;
	program->pie = p.ehdr.e_type == ET_DYN;
	program->entry = p.ehdr.e_entry;
	find_phdrs(&p, program);
	return program->kind == ELF_KIND_LINUX ? check_linux(&p, program) : 0;
}
