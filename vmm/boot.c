/* SPDX-License-Identifier: MIT */
#include "vmm/boot.h"

#include <errno.h>
#include <string.h>

#include "guest-lwk/abi/layout.h"

#define TABLE_SIZE 4096u
#define ENTRIES    512u
#define SHIFT_1G   30u
#define IMAGE_MAX  (1ULL << SHIFT_1G)

#define PTE_P      (1ULL << 0)
#define PTE_RW     (1ULL << 1)
#define PTE_A      (1ULL << 5)
#define PTE_D      (1ULL << 6)
#define PTE_PS     (1ULL << 7)
#define PTE_G      (1ULL << 8)
#define PTE_NX     (1ULL << 63)
#define PTE_ADDR   0x000ffffffffff000ULL
#define PTE_TABLE  (PTE_P | PTE_RW | PTE_A)
#define PTE_KERNEL (PTE_P | PTE_A | PTE_D | PTE_G | PTE_PS)

/* Tables are taken one after another from fresh memory. */
struct builder {
	const struct gpa_map *map;
	uint64_t next;
	uint64_t root;
};

static uint64_t *table_at(const struct builder *b, uint64_t at)
{
	return gpa_to_host(b->map, gpa(at), TABLE_SIZE);
}

static uint64_t table_new(struct builder *b)
{
	uint64_t at = b->next;

	if (at >= ABI_HOLE_START || !table_at(b, at))
		return 0;
	b->next += TABLE_SIZE;
	return at;
}

/* Maps one page of 1 << shift bytes. -ENOMEM: no memory for a table. */
static int map_page(struct builder *b, uint64_t va, uint64_t to, unsigned shift, uint64_t flags)
{
	uint64_t *table = table_at(b, b->root);

	for (unsigned level = 39; level > shift; level -= 9) {
		uint64_t *entry = &table[va >> level & (ENTRIES - 1)];

		if (!*entry) {
			uint64_t below = table_new(b);

			if (!below)
				return -ENOMEM;
			*entry = below | PTE_TABLE;
		}
		table = table_at(b, *entry & PTE_ADDR);
	}
	table[va >> shift & (ENTRIES - 1)] = to | flags;
	return 0;
}

static int map_direct(struct builder *b, uint64_t start, uint64_t end, bool use_1g)
{
	int err = 0;

	while (end - start >= ABI_BLOCK_SIZE && !err) {
		unsigned shift = ABI_BLOCK_SHIFT;

		if (use_1g && !(start & (IMAGE_MAX - 1)) && end - start >= IMAGE_MAX)
			shift = SHIFT_1G;
		err = map_page(
			b, ABI_DIRECT_VA + start, start, shift, PTE_KERNEL | PTE_RW | PTE_NX);
		start += 1ULL << shift;
	}
	return err;
}

static int map_image(struct builder *b, const struct elf_program *image)
{
	int err = 0;

	for (unsigned i = 0; i < image->nsegs; i++) {
		const struct elf_segment *s = &image->seg[i];
		uint64_t flags = PTE_KERNEL | (s->prot & ABI_PROT_W ? PTE_RW : 0) |
				 (s->prot & ABI_PROT_X ? 0 : PTE_NX);

		for (uint64_t at = 0; at < s->mem_size && !err; at += ABI_BLOCK_SIZE)
			err = map_page(b, s->va + at, s->pa + at, ABI_BLOCK_SHIFT, flags);
	}
	return err;
}

int boot_tables(const struct elf_program *image, const struct gpa_map *map, bool use_1g,
	gpa_t at, gpa_t *tables, uint64_t *end, struct problem *problem)
{
	struct builder b = {.map = map, .next = at.value};
	int err = 0;

	b.root = table_new(&b);
	if (!b.root)
		err = -ENOMEM;
	if (!err)
		err = map_image(&b, image);
	for (unsigned i = 0; i < map->n && !err; i++)
		err = map_direct(&b, map->range[i].start,
			map->range[i].start + map->range[i].size, use_1g);
	if (err)
		return problem_set(problem, err, EXIT_LWVMM_FAILED,
			"guest memory: the kernel's page tables do not fit below 3 GiB: give "
			"more --mem");
	*tables = gpa(b.root);
	*end = b.next;
	return 0;
}

int boot_check(const struct elf_program *image, const char *name, const struct gpa_map *map,
	struct problem *problem)
{
	bool entry = false;

	for (unsigned i = 0; i < image->nsegs; i++) {
		const struct elf_segment *s = &image->seg[i];

		if (s->va < ABI_IMAGE_VA || s->pa != s->va - ABI_IMAGE_VA ||
			s->pa < ABI_IMAGE_GPA || s->va % ABI_BLOCK_SIZE ||
			s->mem_size > IMAGE_MAX || s->pa + s->mem_size > IMAGE_MAX)
			return problem_set(problem, -ENOEXEC, EXIT_LWVMM_NOT_RUNNABLE,
				"%s: its segment at %#llx is not where an LWK image has them "
				"(guest-lwk/abi/layout.h): link it with guest-lwk/lwk.lds",
				name, (unsigned long long)s->va);
		if (!gpa_is_memory(map, gpa(s->pa), s->mem_size))
			return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
				"%s: it needs memory up to %llu MiB: give more --mem", name,
				(unsigned long long)(s->pa + s->mem_size) >> 20);
		entry |= s->prot & ABI_PROT_X && image->entry - s->va < s->mem_size;
	}
	if (!entry)
		return problem_set(problem, -ENOEXEC, EXIT_LWVMM_NOT_RUNNABLE,
			"%s: its entry %#llx is in no executable segment: build it again", name,
			(unsigned long long)image->entry);
	return 0;
}

/* Segment by segment through spans: RAM need not be contiguous on the host. */
static void place(const struct boot_image *image, const struct elf_program *program,
	const struct gpa_map *map)
{
	for (unsigned i = 0; i < program->nsegs; i++) {
		const struct elf_segment *s = &program->seg[i];

		for (uint64_t at = 0; at < s->file_size;) {
			uint64_t span = s->file_size - at;
			void *to = gpa_span(map, gpa(s->pa + at), &span);

			memcpy(to, (const uint8_t *)image->data + s->offset + at, span);
			at += span;
		}
	}
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

int boot_load(const struct boot_image *image, const struct plan *plan,
	const struct gpa_map *map, struct fdt_facts *facts, bool use_1g,
	struct boot_entry *entry, struct problem *problem)
{
	struct elf_program program;
	uint64_t end = 0;
	void *tree;
	int err;

	err = elf_inspect_memory(image->data, image->size, image->name, &program, problem);
	if (err)
		return err;
	err = boot_check(&program, image->name, map, problem);
	if (err)
		return err;
	place(image, &program, map);
	err = boot_tables(&program, map, use_1g, gpa(program.high - ABI_IMAGE_VA),
		&entry->tables, &end, problem);
	if (err)
		return err;
	entry->entry = program.entry;
	entry->free_start = facts->free_start = round_up(end, ABI_BLOCK_SIZE);
	tree = gpa_to_host(map, gpa(ABI_FDT_GPA), ABI_FDT_MAX);
	if (!tree)
		return problem_set(problem, -ENOMEM, EXIT_LWVMM_FAILED,
			"guest memory: the plan has none at gpa %#llx: report this as a bug",
			ABI_FDT_GPA);
	return fdt_build(plan, facts, tree, ABI_FDT_MAX, problem);
}
