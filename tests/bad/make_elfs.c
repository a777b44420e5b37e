/* SPDX-License-Identifier: MIT */
/*
 * make_elfs GOOD DIR: the corpus of bad guests, made from one good static program. Each file is
 * GOOD with one thing wrong; its name says what. A line "NAME STATUS..." each goes to standard
 * output: the exit statuses that `lwvmm run` may give.
 */
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned char *good, *bad;
static size_t size;
static Elf64_Ehdr *ehdr; /* of `bad` */
static Elf64_Phdr *phdr;
static const char *dir;

static void die(const char *what)
{
	fprintf(stderr, "make_elfs: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void write_file(const char *name, const void *data, size_t len, mode_t mode)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	file = fopen(path, "w");
	if (!file || fwrite(data, 1, len, file) != len || fclose(file) || chmod(path, mode))
		die(path);
}

/* The bad file as it is now, then back to the good one. */
static void emit(const char *name, const char *statuses)
{
	write_file(name, bad, size, 0755);
	printf("%s %s\n", name, statuses);
	memcpy(bad, good, size);
}

static Elf64_Phdr *load(int n)
{
	for (int i = 0; i < ehdr->e_phnum; i++) {
		if (phdr[i].p_type == PT_LOAD && n-- == 0)
			return &phdr[i];
	}
	die("GOOD has too few segments");
	return NULL;
}

static void make_headers(void)
{
	ehdr->e_ident[EI_MAG3] = 'G';
	emit("magic", "126");
	ehdr->e_ident[EI_CLASS] = ELFCLASS32;
	emit("class-32", "126");
	ehdr->e_ident[EI_DATA] = ELFDATA2MSB;
	emit("big-endian", "126");
	ehdr->e_machine = EM_AARCH64;
	emit("machine-arm", "126");
	ehdr->e_machine = EM_386;
	emit("machine-386", "126");
	ehdr->e_machine = 0xffff;
	emit("machine-none", "126");
	ehdr->e_type = ET_REL;
	emit("type-object", "126");
	ehdr->e_type = ET_CORE;
	emit("type-core", "126");
	ehdr->e_type = 0xfe00;
	emit("type-strange", "126");
	ehdr->e_phentsize = 32;
	emit("header-size", "126");
	ehdr->e_phnum = 0;
	emit("no-headers", "126");
	ehdr->e_phnum = 0xffff;
	emit("headers-65535", "126");
	ehdr->e_phoff = size - 8;
	emit("headers-at-end", "126");
	ehdr->e_phoff = (uint64_t)-32;
	emit("headers-wrap", "126");
	ehdr->e_phoff = 0;
	emit("headers-over-header", "126 139");
}

static void make_segments(void)
{
	for (int i = 0; i < ehdr->e_phnum; i++)
		phdr[i].p_type = PT_NOTE;
	emit("no-loads", "126");
	load(1)->p_filesz = load(1)->p_memsz = 1ull << 62;
	emit("segment-huge", "126");
	load(1)->p_memsz = UINT64_MAX;
	emit("segment-wraps", "126");
	load(3)->p_memsz = 1ull << 46;
	emit("segment-beyond-user", "126");
	load(1)->p_filesz = load(1)->p_memsz + 4096;
	emit("file-exceeds-memory", "126");
	load(1)->p_offset = size * 2 & ~0xfffull;
	emit("segment-beyond-file", "126");
	load(1)->p_offset = (uint64_t)-4096;
	emit("offset-wraps", "126");
	load(1)->p_offset += 1;
	emit("offset-misaligned", "126");
	load(1)->p_vaddr = load(0)->p_vaddr;
	emit("segments-overlap", "126");
	load(1)->p_vaddr = 0xffffffff80200000;
	emit("segment-in-kernel", "126");
	load(1)->p_vaddr = 0xffff800000000000;
	emit("segment-in-direct-map", "126");
	load(1)->p_vaddr = 0x800000000000;
	emit("segment-not-canonical", "126");
	load(0)->p_vaddr = 0;
	emit("segment-at-zero", "126 139");
	ehdr->e_entry = 0;
	emit("entry-zero", "126 139");
	ehdr->e_entry = 0xffffffff80200000;
	emit("entry-in-kernel", "126 139");
	ehdr->e_entry = load(3)->p_vaddr;
	emit("entry-in-data", "126 139");
}

/* More segments than anyone takes: the table goes to the end of the file. */
static void make_many_segments(void)
{
	enum { MANY = 1000 };
	size_t bytes = MANY * sizeof(Elf64_Phdr);
	unsigned char *file = calloc(1, size + bytes);
	Elf64_Phdr *many;

	if (!file)
		die("memory");
	memcpy(file, good, size);
	((Elf64_Ehdr *)file)->e_phoff = size;
	((Elf64_Ehdr *)file)->e_phnum = MANY;
	many = calloc(MANY, sizeof(*many));
	if (!many)
		die("memory");
	for (uint64_t i = 0; i < MANY; i++)
		many[i] = (Elf64_Phdr){.p_type = PT_LOAD,
			.p_flags = PF_R,
			.p_memsz = 4096,
			.p_vaddr = 0x10000000 + i * 8192,
			.p_align = 4096};
	memcpy(file + size, many, bytes);
	write_file("segments-1000", file, size + bytes, 0755);
	printf("segments-1000 126 139\n");
	free(many);
	free(file);
}

/* A program that wants an interpreter: absent, unterminated, or with a name that is none. */
static void make_interpreters(void)
{
	static const char absent[] = "/nowhere/ld-linux.so.9";
	Elf64_Phdr *note = NULL;

	for (int i = 0; i < ehdr->e_phnum && !note; i++) {
		if (phdr[i].p_type == PT_NOTE)
			note = &phdr[i];
	}
	if (!note)
		die("GOOD has no note");
	*note = (Elf64_Phdr){.p_type = PT_INTERP,
		.p_offset = note->p_offset,
		.p_filesz = sizeof(absent),
		.p_memsz = sizeof(absent)};
	memcpy(bad + note->p_offset, absent, sizeof(absent));
	emit("interpreter-absent", "127");
	*note = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = note->p_offset, .p_filesz = 4};
	memcpy(bad + note->p_offset, "/lib", 4);
	emit("interpreter-unterminated", "126");
	note->p_type = PT_INTERP;
	note->p_filesz = 1ull << 40;
	emit("interpreter-huge", "126");
}

