/* SPDX-License-Identifier: MIT */
/* Memory: mmap and its flags, protection, moving, advice, the break, locks. */
#include "abi.h"

#include <setjmp.h>
#include <sys/mman.h>

#define PAGE 4096ul
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)

static sigjmp_buf back;
static volatile int caught, code;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	caught = sig;
	code = info->si_code;
	siglongjmp(back, 1);
}

static void catch_faults(void)
{
	struct sigaction action = {
		.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};

	MUST(sigaction(SIGSEGV, &action, NULL));
	MUST(sigaction(SIGBUS, &action, NULL));
}

/* Reads or writes a byte; what happens. */
static void touch(const char *what, volatile char *p, int write)
{
	if (sigsetjmp(back, 1)) {
		TELL("%s: signal %d code %d\n", what, caught, code);
		return;
	}
	if (write)
		*p = 1;
	else
		(void)*p;
	TELL("%s: good\n", what);
}

static char *map(size_t len, int prot)
{
	char *p = mmap(NULL, len, prot, ANON, -1, 0);

	MUST(p == MAP_FAILED ? -1 : 0);
	return p;
}

/* The result of a mapping: error, or good. */
static char *try(const char *what, void *p)
{
	if (p == MAP_FAILED)
		TELL("%s: %s\n", what, strerrorname_np(errno));
	else
		TELL("%s: good\n", what);
	return p;
}

CASE(mmap_anonymous, mmap, munmap)
{
	char *p = map(3 * PAGE, RW);

	TRUE(((uintptr_t)p & (PAGE - 1)) == 0);
	TELL("%d %d\n", p[0], p[3 * PAGE - 1]);
	p[PAGE] = 7;
	SHOW(munmap(p + PAGE, PAGE));
	catch_faults();
	touch("middle", p + PAGE, 0);
	touch("end", p + 2 * PAGE, 1);
	SHOW(munmap(p, 3 * PAGE));
	touch("end", p + 2 * PAGE, 1);
	SHOW(munmap(p, 3 * PAGE));
}

