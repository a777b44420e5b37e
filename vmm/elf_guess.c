/* SPDX-License-Identifier: MIT */
#include "vmm/elf_guess.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#define BZIMAGE_MAGIC_AT 0x202

static const struct {
	const char *magic;
	size_t len;
	const char *phrase;
} magics[] = {
	{"\x1f\x8b", 2, "is a gzip archive"},
	{"\xfd"
	 "7zXZ",
		5, "is an xz archive"},
	{"\x28\xb5\x2f\xfd", 4, "is a zstd archive"},
	{"PK\x03\x04", 4, "is a zip archive"},
	{"!<arch>\n", 8, "is a library archive (ar)"},
	{"\xcf\xfa\xed\xfe", 4, "is a Mach-O program of macOS"},
	{"MZ", 2, "is a Windows or EFI program"},
};

static const char *guess_script(const char *head, size_t len)
{
	static __thread char phrase[96];
	int line = (int)strcspn(head, "\n");

	if (line > 60)
		line = 60;
	snprintf(phrase, sizeof(phrase), "is a script (%.*s)",
		line < (int)len ? line : (int)len, head);
	for (char *c = phrase; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
			*c = '?';
	return phrase;
}

const char *elf_guess(elf_read_fn *read, void *source, uint64_t size)
{
	char head[BZIMAGE_MAGIC_AT + 5] = {0};
	size_t len = read(source, 0, head, sizeof(head) - 1);

	if (!size || !len)
		return "is empty";
	if (len >= 2 && !memcmp(head, "#!", 2))
		return guess_script(head, len);
	if (len > BZIMAGE_MAGIC_AT + 3 && !memcmp(head + BZIMAGE_MAGIC_AT, "HdrS", 4))
		return "is a Linux kernel (bzImage), which is not served yet";
	for (unsigned i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (len >= magics[i].len && !memcmp(head, magics[i].magic, magics[i].len))
			return magics[i].phrase;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)head[i] < ' ' && !strchr("\t\n\r\f", head[i]))
			return "is data of no kind that lwvmm knows";
	return "is a text file";
}

const char *elf_machine_name(unsigned machine)
{
	static __thread char text[32];

	switch (machine) {
	case EM_386:
		return "32-bit x86";
	case EM_ARM:
		return "32-bit Arm";
	case EM_AARCH64:
		return "AArch64";
	case EM_RISCV:
		return "RISC-V";
	case EM_PPC64:
		return "POWER";
	case EM_S390:
		return "s390";
	default:
		snprintf(text, sizeof(text), "number %u", machine);
		return text;
	}
}
