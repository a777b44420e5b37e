/* SPDX-License-Identifier: MIT */
/* What a guest file is told to be, and what a broken one is refused for (vmm/elf.h). */
#include <check.h>
#include <stddef.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-lwk/abi/layout.h"
#include "tests/unit/suite.h"
#include "vmm/elf.h"

#define SIZE 0x3000

/* A file with two segments to load, text and data, and room for a third header. */
static struct file {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[3];
	uint8_t rest[SIZE - sizeof(Elf64_Ehdr) - 3 * sizeof(Elf64_Phdr)];
} file;
static struct elf_program program;
static struct problem problem;

static void setup(void)
{
	file = (struct file){
		.ehdr =
			{
				.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB,
					EV_CURRENT},
				.e_type = ET_EXEC,
				.e_machine = EM_X86_64,
				.e_version = EV_CURRENT,
				.e_entry = 0x401000,
				.e_phoff = offsetof(struct file, phdr),
				.e_phentsize = sizeof(Elf64_Phdr),
				.e_phnum = 2,
			},
		.phdr =
			{
				{.p_type = PT_LOAD,
					.p_flags = PF_R | PF_X,
					.p_offset = 0,
					.p_vaddr = 0x400000,
					.p_filesz = 0x1800,
					.p_memsz = 0x1800,
					.p_align = 0x1000},
				{.p_type = PT_LOAD,
					.p_flags = PF_R | PF_W,
					.p_offset = 0x1800,
					.p_vaddr = 0x403800,
					.p_filesz = 0x800,
					.p_memsz = 0x5000,
					.p_align = 0x1000},
			},
	};
	problem = (struct problem){0};
}

static int parse(size_t size)
{
	return elf_inspect_memory(&file, size, "guest", &program, &problem);
}

static void refused(const char *why)
{
	ck_assert_int_eq(parse(SIZE), -ENOEXEC);
	ck_assert_int_eq(problem.status, EXIT_LWVMM_NOT_RUNNABLE);
	ck_assert_msg(!strncmp(problem.text, "guest: ", 7), "%s", problem.text);
	ck_assert_msg(strstr(problem.text, why), "'%s' is not in '%s'", why, problem.text);
	ck_assert_ptr_null(strchr(problem.text, '\n'));
}

START_TEST(test_program)
{
	ck_assert_int_eq(parse(SIZE), 0);
	ck_assert_int_eq(program.kind, ELF_KIND_LINUX);
	ck_assert(!program.pie);
	ck_assert_uint_eq(program.nsegs, 2);
	ck_assert_uint_eq(program.entry, 0x401000);
	ck_assert_uint_eq(program.phdr, 0x400000 + offsetof(struct file, phdr));
	ck_assert_uint_eq(program.low, 0x400000);
	ck_assert_uint_eq(program.high, 0x409000);
	ck_assert_uint_eq(program.seg[1].prot, ABI_PROT_R | ABI_PROT_W);
	ck_assert_uint_eq(program.seg[1].mem_size, 0x5000);
}
END_TEST

START_TEST(test_sorted)
{
	Elf64_Phdr first = file.phdr[0];

	file.phdr[0] = file.phdr[1];
	file.phdr[1] = first;
	ck_assert_int_eq(parse(SIZE), 0);
	ck_assert_uint_eq(program.seg[0].va, 0x400000);
}
END_TEST

START_TEST(test_pie_and_interp)
{
	file.ehdr.e_type = ET_DYN;
	file.phdr[0].p_vaddr = 0;
	file.phdr[1].p_vaddr = 0x3800;
	file.ehdr.e_phnum = 3;
	file.phdr[2] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 0x2000, .p_filesz = 9};
	memcpy((char *)&file + 0x2000, "/lib/ld.so", 8);
	ck_assert_int_eq(parse(SIZE), 0);
	ck_assert(program.pie);
	ck_assert_str_eq(program.interp, "/lib/ld.");
	/* Where they go: the program from its base on, an interpreter to its end. */
	ck_assert_uint_eq(program.low + elf_bias(&program), ABI_PIE_BASE);
	ck_assert_uint_le(program.high + elf_interp_bias(&program), ABI_MMAP_TOP);
	ck_assert_uint_gt(
		program.high + elf_interp_bias(&program) + program.align, ABI_MMAP_TOP - 1);
	file.phdr[2].p_filesz = 8;
	refused("interpreter");
}
END_TEST

