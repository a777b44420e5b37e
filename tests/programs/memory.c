/* SPDX-License-Identifier: MIT */
/* The memory calls: mmap and its flags, mprotect, mremap, madvise, brk, reservations. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "check.h"

#define PAGE ((size_t)4096)
#define MIB  ((size_t)1 << 20)

static sigjmp_buf back;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

/* Does an access fault? */
static int faults(volatile char *at, int write)
{
	if (sigsetjmp(back, 1) != 0)
		return 1;
	if (write)
		*at = *at;
	else
		(void)*at;
	return 0;
}

static char *map(size_t len, int prot, int flags)
{
	char *p = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	CHECK(p != MAP_FAILED && (uintptr_t)p % PAGE == 0);
	return p;
}

static int is_filled(const char *p, size_t len, char with)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != with)
			return 0;
	}
	return 1;
}

static void test_mmap(void)
{
	char *p = map(3 * MIB + PAGE, PROT_READ | PROT_WRITE, 0);

	CHECK(is_filled(p, 3 * MIB + PAGE, 0));
	memset(p, 7, 3 * MIB + PAGE);
	/* a hole in the middle leaves both sides alone */
	CHECK(munmap(p + MIB, PAGE) == 0);
	CHECK(faults(p + MIB, 0) && faults(p + MIB + PAGE - 1, 1));
	CHECK(is_filled(p, MIB, 7) && is_filled(p + MIB + PAGE, 2 * MIB, 7));
	CHECK(munmap(p, 3 * MIB + PAGE) == 0);
	CHECK(munmap(p, 3 * MIB + PAGE) == 0);
	CHECK(faults(p, 0));
	CHECK_ERRNO(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
	CHECK_ERRNO(mmap(NULL, (size_t)1 << 50, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		ENOMEM);
	CHECK_ERRNO(munmap(p + 1, PAGE), EINVAL);
	CHECK_ERRNO(munmap(p, 0), EINVAL);
}

static void test_fixed(void)
{
	char *p = map(16 * PAGE, PROT_READ | PROT_WRITE, 0);

	memset(p, 1, 16 * PAGE);
	CHECK(mmap(p + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + 4 * PAGE);
	CHECK(is_filled(p, 4 * PAGE, 1) && is_filled(p + 4 * PAGE, 4 * PAGE, 0) &&
		is_filled(p + 8 * PAGE, 8 * PAGE, 1));
	CHECK_ERRNO(mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			    -1, 0),
		EEXIST);
	CHECK_ERRNO(
		mmap(p + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		EINVAL);
	CHECK(munmap(p + PAGE, PAGE) == 0);
	CHECK(mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0) == p + PAGE); /* a free hint is taken */
	CHECK(munmap(p, 16 * PAGE) == 0);
}

static void test_protection(void)
{
	char *p = map(8 * PAGE, PROT_READ | PROT_WRITE, 0);
	static const unsigned char ret42[] = {0xb8, 42, 0, 0, 0, 0xc3};

	memset(p, 3, 8 * PAGE);
	CHECK(mprotect(p + 2 * PAGE, PAGE, PROT_READ) == 0);
	CHECK(mprotect(p + 5 * PAGE, 2 * PAGE, PROT_NONE) == 0);
	for (int i = 0; i < 8; i++) {
		CHECK(faults(p + i * PAGE, 0) == (i == 5 || i == 6));
		CHECK(faults(p + i * PAGE, 1) == (i == 2 || i == 5 || i == 6));
	}
	CHECK(mprotect(p, 8 * PAGE, PROT_READ | PROT_WRITE) == 0);
	CHECK(is_filled(p, 8 * PAGE, 3));
	memcpy(p, ret42, sizeof(ret42));
	CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
	CHECK(((int (*)(void))p)() == 42);
	CHECK_ERRNO(syscall(SYS_mprotect, p + 1, PAGE, PROT_READ), EINVAL);
	CHECK(munmap(p + 4 * PAGE, PAGE) == 0);
	CHECK_ERRNO(mprotect(p, 8 * PAGE, PROT_READ), ENOMEM);
	CHECK(munmap(p, 8 * PAGE) == 0);
}

static void test_mremap(void)
{
	char *p = map(4 * PAGE, PROT_READ | PROT_WRITE, 0), *q, *wall;

	memset(p, 9, 4 * PAGE);
	q = mremap(p, 4 * PAGE, 5 * MIB, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	CHECK(is_filled(q, 4 * PAGE, 9) && is_filled(q + 4 * PAGE, 5 * MIB - 4 * PAGE, 0));
	if (q != p)
		CHECK(faults(p, 0));
	CHECK(mremap(q, 5 * MIB, PAGE, 0) == q);
	CHECK(is_filled(q, PAGE, 9) && faults(q + PAGE, 0));
	CHECK(munmap(q, PAGE) == 0);

	p = map(4 * PAGE, PROT_READ | PROT_WRITE, 0);
	wall = p + 2 * PAGE;
	p[0] = 4;
	CHECK_ERRNO(mremap(p, 2 * PAGE, 3 * PAGE, 0), ENOMEM);
	q = map(16 * PAGE, PROT_NONE, 0);
	CHECK(mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + 4 * PAGE) ==
		q + 4 * PAGE);
	CHECK(q[4 * PAGE] == 4 && q[7 * PAGE - 1] == 0 && faults(q + 7 * PAGE, 0));
	CHECK(faults(p, 0) && !faults(wall, 1));
	CHECK_ERRNO(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	CHECK(munmap(wall, 2 * PAGE) == 0 && munmap(q, 16 * PAGE) == 0);
}

static void test_madvise(void)
{
	char *p = map(4 * MIB, PROT_READ | PROT_WRITE, 0);

	memset(p, 5, 4 * MIB);
	CHECK(madvise(p + PAGE, 3 * MIB, MADV_DONTNEED) == 0);
	CHECK(is_filled(p, PAGE, 5) && is_filled(p + PAGE, 3 * MIB, 0) &&
		is_filled(p + PAGE + 3 * MIB, MIB - PAGE, 5));
	p[2 * PAGE] = 1;
	CHECK(p[2 * PAGE] == 1);
	CHECK(madvise(p, 4 * MIB, MADV_HUGEPAGE) == 0);
	CHECK(madvise(p, 4 * MIB, MADV_WILLNEED) == 0);
	CHECK(p[0] == 5);
	CHECK_ERRNO(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK(munmap(p, 4 * MIB) == 0);
	CHECK_ERRNO(madvise(p, PAGE, MADV_DONTNEED), ENOMEM);
}

static void test_brk(void)
{
	char *start = sbrk(0), *p;

	p = sbrk((intptr_t)(3 * MIB));
	CHECK(p == start && sbrk(0) == start + 3 * MIB);
	CHECK(is_filled(p, 3 * MIB, 0));
	memset(p, 6, 3 * MIB);
	CHECK(sbrk(-(intptr_t)(2 * MIB)) == start + 3 * MIB && sbrk(0) == start + MIB);
	CHECK(is_filled(p, MIB, 6) && faults(p + MIB + PAGE, 0));
	CHECK(sbrk((intptr_t)MIB) == start + MIB &&
		is_filled(start + MIB + PAGE, MIB - PAGE, 0));
	CHECK(brk(start) == 0 && sbrk(0) == start);
}

/* Reserved, not used: a TiB, as language runtimes and sanitizers do. */
static void test_reserve(void)
{
	size_t len = (size_t)1 << 40;
	char *p = map(len, PROT_NONE, MAP_NORESERVE), *q;

	CHECK(faults(p + len / 2, 0));
	CHECK(mprotect(p + len / 2, PAGE, PROT_READ | PROT_WRITE) == 0);
	p[len / 2] = 1;
	CHECK(munmap(p, len) == 0);
	q = map(len, PROT_READ | PROT_WRITE, MAP_NORESERVE);
	for (size_t at = 0; at < len; at += len / 16) {
		CHECK(q[at] == 0);
		q[at] = 2;
	}
	CHECK(munmap(q, len) == 0);
}

static void test_many_pieces(void)
{
	enum { PIECES = 2000 };
	char *p = map(PIECES * 2 * PAGE, PROT_READ | PROT_WRITE, 0);

	memset(p, 8, PIECES * 2 * PAGE);
	for (size_t i = 0; i < PIECES; i++)
		CHECK(mprotect(p + i * 2 * PAGE, PAGE, i % 2 ? PROT_NONE : PROT_READ) == 0);
	for (size_t i = 0; i < PIECES; i += 97)
		CHECK(faults(p + i * 2 * PAGE, 1) && !faults(p + (i * 2 + 1) * PAGE, 1));
	CHECK(mprotect(p, PIECES * 2 * PAGE, PROT_READ | PROT_WRITE) == 0);
	CHECK(is_filled(p, PIECES * 2 * PAGE, 8));
	CHECK(munmap(p, PIECES * 2 * PAGE) == 0);
}

/* malloc through brk, arenas and mmap, with realloc: contents stay. */
static void test_malloc(void)
{
	enum { N = 300 };
	static char *block[N];
	uint64_t seed = 42;

	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < N; i++) {
			size_t len = check_random(&seed) % (i % 10 ? 5000 : 600000) + 1;

			block[i] = realloc(block[i], len);
			CHECK(block[i] != NULL);
			memset(block[i], (int)i, len);
			block[i] = realloc(block[i], len * 2);
			CHECK(block[i] != NULL && is_filled(block[i], len, (char)i));
		}
		for (size_t i = 0; i < N; i += 3) {
			free(block[i]);
			block[i] = NULL;
		}
	}
	for (size_t i = 0; i < N; i++)
		free(block[i]);
	CHECK(aligned_alloc(2 * MIB, 4 * MIB) != NULL);
}

/* Memory that no one has backed yet is given to a call. */
static void test_untouched_buffer(void)
{
	char *p = map(8 * MIB, PROT_READ | PROT_WRITE, MAP_NORESERVE);
	int fd = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);

	CHECK(fd >= 0 && null >= 0);
	CHECK(read(fd, p + MIB + 5, 5 * MIB) == (ssize_t)(5 * MIB));
	CHECK(write(null, p + 7 * MIB, MIB) == (ssize_t)MIB);
	CHECK(is_filled(p, 8 * MIB, 0));
	CHECK(close(fd) == 0 && close(null) == 0 && munmap(p, 8 * MIB) == 0);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{"mmap", test_mmap},
		{"fixed", test_fixed},
		{"protection", test_protection},
		{"mremap", test_mremap},
		{"madvise", test_madvise},
		{"brk", test_brk},
		{"reserve", test_reserve},
		{"many_pieces", test_many_pieces},
		{"malloc", test_malloc},
		{"untouched_buffer", test_untouched_buffer},
	};
	struct sigaction action = {.sa_handler = on_fault};

	(void)argc;
	CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
	return check_run(cases, ARRAY_LEN(cases), argv + 1);
}
