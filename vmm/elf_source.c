/* SPDX-License-Identifier: MIT */
/* The parser's two sources, an open file and an image in memory, and the image's symbols. */
#include "vmm/elf.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct memory_source {
	const uint8_t *image;
	size_t size;
};

static size_t read_memory(void *source, uint64_t offset, void *buf, size_t len)
{
	const struct memory_source *m = source;

	if (offset >= m->size)
		return 0;
	if (len > m->size - offset)
		len = m->size - offset;
	memcpy(buf, m->image + offset, len);
	return len;
}

static size_t read_file(void *source, uint64_t offset, void *buf, size_t len)
{
	const int *fd = source;
	size_t done = 0;

	while (done < len) {
		ssize_t got =
			pread(*fd, (char *)buf + done, len - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

static void name_of(int fd, char *name, size_t size)
{
	char link[64];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, name, size - 1);
	if (len > 0)
		name[len] = '\0';
	else
		snprintf(name, size, "guest file");
}

int elf_inspect(int fd, struct elf_program *program, struct problem *problem)
{
	struct stat st;
	char name[512];

	name_of(fd, name, sizeof(name));
	if (fstat(fd, &st))
		return problem_set(problem, -errno, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: cannot be looked at (%s): check the file system", name,
			strerror(errno));
	if (!S_ISREG(st.st_mode))
		return problem_set(problem, -EACCES, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: is not a regular file: give a program", name);
	return elf_parse(read_file, &fd, (uint64_t)st.st_size, name, program, problem);
}

int elf_inspect_memory(const void *image, size_t size, const char *name,
	struct elf_program *program, struct problem *problem)
{
	struct memory_source source = {image, size};

	return elf_parse(read_memory, &source, size, name, program, problem);
}

static bool section_read(
	const struct memory_source *m, const Elf64_Ehdr *e, unsigned i, Elf64_Shdr *section)
{
	uint64_t at = e->e_shoff + i * sizeof(*section);

	return i < e->e_shnum && e->e_shoff <= m->size &&
	       read_memory((void *)m, at, section, sizeof(*section)) == sizeof(*section) &&
	       section->sh_offset <= m->size &&
	       section->sh_size <= m->size - section->sh_offset;
}

static const char *symbol_in(const struct memory_source *m, const Elf64_Shdr *symbols,
	const Elf64_Shdr *strings, uint64_t va, uint64_t *offset)
{
	const char *best = NULL;
	const char *names = (const char *)m->image + strings->sh_offset;

	if (!strings->sh_size || names[strings->sh_size - 1])
		return NULL;
	for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= symbols->sh_size;
		at += sizeof(Elf64_Sym)) {
		Elf64_Sym sym;

		memcpy(&sym, m->image + symbols->sh_offset + at, sizeof(sym));
		if (sym.st_name >= strings->sh_size || sym.st_shndx == SHN_UNDEF ||
			ELF64_ST_TYPE(sym.st_info) > STT_FUNC || va < sym.st_value ||
			(best && va - sym.st_value >= *offset))
			continue;
		best = names + sym.st_name;
		*offset = va - sym.st_value;
	}
	return best;
}

const char *elf_symbol(const void *image, size_t size, uint64_t va, uint64_t *offset)
{
	struct memory_source m = {image, size};
	Elf64_Ehdr ehdr;

	if (read_memory(&m, 0, &ehdr, sizeof(ehdr)) != sizeof(ehdr) ||
		ehdr.e_shentsize != sizeof(Elf64_Shdr))
		return NULL;
	for (unsigned i = 0; i < ehdr.e_shnum; i++) {
		Elf64_Shdr symbols, strings;

		if (section_read(&m, &ehdr, i, &symbols) && symbols.sh_type == SHT_SYMTAB &&
			section_read(&m, &ehdr, symbols.sh_link, &strings))
			return symbol_in(&m, &symbols, &strings, va, offset);
	}
	return NULL;
}