START_TEST(test_shared_library)
{
	file.ehdr.e_type = ET_DYN;
	file.ehdr.e_entry = 0;
	refused("shared library");
}
END_TEST

static void add_note(const char *name, uint32_t type, uint32_t value)
{
	Elf64_Nhdr note = {
		.n_namesz = (uint32_t)strlen(name) + 1, .n_descsz = 4, .n_type = type};
	char *at = (char *)&file + 0x2800;

	memcpy(at, &note, sizeof(note));
	memcpy(at + sizeof(note), name, note.n_namesz);
	at += sizeof(note) + ((note.n_namesz + 3) & ~3u);
	memcpy(at, &value, 4);
	file.ehdr.e_phnum = 3;
	file.phdr[2] = (Elf64_Phdr){.p_type = PT_NOTE,
		.p_offset = 0x2800,
		.p_filesz = (uint64_t)(at + 4 - ((char *)&file + 0x2800))};
}

START_TEST(test_kinds)
{
	add_note(ABI_NOTE_NAME, ABI_NOTE_TYPE, ABI_VERSION);
	ck_assert_int_eq(parse(SIZE), 0);
	ck_assert_int_eq(program.kind, ELF_KIND_LWK);
	add_note("Xen", 18, 0x100000);
	ck_assert_int_eq(parse(SIZE), 0);
	ck_assert_int_eq(program.kind, ELF_KIND_PVH);
	add_note("GNU", 1, 0);
	ck_assert_int_eq(parse(SIZE), 0);
	ck_assert_int_eq(program.kind, ELF_KIND_LINUX);
	add_note(ABI_NOTE_NAME, ABI_NOTE_TYPE, ABI_VERSION + 1);
	refused("ABI version");
}
END_TEST

/* One change each to the good file, and what must be said of it. */
static const struct {
	size_t offset, size;
	uint64_t value;
	const char *why;
} changes[] = {
#define HEADER(field, value, why)                                                              \
	{                                                                                      \
		offsetof(struct file, ehdr.field), sizeof(file.ehdr.field), (value), (why)     \
	}
#define SEGMENT(i, field, value, why)                                                          \
	{                                                                                      \
		offsetof(struct file, phdr[i].field), sizeof(file.phdr[i].field), (value),     \
			(why)                                                                  \
	}
	HEADER(e_ident[EI_CLASS], ELFCLASS32, "32-bit"),
	HEADER(e_ident[EI_DATA], ELFDATA2MSB, "big-endian"),
	HEADER(e_ident[EI_VERSION], 7, "damaged"),
	HEADER(e_ident[EI_OSABI], ELFOSABI_FREEBSD, "another system"),
	HEADER(e_machine, EM_AARCH64, "AArch64"),
	HEADER(e_machine, 4711, "number 4711"),
	HEADER(e_type, ET_REL, "object file"),
	HEADER(e_type, ET_CORE, "type 4"),
	HEADER(e_phnum, 0, "no program headers"),
	HEADER(e_phnum, 65, "65 program headers"),
	HEADER(e_phentsize, 32, "no program headers"),
	HEADER(e_phoff, SIZE, "truncated"),
	HEADER(e_phoff, UINT64_MAX - 8, "truncated"),
	SEGMENT(0, p_type, PT_NULL, NULL), /* one segment is enough */
	SEGMENT(1, p_filesz, 0x6000, "larger in the file"),
	SEGMENT(1, p_offset, SIZE - 0x800 + 0x1000, "truncated"),
	SEGMENT(1, p_offset, UINT64_MAX - 0x7ff, "truncated"),
	SEGMENT(1, p_offset, 0x1900, "not aligned"),
	SEGMENT(1, p_align, 0x1001, "power of two"),
	SEGMENT(1, p_vaddr, 0x401800, "overlap"),
	SEGMENT(1, p_vaddr, 0x400800, "overlap"),
	SEGMENT(1, p_vaddr, UINT64_MAX - 0x7ff, "wraps"),
	SEGMENT(1, p_vaddr, ABI_USER_END + 0x800, "64 TiB"),
	SEGMENT(1, p_memsz, ABI_USER_END, "64 TiB"),
	SEGMENT(1, p_memsz, UINT64_MAX - 0x403800 - 8, "wraps"),
	SEGMENT(0, p_vaddr, 0, "wants memory at 0"),
};