CASE(mmap_errors, mmap)
{
	int fd = abi_file("a", "abc"), wo = (int)MUST(open("a", O_WRONLY));

	try("length 0", mmap(NULL, 0, RW, ANON, -1, 0));
	try("huge", mmap(NULL, 1ul << 60, RW, ANON, -1, 0));
	try("wraps", mmap(NULL, -1ul, RW, ANON, -1, 0));
	try("no type", mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
	try("no file", mmap(NULL, PAGE, RW, MAP_PRIVATE, 99, 0));
	try("odd offset", mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 12));
	try("write only", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0));
	try("odd fixed", mmap((void *)0x10001, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	try("fixed in the kernel", mmap((void *)~0xffful, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	try("directory",
		mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, (int)MUST(open(".", O_RDONLY)), 0));
	try("anonymous with fd", mmap(NULL, PAGE, RW, ANON, 99, 0));
}

CASE(mmap_hint, mmap)
{
	char *p = map(4 * PAGE, RW), *q;

	MUST(munmap(p, 4 * PAGE));
	q = mmap(p, PAGE, RW, ANON, -1, 0);
	TRUE(q == p);
	q = mmap(p, PAGE, RW, ANON, -1, 0);
	TRUE(q != p && q != MAP_FAILED);
	q = mmap((void *)(0x10000000 + 5), PAGE, RW, ANON, -1, 0);
	TRUE(q == (void *)0x10001000 || q == (void *)0x10000000);
}

CASE(mmap_fixed, mmap)
{
	char *p = map(4 * PAGE, RW);

	memset(p, 1, 4 * PAGE);
	TRUE(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + PAGE);
	TELL("%d %d %d\n", p[0], p[PAGE], p[2 * PAGE]);
	try("not over it", mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
	MUST(munmap(p + 3 * PAGE, PAGE));
	TRUE(mmap(p + 3 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + 3 * PAGE);
}

CASE(mmap_flags, mmap)
{
	char *p = try("populate", mmap(NULL, 8 * PAGE, RW, ANON | MAP_POPULATE, -1, 0));

	TELL("%d\n", p[5]);
	try("no reserve", mmap(NULL, 1ul << 40, RW, ANON | MAP_NORESERVE, -1, 0));
	p = try("32 bit", mmap(NULL, PAGE, RW, ANON | MAP_32BIT, -1, 0));
	TRUE((uintptr_t)p < 1ul << 32);
	try("stack", mmap(NULL, PAGE, RW, ANON | MAP_STACK, -1, 0));
	try("locked", mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0));
	try("validate",
		mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS | 0x8000000, -1, 0));
	try("no bits", mmap(NULL, PAGE, PROT_NONE, ANON, -1, 0));
}

CASE(mmap_low, mmap)
{
	try("zero", mmap(NULL, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	try("low", mmap((void *)0x10000, PAGE, RW, ANON | MAP_FIXED, -1, 0));
}

CASE(mmap_growsdown, mmap)
{
	char *p = mmap(NULL, 4 * PAGE, RW, ANON | MAP_GROWSDOWN, -1, 0);

	try("grows down", p);
	p[0] = 1;
	TELL("%d\n", p[0]);
}

CASE(mmap_file_private, mmap, munmap)
{
	int fd = abi_file("a", "0123456789");
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0), c = 0;

	try("file", p);
	abi_bytes("content", p, 12);
	p[0] = 'x';
	SHOW(pread(fd, &c, 1, 0));
	TELL("%c\n", c);
	catch_faults();
	touch("behind the end", p + PAGE, 0);
	touch("in the last page", p + 2000, 1);
	SHOW(munmap(p, 2 * PAGE));
	close(fd);
}

CASE(mmap_file_offset, mmap)
{
	int fd = abi_file("a", "");
	char *p;

	MUST(ftruncate(fd, 3 * PAGE));
	MUST(pwrite(fd, "page two", 8, 2 * PAGE));
	p = try("file", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 2 * PAGE));
	abi_bytes("content", p, 8);
	catch_faults();
	touch("write", p, 1);
}

CASE(mmap_shared_anonymous, mmap, msync)
{
	char *p = try("shared", mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	p[PAGE] = 3;
	SHOW(msync(p, 2 * PAGE, MS_SYNC));
	TELL("%d\n", p[PAGE]);
}

CASE(mmap_shared_file, mmap, msync)
{
	int fd = abi_file("a", "0123456789");
	char *p = try("shared", mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0)), c = 0;

	if (p == MAP_FAILED)
		return;
	p[0] = 'x';
	SHOW(pread(fd, &c, 1, 0));
	TELL("%c\n", c);
	MUST(pwrite(fd, "y", 1, 1));
	TELL("%c\n", p[1]);
	SHOW(msync(p, PAGE, MS_SYNC));
}

CASE(mmap_shared_memfd, mmap, memfd_create)
{
	int fd = (int)MUST(memfd_create("m", 0));
	char *p, *q;

	MUST(ftruncate(fd, 2 * PAGE));
	p = try("one", mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
	q = try("two", mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
	if (p == MAP_FAILED || q == MAP_FAILED)
		return;
	p[7] = 'z';
	TELL("%c\n", q[7]);
}

CASE(mmap_exec, mmap, mprotect)
{
	static const unsigned char code_bytes[] = {0xb8, 42, 0, 0, 0, 0xc3};
	char *p = map(PAGE, RW);
	int (*f)(void);

	memcpy(p, code_bytes, sizeof(code_bytes));
	SHOW(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	f = (int (*)(void))(uintptr_t)p;
	TELL("%d\n", f());
	catch_faults();
	touch("write", p, 1);
}

CASE(mprotect, mprotect)
{
	char *p = map(4 * PAGE, RW);

	p[PAGE] = 5;
	SHOW(mprotect(p + PAGE, PAGE, PROT_READ));
	catch_faults();
	touch("read", p + PAGE, 0);
	touch("write", p + PAGE, 1);
	touch("beside", p + 2 * PAGE, 1);
	SHOW(mprotect(p + PAGE, PAGE, PROT_NONE));
	touch("read", p + PAGE, 0);
	SHOW(mprotect(p + PAGE, PAGE, RW));
	TELL("%d\n", p[PAGE]);
	SHOW(mprotect(p + 1, PAGE, RW));
	SHOW(mprotect(p, 0, RW));
	SHOW(mprotect(p, PAGE, 0x100));
	SHOW(mprotect(p, PAGE, PROT_READ | PROT_GROWSUP | PROT_GROWSDOWN));
	MUST(munmap(p + 2 * PAGE, PAGE));
	SHOW(mprotect(p, 4 * PAGE, PROT_READ));
	touch("before the hole", p, 1);
	touch("behind the hole", p + 3 * PAGE, 1);
	SHOW(mprotect((void *)~0xffful, PAGE, RW));
}

CASE(mremap_grow, mremap)
{
	char *p = map(PAGE, RW), *q;

	strcpy(p, "moved");
	q = mremap(p, PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	try("grow", q);
	TELL("%s %d\n", q, q[63 * PAGE]);
	q = mremap(q, 64 * PAGE, PAGE, 0);
	try("shrink", q);
	catch_faults();
	touch("behind", q + PAGE, 0);
}

CASE(mremap_in_place, mremap)
{
	char *p = map(8 * PAGE, RW);

	MUST(munmap(p + 4 * PAGE, 4 * PAGE));
	TRUE(mremap(p, 4 * PAGE, 8 * PAGE, 0) == p);
	TRUE(mremap(p, 2 * PAGE, 2 * PAGE, 0) == p);
	try("no room", mremap(p, 4 * PAGE, 8 * PAGE, 0));
}

CASE(mremap_fixed, mremap)
{
	char *p = map(2 * PAGE, RW), *q = map(2 * PAGE, RW);

	strcpy(p, "here");
	strcpy(q, "there");
	TRUE(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
	TELL("%s\n", q);
	catch_faults();
	touch("old", p, 0);
	try("fixed alone", mremap(q, PAGE, PAGE, MREMAP_FIXED, p));
	try("overlap", mremap(q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + PAGE));
}

CASE(mremap_errors, mremap)
{
	char *p = map(2 * PAGE, RW);

	try("odd", mremap(p + 1, PAGE, PAGE, 0));
	try("new length 0", mremap(p, PAGE, 0, MREMAP_MAYMOVE));
	try("unknown flag", mremap(p, PAGE, PAGE, 0x100));
	try("not mapped", mremap((void *)0x5000, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	try("beyond", mremap(p, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE));
}

CASE(mremap_dontunmap, mremap)
{
	char *p = map(PAGE, RW), *q;

	strcpy(p, "old");
	q = mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	try("keep", q);
	if (q != MAP_FAILED)
		TELL("%s, %d\n", q, p[0]);
}

CASE(munmap_errors, munmap)
{
	char *p = map(PAGE, RW);

	SHOW(munmap(p + 1, PAGE));
	SHOW(munmap(p, 0));
	SHOW(munmap((void *)~0xffful, PAGE));
	SHOW(munmap(p, 1ul << 60));
	SHOW(munmap(p, 100));
	catch_faults();
	touch("gone", p + PAGE - 1, 0);
}

CASE(fault_null, rt_sigaction)
{
	catch_faults();
	touch("read", BAD, 0);
	touch("write", BAD, 1);
	touch("kernel", (char *)~0xffful, 0);
	touch("not canonical", (char *)(1ul << 50), 0);
}
