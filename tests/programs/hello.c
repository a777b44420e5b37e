/* SPDX-License-Identifier: MIT */
/* What a program finds at its start: arguments, environment, auxiliary vector. Ends with 42. */
#include <elf.h>
#include <link.h>

#include "check.h"

extern char **environ;

/* As the kernel gave it: static glibc's getauxval has its own ideas about some entries. */
static unsigned long vector(unsigned long type)
{
	const ElfW(auxv_t) * entry;
	char **e = environ;

	while (*e)
		e++;
	for (entry = (const void *)(e + 1); entry->a_type != AT_NULL; entry++) {
		if (entry->a_type == type)
			return entry->a_un.a_val;
	}
	printf("entry %lu is missing\n", type);
	return 0;
}

static void print_start(int argc, char **argv)
{
	printf("hello, %d arguments\n", argc - 1);
	for (int i = 1; i < argc; i++)
		printf("argument %d: '%s'\n", i, argv[i]);
	CHECK(argv[argc] == NULL);
	for (char **e = environ; *e; e++) {
		if (strncmp(*e, "TEST_", 5) == 0)
			printf("environment: %s\n", *e);
	}
}

/* The program's own headers, as the vector tells of them. */
static void check_headers(void)
{
	const ElfW(Phdr) *phdr = (const ElfW(Phdr) *)vector(AT_PHDR);
	unsigned long loads = 0;

	CHECK(phdr != NULL && vector(AT_PHENT) == sizeof(*phdr));
	for (unsigned long i = 0; i < vector(AT_PHNUM); i++)
		loads += phdr[i].p_type == PT_LOAD;
	printf("AT_PHDR: %lu segments, %lu to load\n", vector(AT_PHNUM), loads);
	CHECK(vector(AT_ENTRY) != 0);
}

static void check_vector(void)
{
	const unsigned char *random = (const unsigned char *)vector(AT_RANDOM);
	const ElfW(Ehdr) *vdso = (const ElfW(Ehdr) *)vector(AT_SYSINFO_EHDR);
	int bits = 0;

	printf("AT_EXECFN: %s\n", (const char *)vector(AT_EXECFN));
	printf("AT_PLATFORM: %s\n", (const char *)vector(AT_PLATFORM));
	printf("AT_PAGESZ: %lu\n", vector(AT_PAGESZ));
	printf("AT_CLKTCK: %lu\n", vector(AT_CLKTCK));
	printf("AT_SECURE: %lu\n", vector(AT_SECURE));
	CHECK(vector(AT_UID) == getuid() && vector(AT_EUID) == geteuid());
	CHECK(vector(AT_GID) == getgid() && vector(AT_EGID) == getegid());
	CHECK((vector(AT_HWCAP) & 1u << 26) != 0); /* SSE2 */
	CHECK(random != NULL);
	for (int i = 0; i < 16; i++)
		bits += __builtin_popcount(random[i]);
	CHECK(bits > 16 && bits < 112);
	CHECK(vdso != NULL && memcmp(vdso->e_ident, ELFMAG, SELFMAG) == 0);
}

int main(int argc, char **argv)
{
	print_start(argc, argv);
	check_headers();
	check_vector();
	return 42;
}