static void make_truncated(void)
{
	Elf64_Phdr *last = load(0);
	char name[64];
	size_t cut[12] = {0, 1, 4, 16, 63, 64, 65, 120, 400};

	for (int i = 0; i < ehdr->e_phnum; i++) {
		if (phdr[i].p_type == PT_LOAD &&
			phdr[i].p_offset + phdr[i].p_filesz > last->p_offset + last->p_filesz)
			last = &phdr[i];
	}
	cut[9] = 4096;
	cut[10] = (last->p_offset + last->p_filesz) / 2;
	cut[11] = last->p_offset + last->p_filesz - 1;
	for (unsigned i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		snprintf(name, sizeof(name), "truncated-%u", i);
		write_file(name, good, cut[i], 0755);
		printf("%s 126\n", name);
	}
}

static void make_others(void)
{
	uint64_t state = 88172645463325252u;
	unsigned char garbage[10000];

	for (size_t i = 0; i < sizeof(garbage); i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		garbage[i] = (unsigned char)state;
	}
	write_file("garbage", garbage, sizeof(garbage), 0755);
	memcpy(garbage, good, EI_NIDENT);
	write_file("garbage-after-magic", garbage, sizeof(garbage), 0755);
	memcpy(garbage, good, sizeof(Elf64_Ehdr));
	write_file("garbage-after-header", garbage, sizeof(garbage), 0755);
	write_file("text", "just some text\n", 15, 0755);
	write_file("zeroes", memset(garbage, 0, sizeof(garbage)), sizeof(garbage), 0755);
	write_file("not-executable", good, size, 0644);
	printf("garbage 126\ngarbage-after-magic 126\ngarbage-after-header 126\ntext 126\n"
	       "zeroes 126\nnot-executable 126\n");
}

int main(int argc, char **argv)
{
	FILE *file = argc == 3 ? fopen(argv[1], "r") : NULL;
	struct stat st;

	if (!file || fstat(fileno(file), &st))
		die("usage: make_elfs GOOD DIR");
	size = (size_t)st.st_size;
	dir = argv[2];
	good = malloc(size);
	bad = malloc(size);
	if (!good || !bad || fread(good, 1, size, file) != size)
		die(argv[1]);
	memcpy(bad, good, size);
	ehdr = (Elf64_Ehdr *)bad;
	phdr = (Elf64_Phdr *)(bad + ehdr->e_phoff);
	make_headers();
	make_segments();
	make_many_segments();
	make_interpreters();
	make_truncated();
	make_others();
	return fclose(file);
}
