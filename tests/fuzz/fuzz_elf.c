/* SPDX-License-Identifier: MIT */
/* Guest files: whatever is in one, what elf_parse() lets pass can be used without further
 * thought. */
#include <string.h>

#include "guest-lwk/abi/layout.h"
#include "tests/fuzz/fuzz.h"
#include "vmm/elf.h"

#define PAGE 4096ULL

struct source {
	const uint8_t *data;
	size_t size;
	uint64_t claimed; /* zeros follow the data up to here */
};

static size_t read_source(void *arg, uint64_t offset, void *buf, size_t len)
{
	const struct source *s = arg;

	if (offset >= s->claimed)
		return 0;
	if (len > s->claimed - offset)
		len = s->claimed - offset;
	memset(buf, 0, len);
	if (offset < s->size)
		memcpy(buf, s->data + offset, len < s->size - offset ? len : s->size - offset);
	return len;
}

static void check_segments(const struct elf_program *p, uint64_t file_size)
{
	uint64_t above = 0;

	MUST(p->nsegs >= 1 && p->nsegs <= ELF_MAX_SEGS);
	MUST(p->align >= PAGE && !(p->align & (p->align - 1)));
	for (unsigned i = 0; i < p->nsegs; i++) {
		const struct elf_segment *s = &p->seg[i];

		MUST(s->mem_size && s->file_size <= s->mem_size);
		MUST(s->offset <= file_size && s->file_size <= file_size - s->offset);
		MUST((s->va ^ s->offset) % PAGE == 0);
		MUST(s->va / PAGE * PAGE >= above && s->va >= p->low);
		MUST(s->va + s->mem_size > s->va && s->va + s->mem_size <= p->high);
		above = (s->va + s->mem_size + PAGE - 1) / PAGE * PAGE;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Segments of a real program lie behind what fits into an input: some files claim to be
	 * large. */
	struct source source = {data, size, size && data[size - 1] & 1 ? 1ULL << 30 : size};
	struct elf_program program;
	struct problem problem = {0};
	uint64_t offset;

	elf_symbol(data, size, size ? data[size / 2] * 16ULL : 0, &offset);
	int err = elf_parse(read_source, &source, source.claimed, "input", &program, &problem);

	if (err) {
		MUST(err < 0 && problem.text[0] && !strchr(problem.text, '\n'));
		return 0;
	}
	check_segments(&program, source.claimed);
	MUST(memchr(program.interp, 0, sizeof(program.interp)));
	if (program.kind == ELF_KIND_LINUX)
		MUST(program.high <=
			(program.pie ? ABI_MMAP_TOP - ABI_PIE_BASE : ABI_MMAP_TOP));
	if (program.kind == ELF_KIND_LINUX && !program.pie)
		MUST(program.low >= ABI_USER_START);
	return 0;
}