START_TEST(test_changes)
{
	memcpy((char *)&file + changes[_i].offset, &changes[_i].value, changes[_i].size);
	if (changes[_i].why)
		refused(changes[_i].why);
	else
		ck_assert_int_eq(parse(SIZE), 0);
}
END_TEST

START_TEST(test_truncated_anywhere)
{
	for (size_t size = 0; size < 0x2000; size++) {
		problem = (struct problem){0};
		ck_assert_int_eq(parse(size), -ENOEXEC);
	}
}
END_TEST

START_TEST(test_flipped_bytes)
{
	unsigned seed = 1;

	/* Whatever comes of it, nothing is read or written out of bounds (sanitized build). */
	for (unsigned i = 0; i < 20000; i++) {
		setup();
		for (unsigned n = 0; n < 1 + i % 4; n++)
			((uint8_t *)&file)[(unsigned)rand_r(&seed) %
					   offsetof(struct file, rest)] =
				(uint8_t)rand_r(&seed);
		if (parse(SIZE))
			continue;
		for (unsigned s = 0; s < program.nsegs; s++)
			ck_assert_uint_le(
				program.seg[s].offset + program.seg[s].file_size, SIZE);
	}
}
END_TEST

START_TEST(test_no_elf)
{
	static const struct {
		const char *text, *why;
	} files[] = {
		{"#!/bin/sh\necho\n", "script (#!/bin/sh)"},
		{"hello\n", "text file"},
		{"\x1f\x8b\x08", "gzip"},
		{"MZ\x90", "Windows"},
		{"\x01\x02", "no kind"},
	};
	char path[] = "/tmp/lwvmm-test-elf-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(elf_inspect(fd, &program, &problem), -ENOEXEC);
	ck_assert_ptr_nonnull(strstr(problem.text, "is empty"));
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		problem = (struct problem){0};
		ck_assert_int_eq(ftruncate(fd, 0), 0);
		ck_assert_int_gt(pwrite(fd, files[i].text, strlen(files[i].text), 0), 0);
		ck_assert_int_eq(elf_inspect(fd, &program, &problem), -ENOEXEC);
		ck_assert_msg(strstr(problem.text, files[i].why), "%s", problem.text);
		ck_assert_ptr_nonnull(strstr(problem.text, path));
	}
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(test_folder)
{
	int fd = open("/", O_RDONLY);

	ck_assert_int_lt(elf_inspect(fd, &program, &problem), 0);
	ck_assert_int_eq(problem.status, EXIT_LWVMM_NOT_RUNNABLE);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("elf");
	TCase *t = tcase_create("elf");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, test_program);
	tcase_add_test(t, test_sorted);
	tcase_add_test(t, test_pie_and_interp);
	tcase_add_test(t, test_shared_library);
	tcase_add_test(t, test_kinds);
	tcase_add_loop_test(t, test_changes, 0, sizeof(changes) / sizeof(changes[0]));
	tcase_add_test(t, test_truncated_anywhere);
	tcase_add_test(t, test_flipped_bytes);
	tcase_add_test(t, test_no_elf);
	tcase_add_test(t, test_folder);
	suite_add_tcase(s, t);
	return suite_run(s);
}
